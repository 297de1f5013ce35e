"""Contacts and what was delivered to them."""

"""Contacts, and the deliveries of messages to them."""

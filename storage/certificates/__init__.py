"""Certificates with their keys, their installations in provider stores, and their usage."""

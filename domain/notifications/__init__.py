"""Notifications: contacts and their channels, events, messages, the daily expiry watch."""

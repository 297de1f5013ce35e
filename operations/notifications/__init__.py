"""Notifies contacts by mail, webhook and chat; activities and the starter call it."""

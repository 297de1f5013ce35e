"""Syncs the inventory with the providers; activities and the CLI call it."""

"""Accounts, resources, bindings, and what a connector must be able to do."""

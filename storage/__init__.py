"""Persistence: the database, its migrations, and the vault for secrets. Imports only `domain`."""

"""Verifying by handshake that a resource serves what it should."""

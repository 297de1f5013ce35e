"""Handshakes, trust stores and revocation lookups."""

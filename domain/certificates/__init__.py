"""Certificates, keys and chains: parsing, validation, names, expiry, renewal, revocation."""

"""Certificates, where they are installed, and which stores hold what."""

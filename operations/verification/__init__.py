"""Verifies by handshakes what resources serve; activities and `certroll verify` call it."""

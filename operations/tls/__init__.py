"""Makes handshakes, loads trust stores and asks for revocation; operations call it."""

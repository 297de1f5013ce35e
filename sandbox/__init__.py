"""A practice cloud on loopback: real wire formats, real TLS, faults on demand; no real cloud."""

"""A practice cloud on loopback: real wire formats, real TLS, faults on demand.

It shares no code with the other packages.
"""

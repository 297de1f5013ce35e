"""Compares certroll with another tool: same practice cloud, same faults, same handshakes."""

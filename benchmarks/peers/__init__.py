"""Beside another tool: the same practice cloud, the same faults, judged by the same handshakes."""

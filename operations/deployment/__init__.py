"""One change: guards, installation, lock, outcome."""

"""The expiry view, drift, and certificates that no task replaces in time."""

"""The demo: the whole thread against a practice cloud."""

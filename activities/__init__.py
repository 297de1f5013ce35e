"""Temporal activities: each is one attempt at one step, and may be repeated after a crash."""

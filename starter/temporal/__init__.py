"""Connecting to Temporal, starting it, and its schedules."""

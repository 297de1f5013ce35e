"""Connects to Temporal, starts it on this machine, and keeps its schedules."""

"""Maintenance windows and freezes: when changes may start."""

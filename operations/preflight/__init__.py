"""Runs preflight for a plan or a task; activities and the CLI call it."""

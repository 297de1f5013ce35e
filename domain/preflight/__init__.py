"""Checks that run before the first change, and what each of them finds."""

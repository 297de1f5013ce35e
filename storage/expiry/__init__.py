"""Queries on what expires when."""

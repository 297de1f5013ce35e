"""Deployment tasks with their outcomes, retries and evidence."""

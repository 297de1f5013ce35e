"""Deployment tasks: statuses, messages between workflow and activities, evidence, retries."""

"""The demo: a deployment and its rollback against a practice cloud."""

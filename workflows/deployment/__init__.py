"""The workflow of a deployment task."""

"""Commands for deployment tasks."""

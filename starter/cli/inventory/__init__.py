"""Commands for the inventory."""

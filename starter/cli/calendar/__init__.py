"""Commands for maintenance windows and freezes."""

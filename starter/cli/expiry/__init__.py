"""Commands for what expires when."""

"""One attempt at one step. Every step may be repeated after a crash with the same result."""

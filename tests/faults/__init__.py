"""Real processes killed in the middle of their work, and what is right once they are back."""

"""The vault, its keys, and the key that signs reports."""

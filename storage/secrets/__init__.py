"""The vault, its key-encryption keys, and the key that signs reports."""

"""The command that ACME clients call after a renewal."""

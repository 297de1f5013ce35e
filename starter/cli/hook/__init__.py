"""`certroll hook`, which ACME clients call after a renewal."""

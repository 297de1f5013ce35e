"""Each known cause of an outage, made on purpose: docs/checks.md says what stops it."""

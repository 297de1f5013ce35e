"""The clock, the connectors and their rate limits; all operations use them."""

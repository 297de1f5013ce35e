"""What all operations need: clock, connectors, rate limits."""

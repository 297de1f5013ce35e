"""What contacts are told: events, messages, the daily expiry watch."""

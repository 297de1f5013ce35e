"""How a task proceeds: waves, canary, bake time, failure budget, backoff."""

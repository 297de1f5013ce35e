"""Tasks, outcomes, evidence, retries."""

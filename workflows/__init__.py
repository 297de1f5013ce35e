"""Workflows: what happens in what order. They are deterministic and act through activities."""

"""Locks and rate budgets over all workers."""

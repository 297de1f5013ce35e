"""Benchmarks beside baselines of the same run; they assert nothing."""

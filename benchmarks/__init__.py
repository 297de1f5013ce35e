"""Benchmarks, each compared with a baseline of the same run; they assert nothing."""

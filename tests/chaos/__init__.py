"""Random scenarios against real processes, each drawn from a seed: `make chaos N=100`."""

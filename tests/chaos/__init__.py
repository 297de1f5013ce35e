"""Random scenarios with real processes, each from a seed: `make chaos N=100`."""

"""What happens, in what order. Deterministic: the world is reached only through activities."""

"""Running the checks before the first change."""

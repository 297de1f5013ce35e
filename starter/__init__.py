"""Who asks: the CLI, and the only callers of Temporal."""

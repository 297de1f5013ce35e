"""How fast it is, beside baselines of the same run; nothing here is asserted."""

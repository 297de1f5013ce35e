"""Plans: matching certificates to resources, the rules that refuse, and what a plan costs."""

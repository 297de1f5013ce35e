"""Reading what the resources of the inventory serve."""

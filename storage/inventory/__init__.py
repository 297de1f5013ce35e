"""The inventory: resources, their bindings, and the progress of syncs."""

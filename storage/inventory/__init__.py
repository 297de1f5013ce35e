"""The inventory: resources, bindings, sync progress."""

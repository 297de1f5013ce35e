"""What several connectors share: base classes by kind of resource."""

"""Posts events to an account of a provider, and proves with the connector that they are read back."""

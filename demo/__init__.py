"""What the connector does, seen in two minutes: the sandbox's events, synced into a DuckDB file with PyAirbyte."""

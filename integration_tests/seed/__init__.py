"""Posts events to an account and has the connector read them back: `python -m integration_tests.seed --file FILE`."""

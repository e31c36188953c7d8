"""The systems that can take events: a module each, named as the connector's provider."""

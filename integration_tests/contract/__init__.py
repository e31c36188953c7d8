"""Compares every request that the connector makes of CareCloud with the provider's own OpenAPI definition.

The definition is not part of the project: who has a copy gives its path. The answers come from the sandbox.
"""

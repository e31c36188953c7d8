"""All systems, as the registry and the sandbox have them: their streams, and configurations for the sandbox."""

from __future__ import annotations

from typing import Any

from docs.generate import streams_of
from integration_tests.connector import Json
from sandbox.process import Sandbox
from sandbox.provider import descriptions
from source_events import providers

STREAMS = {system: tuple(stream.name for stream in streams_of(system)) for system in providers.names()}
KEYS = {system: {stream.name: stream.primary_key for stream in streams_of(system)} for system in providers.names()}
"""The primary key of each stream."""


def config(system: str, sandbox: Sandbox, **fields: Any) -> Json:
    """The configuration that the sandbox's page shows, for the time of its generated events."""
    generated = {"start_date": "2024-01-01T00:00:00Z", "end_date": "2024-03-31T23:59:59Z"}
    return {**descriptions(sandbox.url)[system].config, **generated, **fields}

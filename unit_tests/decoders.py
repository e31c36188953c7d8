"""Decoders as the manifests describe them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from source_events import providers
from source_events.components.factory import Factory
from source_events.runtime import Runtime
from unit_tests.schemas import names_in


def decoder_of(provider: str, reader: str, config: Mapping[str, Any], schema: str | None, **fields: Any) -> Any:
    """The decoder of a reader that a provider's manifest defines; with a schema's fields, and others than its own."""
    described = providers.definition(provider, reader)["requester"]["decoder"]
    known = names_in(provider, schema) if schema else None
    runtime = Runtime(1)
    return Factory(config, runtime, runtime.stream(reader), known).make({**described, **fields})

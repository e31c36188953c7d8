"""What the tests of hostile and odd data need of a provider: the `CASES` of `providers/NAME/odd_data.py`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from source_events import providers
from source_events.components.decoder import Decoder
from source_events.components.factory import Factory
from source_events.records.rows import ENVELOPE_FIELDS
from source_events.runtime import Runtime
from unit_tests.schemas import names_in

TIME = "2024-01-01T00:00:00Z"
ENTITY = frozenset({"id", "provider", "organizationId"})


@dataclass(frozen=True)
class Case:
    """A decoder, a row with no more than it needs, and the answer around rows."""

    decoder: Decoder
    row: Mapping[str, Any]
    around: tuple[bytes, bytes]
    added: frozenset[str] = frozenset(ENVELOPE_FIELDS)
    required: tuple[tuple[str, ...], ...] = ()
    """The paths to its id and its time: a row without one, or with nothing there, is an error."""
    id: str = "e"
    """The row's, as the record has it."""

    def body(self, *rows: bytes) -> bytes:
        return self.around[0] + b",".join(rows) + self.around[1]


def decoder_of(provider: str, stream: str) -> Callable[..., Decoder]:
    """What makes the decoder that a manifest has for a stream."""

    def decoder(config: dict[str, Any], known: Collection[str]) -> Decoder:
        [found] = [each for each in providers.manifest(provider)["streams"] if each["name"] == stream]
        runtime = Runtime(1)
        made: Decoder = Factory(config, runtime, runtime.stream(stream), known).make(
            found["retriever"]["requester"]["decoder"]
        )
        return made

    return decoder


def case(decoder: Callable[..., Decoder], provider: dict[str, Any], schema: str, **fields: Any) -> Case:
    name = schema.split()[0]
    return Case(decoder({"provider": {"provider_type": name, **provider}}, known=names_in(*schema.split())), **fields)

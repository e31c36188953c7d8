"""A project of CareCloud, as the components of its provider get it."""

from __future__ import annotations

from typing import Any

from source_events.components.mapped import MappedEntityDecoder
from source_events.providers.carecloud.answers import EventDecoder
from source_events.settings.configuration import complete
from unit_tests.decoders import decoder_of


def config(**provider: Any) -> dict[str, Any]:
    credentials = {"auth_type": "bearer", "login": "l", "password": "p", "external_application_id": "a"}
    fields = {"api_url": "https://project.example.com/v1.0", "time_zone": "Europe/Prague", "credentials": credentials}
    return {
        "provider": {"provider_type": "carecloud", **fields, **provider},
        "start_date": "2024-01-01T00:00:00Z",
        "end_date": "2024-12-31T00:00:00Z",
    }


def completed(**fields: Any) -> dict[str, Any]:
    return dict(complete({**config(), **fields}))


def events(collection: str = "events") -> EventDecoder:
    decoder: EventDecoder = decoder_of("carecloud", "events", config(), "events", rows=f"data.{collection}")
    return decoder


def listed(collection: str, key: str = "id", schema: str | None = None) -> MappedEntityDecoder:
    decoder: MappedEntityDecoder = decoder_of("carecloud", "list", config(), schema, rows=f"data.{collection}", key=key)
    return decoder

"""Rows with no more than is needed, to which the tests of odd data do everything."""

from __future__ import annotations

from functools import partial

from source_events.providers.carecloud.answers import EventDecoder
from unit_tests.odd import case, decoder_of

PROVIDER = {"api_url": "https://project.example/v1.0", "time_zone": "UTC"}

CASES = {
    "carecloud": case(
        partial(EventDecoder, rows="data.events"),
        schema="carecloud events",
        provider=PROVIDER,
        row={"event_id": "e", "created_at": "2024-01-01 00:00:00"},
        around=(b'{"data":{"events":[', b"]}}"),
        required=(("event_id",), ("created_at",)),
    ),
    "carecloud reference list": case(
        decoder_of("carecloud", "event_types"),
        schema="carecloud event_types",
        provider=PROVIDER,
        row={"event_type_id": "t"},
        around=(b'{"data":{"event_types":[', b"]}}"),
        added=frozenset({"provider", "organizationId"}),
        required=(("event_type_id",),),
    ),
}

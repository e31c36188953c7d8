"""Rows with no more than is needed, to which the tests of odd data do everything."""

from __future__ import annotations

from source_events.providers.app_market.answers import ContactDecoder, EventDecoder
from unit_tests.odd import ENTITY, TIME, case

CASES = {
    "app_market": case(
        EventDecoder,
        schema="app_market events",
        provider={"instance_id": "o", "time_zone": "UTC"},
        row={"id": "e", "event_type": "visit", "created_on": TIME},
        around=(b"[", b"]"),
        required=(("created_on",),),
    ),
    "app_market contacts": case(
        ContactDecoder,
        schema="app_market contacts",
        provider={"instance_id": "o", "time_zone": "UTC"},
        row={"id": "c"},
        around=(b'{"contacts":[', b"]}"),
        added=ENTITY,
    ),
}

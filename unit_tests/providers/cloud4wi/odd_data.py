"""Rows with no more than is needed, to which the tests of odd data do everything."""

from __future__ import annotations

from functools import partial

from source_events.providers.cloud4wi.answers import EventDecoder
from unit_tests.odd import TIME, case

CASES = {
    "cloud4wi": case(
        partial(EventDecoder, rows="events", next="scrollId?", total="count?"),
        schema="cloud4wi events",
        provider={"organization_id": "o"},
        row={"event": {"id": "e", "type": "visit"}, "customerId": "c", "when": {"createdAt": TIME}},
        around=(b'{"events":[', b"]}"),
        required=(("event", "id"), ("when", "createdAt"), ("when",)),
    ),
}

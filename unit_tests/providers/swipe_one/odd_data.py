"""Rows with no more than is needed, to which the tests of odd data do everything."""

from __future__ import annotations

from functools import partial

from source_events.providers.swipe_one.answers import EventDecoder
from unit_tests.odd import ENTITY, TIME, case, decoder_of

CASES = {
    "swipe_one": case(
        partial(EventDecoder, rows="data.events", total="data.count?"),
        schema="swipe_one contact_events",
        provider={"workspace_id": "o"},
        row={"type": "visit", "timestamp": TIME},
        around=(b'{"status":"success","data":{"events":[', b"]}}"),
        required=(("timestamp",),),
    ),
    "swipe_one contacts": case(
        decoder_of("swipe_one", "contacts"),
        schema="swipe_one contacts",
        provider={"workspace_id": "o"},
        row={"_id": "c"},
        around=(b'{"status":"success","data":{"contacts":[', b"]}}"),
        added=ENTITY,
        required=(("_id",),),
    ),
}

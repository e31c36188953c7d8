from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unit_tests.conformance import fake
from unit_tests.conformance.fake import NATIVE, Event, json_of
from unit_tests.exchange import Request, Response


class Fake(fake.Fake):
    """Both bounds are in milliseconds and exclusive. Pages have offsets; no event has an id."""

    has_ids = False
    provider = {  # noqa: RUF012
        "provider_type": "app_market",
        "instance_id": "i",
        "api_secret": "a-fake-secret-that-is-long-enough",
    }

    @property
    def lists(self) -> Mapping[str, Sequence[str]]:  # type: ignore[override]
        return {"contacts": self.contacts}

    def answer(self, made: Request) -> Response:
        query = dict(made.query)
        if "since" not in query:
            page = self.page(self.contacts, int(query["offset"]))
            return json_of({"contacts": [{**NATIVE, "id": each} for each in page]})
        events = self.of_contact(query["contactId"]) if query["contactId"] else self.events
        first, last = int(query["since"]), int(query["until"])
        found = [self._row(event) for event in events if first < event.time.timestamp() * 1000 < last]
        return json_of({"total": len(found), "events": self.page(found, int(query["offset"]))})

    @staticmethod
    def _row(event: Event) -> dict[str, Any]:
        return {
            **event.fields,
            "event_type": event.type,
            "created_on": event.time.replace(tzinfo=None).isoformat(timespec="microseconds") + "0",
            "contact_id": event.contact,
            "content": {"n": event.id},
        }

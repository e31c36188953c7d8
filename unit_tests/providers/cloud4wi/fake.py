from __future__ import annotations

from typing import Any

from unit_tests.conformance import fake
from unit_tests.conformance.fake import NATIVE, Event, json_of, moment_of
from unit_tests.exchange import Request, Response


class Fake(fake.Fake):
    """Both bounds are inclusive. A scroll ends with an empty page; a contact's events have no pages."""

    provider = {  # noqa: RUF012
        "provider_type": "cloud4wi",
        "organization_id": "o",
        "client_key": "a-fake-key",
        "client_secret": "a-fake-secret",
    }
    lists = {"contacts": ["c1", "c2", "c3"], "locations": ["l1", "l2", "l3"]}  # noqa: RUF012

    def answer(self, made: Request) -> Response:
        if made.method == "POST":
            return json_of({"token": "a-fake-token"})
        query = dict(made.query)
        if made.url.endswith("/locations"):
            return json_of({"locations": [{**NATIVE, "id": each} for each in self.lists["locations"]]})
        if "/v2/" in made.url:
            offset = int(query.get("sid", "s0")[1:])
            contacts = self.page(self.lists["contacts"], offset)
            rows = [{**NATIVE, "id": "its own", "cid": each} for each in contacts]
            return json_of({"customers": rows, "sid": f"s{offset + len(rows)}"})
        first, last = moment_of(query["dateStart"]), moment_of(query["dateEnd"])
        contact = made.url.partition("/customers/")[2].removesuffix("/events")
        events = self.of_contact(contact) if contact else self.events
        found = [self._row(event) for event in events if first <= event.time <= last]
        if contact:
            return json_of({"events": found})
        offset = int(query.get("scrollId", "s0")[1:])
        rows = self.page(found, offset)
        return json_of({"events": rows, "scrollId": f"s{offset + len(rows)}", "count": len(found)})

    @staticmethod
    def _row(event: Event) -> dict[str, Any]:
        return {
            **event.fields,
            "customerId": event.contact,
            "event": {"type": event.type, "id": event.id},
            "when": {"createdAt": event.utc},
        }

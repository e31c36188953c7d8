from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from unit_tests.conformance import fake
from unit_tests.conformance.fake import NATIVE, Event, json_of
from unit_tests.exchange import Request, Response


class Fake(fake.Fake):
    """No event has an id, and nothing filters by time. Pages have numbers, and the newest event comes first."""

    has_ids = False
    precision = timedelta(milliseconds=1)
    provider = {"provider_type": "swipe_one", "workspace_id": "w", "api_key": "a-fake-key"}  # noqa: RUF012

    @property
    def lists(self) -> Mapping[str, Sequence[str]]:  # type: ignore[override]
        return {"contacts": self.contacts, "event_definitions": ["email_opened", "link_clicked"]}

    def answer(self, made: Request) -> Response:
        query = dict(made.query)
        if made.url.endswith("/event-definitions"):
            found = [{**NATIVE, "name": each} for each in self.lists["event_definitions"]]
            return json_of({"status": "success", "data": {"eventDefinitions": found}})
        if made.url.endswith("/contacts"):
            offset = int(query.get("searchAfter", "0"))
            page = self.page(self.contacts, offset)
            after = {"searchAfter": str(offset + len(page))} if offset + len(page) < len(self.contacts) else {}
            return json_of({"status": "success", "data": {"contacts": [self._contact(each) for each in page], **after}})
        newest = sorted(self.of_contact(made.url.split("/")[-2]), key=lambda event: event.time, reverse=True)
        rows = self.page(newest, (int(query["page"]) - 1) * self.page_size)
        data = {"events": [self._row(event) for event in rows], "count": len(newest)}
        return json_of({"status": "success", "data": data})

    def _contact(self, name: str) -> dict[str, Any]:
        created = min(event.time for event in self.of_contact(name)).isoformat()
        return {**NATIVE, "id": "its own", "_id": name, "createdAt": created}

    @staticmethod
    def _row(event: Event) -> dict[str, Any]:
        return {
            **event.fields,
            "type": event.type,
            "timestamp": event.utc,
            "contactId": event.contact,
            "properties": {"n": event.id},
        }

"""A small model of Swipe One's API."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from unit_tests.exchange import Request, Response
from unit_tests.models import Event, Model, answered, utc


class SwipeOne(Model):
    """No event has an id, pages have numbers, the newest event comes first.

    The total is documented, and without it nothing would tell pages of twins from a page that comes again.
    """

    stream = "contact_events"

    @property
    def provider(self) -> dict[str, Any]:
        return {"provider_type": "swipe_one", "workspace_id": "w", "api_key": "fake"}

    def content(self, record: dict[str, Any]) -> Any:
        return record["contactId"], record["createdAt"], record["properties"]["n"]

    def normal(self, event: Event) -> Event:
        moment = event.moment.replace(microsecond=event.moment.microsecond // 1000 * 1000)
        return Event(moment, event.contact, event.content)

    def expected(self, event: Event) -> Any:
        return event.contact, self._time(event), event.content

    def answer(self, made: Request) -> Response:
        query = dict(made.query)
        if made.url.endswith("/contacts"):
            contacts = sorted({event.contact for event in self.events})
            offset = int(query.get("searchAfter", "0"))
            page = self.page(contacts, offset)
            after = {"searchAfter": str(offset + len(page))} if offset + len(page) < len(contacts) else {}
            return answered(
                {"status": "success", "data": {"contacts": [self._contact(name) for name in page], **after}}
            )
        contact = urlsplit(made.url).path.split("/")[-2]
        own = [event for event in self.events if event.contact == contact]
        newest = sorted(own, key=lambda event: (event.moment, event.content), reverse=True)
        rows = self.page(newest, (int(query["page"]) - 1) * self.habits.page)
        data = {"events": [self._item(event) for event in rows], "count": len(own)}
        return answered({"status": "success", "data": data})

    def _contact(self, name: str) -> dict[str, Any]:
        first = min(event.moment for event in self.events if event.contact == name)
        return {"_id": name, "createdAt": utc(first)}

    @staticmethod
    def _time(event: Event) -> str:
        return event.moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"

    def _item(self, event: Event) -> dict[str, Any]:
        return {"type": "t", "timestamp": self._time(event), "properties": {"n": event.content}}


MODELS = [SwipeOne]

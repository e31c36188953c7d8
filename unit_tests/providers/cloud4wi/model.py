"""A small model of Cloud4Wi's API."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from unit_tests.exchange import Request, Response
from unit_tests.models import Event, Model, answered, utc


class Cloud4Wi(Model):
    """The bounds are documented as inclusive. The end of a scroll is an empty page."""

    @property
    def provider(self) -> dict[str, Any]:
        return {"provider_type": "cloud4wi", "organization_id": "o", "client_key": "k", "client_secret": "fake"}

    def answer(self, made: Request) -> Response:
        if made.method == "POST":
            return answered({"token": "a-fake-token"})
        query = dict(made.query)
        first, last = (datetime.fromisoformat(query[name].replace("Z", "+00:00")) for name in ("dateStart", "dateEnd"))
        found = [(number, event) for number, event in enumerate(self.events) if first <= event.moment <= last]
        contact = urlsplit(made.url).path.split("/customers/")[1:]
        if contact:
            rows = [each for each in found if each[1].contact == contact[0].removesuffix("/events")]
            return answered({"events": [self._item(*each) for each in rows]})
        offset = int(query.get("scrollId", "s0")[1:])
        rows = list(self.page(self.ordered(found), offset))
        body: dict[str, Any] = {"events": [self._item(*each) for each in rows], "scrollId": f"s{offset + len(rows)}"}
        return answered(body | ({"count": len(found)} if self.habits.totals else {}))

    def _item(self, number: int, event: Event) -> dict[str, Any]:
        return {
            "customerId": event.contact,
            "event": {"type": "visit", "id": f"e{number}"},
            "when": {"createdAt": utc(event.moment)},
            "content": {"n": event.content},
        }


class Cloud4WiContacts(Cloud4Wi):
    stream = "contact_events"


MODELS = [Cloud4Wi, Cloud4WiContacts]

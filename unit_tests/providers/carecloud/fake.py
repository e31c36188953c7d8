from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from unit_tests.conformance import fake
from unit_tests.conformance.fake import Event, json_of
from unit_tests.exchange import Request, Response

PRAGUE = ZoneInfo("Europe/Prague")


class Fake(fake.Fake):
    """Times are on the project's clock, to the second, and both bounds are inclusive. Pages have offsets."""

    precision = timedelta(seconds=1)
    not_events = ("property_records",)
    provider = {  # noqa: RUF012
        "provider_type": "carecloud",
        "api_url": "https://project.example.com/api",
        "time_zone": "Europe/Prague",
        "credentials": {"auth_type": "basic", "login": "l", "password": "a-fake-password"},
    }

    def answer(self, made: Request) -> Response:
        query = dict(made.query)
        contact = made.url.partition("/customers/")[2].removesuffix("/events")
        rows = sorted(
            (self._row(event) for event in (self.of_contact(contact) if contact else self.events)),
            key=lambda row: str(row["created_at"]),
        )
        found = [row for row in rows if query.get("time_from", "") <= row["created_at"] <= query.get("time_to", "9")]
        page = self.page(found, int(query.get("offset", "0")))
        return json_of({"data": {"customer_events" if contact else "events": page, "total_items": len(found)}})

    @staticmethod
    def _row(event: Event) -> dict[str, Any]:
        return {
            **event.fields,
            "event_id": event.id,
            "event_type_id": event.type,
            "customer_id": event.contact,
            "created_at": event.time.astimezone(PRAGUE).replace(tzinfo=None).isoformat(" "),
        }

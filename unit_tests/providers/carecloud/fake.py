from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from unit_tests.conformance import fake
from unit_tests.conformance.fake import NATIVE, Event, json_of
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
    lists = {  # noqa: RUF012
        "event_types": ["t1", "t2", "t3"],
        "event_groups": ["g1"],
        "event_properties": ["p1", "p2", "p3"],
        "event_type_properties": ["t1:p1", "t1:p2", "t1:p3", "t3:p2"],
        "contacts": ["c1", "c2", "c3"],
    }

    def answer(self, made: Request) -> Response:
        query = dict(made.query)
        path = made.url.partition("/api/")[2]
        if not path.endswith("events"):
            return self._list(path, int(query.get("offset", "0")))
        contact = made.url.partition("/customers/")[2].removesuffix("/events")
        rows = sorted(
            (self._row(event) for event in (self.of_contact(contact) if contact else self.events)),
            key=lambda row: str(row["created_at"]),
        )
        found = [row for row in rows if query.get("time_from", "") <= row["created_at"] <= query.get("time_to", "9")]
        page = self.page(found, int(query.get("offset", "0")))
        return json_of({"data": {"customer_events" if contact else "events": page, "total_items": len(found)}})

    def _list(self, path: str, offset: int) -> Response:
        """A list of rows, sorted as the keys are, in which nothing changes."""
        kind, _, below = path.partition("/")
        name, key = {
            "event-types": ("event_types", "event_type_id"),
            "event-groups": ("event_groups", "event_group_id"),
            "event-properties": ("event_properties", "property_id"),
            "customers": ("contacts", "customer_id"),
        }[kind]
        found = list(self.lists[name])
        if below:
            of_type = f"{below.removesuffix('/event-properties')}:"
            pairs = self.lists["event_type_properties"]
            found = [pair.removeprefix(of_type) for pair in pairs if pair.startswith(of_type)]
            name, key = "event_properties", "property_id"
        changed = {"last_change": "2024-01-01 00:00:00"} if name == "contacts" else {"event_type_id": "its own"}
        rows = [{**NATIVE, "id": "its own", **changed, key: each} for each in self.page(found, offset)]
        return json_of({"data": {"customers" if name == "contacts" else name: rows, "total_items": len(found)}})

    @staticmethod
    def _row(event: Event) -> dict[str, Any]:
        return {
            **event.fields,
            "event_id": event.id,
            "event_type_id": event.type,
            "customer_id": event.contact,
            "created_at": event.time.astimezone(PRAGUE).replace(tzinfo=None).isoformat(" "),
        }

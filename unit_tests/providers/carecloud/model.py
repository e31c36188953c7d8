"""A small model of CareCloud's API."""

from __future__ import annotations

from datetime import timezone
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from unit_tests.exchange import Request, Response
from unit_tests.models import Event, Model, answered

PRAGUE = ZoneInfo("Europe/Prague")


class CareCloud(Model):
    """Times are local and to the second. An installation that ignores the filter is `Unfiltered`."""

    filters = True

    @property
    def provider(self) -> dict[str, Any]:
        return {
            "provider_type": "carecloud",
            "api_url": "https://project.example.com/api",
            "time_zone": "Europe/Prague",
            "credentials": {"auth_type": "basic", "login": "l", "password": "fake"},
        }

    @property
    def ambiguous(self) -> set[str]:
        local = [event.moment.astimezone(PRAGUE).replace(fold=0) for event in self.events]
        return {
            f"e{number}" for number, time in enumerate(local) if time.replace(fold=1).utcoffset() != time.utcoffset()
        }

    def normal(self, event: Event) -> Event:
        """Of the two instants of an hour that the clock change repeats, a local time is taken for the earlier one."""
        moment = event.moment.replace(microsecond=0).astimezone(PRAGUE).replace(fold=0).astimezone(timezone.utc)
        return Event(moment, event.contact, event.content)

    def answer(self, made: Request) -> Response:
        query = dict(made.query)
        rows = [
            (number, event)
            for number, event in enumerate(self.events)
            if number not in self.deleted
            if not self.filters
            or self.within(self._local(event), query.get("time_from", ""), query.get("time_to", "9999"))
        ]
        contact = urlsplit(made.url).path.split("/customers/")[1:]
        if contact:
            rows = [each for each in rows if each[1].contact == contact[0].removesuffix("/events")]
        assert (query["sort_field"], query["sort_direction"]) == ("created_at", "ASC")
        ordered = sorted(rows, key=lambda numbered: (self._local(numbered[1]), numbered[0]))
        page = [self._item(*each) for each in self.page(ordered, int(query.get("offset", "0")))]
        data = {"customer_events" if contact else "events": page}
        return answered({"data": data | ({"total_items": len(rows)} if self.habits.totals else {})})

    @staticmethod
    def _local(event: Event) -> str:
        return event.moment.astimezone(PRAGUE).replace(tzinfo=None).isoformat(" ")

    def _item(self, number: int, event: Event) -> dict[str, Any]:
        return {
            "event_id": f"e{number}",
            "event_type_id": "t",
            "customer_id": event.contact,
            "created_at": self._local(event),
            "content": {"n": event.content},
            "property_records": [],
        }


class CareCloudContacts(CareCloud):
    stream = "contact_events"


class Unfiltered(CareCloud):
    filters = False


MODELS = [CareCloud, CareCloudContacts, Unfiltered]

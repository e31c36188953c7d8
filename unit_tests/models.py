"""Small models of the four APIs: events, and the habits in which servers differ. They answer requests, and no more."""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from unit_tests.exchange import Request, Response

PRAGUE = ZoneInfo("Europe/Prague")


@dataclass(frozen=True)
class Event:
    """Two events with the same content, contact and time are twins."""

    moment: datetime
    contact: str
    content: int


@dataclass(frozen=True)
class Habits:
    """`page` is the most rows of an answer, whatever was asked for; `exclusive` are the bounds of a time filter."""

    page: int
    order: str
    exclusive: bool
    totals: bool


@dataclass
class Model(ABC):
    """One account. `stream` is what is read of it; `number` of an event is its place in the account."""

    habits: Habits
    events: list[Event] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    """The numbers of events that are not there any more."""
    stream = "org_events"
    looks_deaf = False
    """Whether its answers are, by chance, those of an API that ignores what it is asked for."""

    @property
    def ambiguous(self) -> set[str]:
        """The ids of events whose time means two instants, so that they may come once for each within a sync."""
        return set()

    @property
    @abstractmethod
    def provider(self) -> dict[str, Any]:
        """The configuration's `provider`."""

    @abstractmethod
    def answer(self, made: Request) -> Response:
        """What the API answers."""

    def normal(self, event: Event) -> Event:
        """The event as precisely as the API can tell it."""
        return event

    def content(self, record: dict[str, Any]) -> Any:
        """What a record says beside its id; equal to `expected` of its event."""
        return record["contactId"], record["createdAt"], record["content"]["n"]

    def expected(self, event: Event) -> Any:
        return event.contact, utc(event.moment), event.content

    def ordered(self, events: Sequence[tuple[int, Event]]) -> list[tuple[int, Event]]:
        by_time = sorted(events, key=lambda numbered: (numbered[1].moment, numbered[0]))
        if self.habits.order == "descending":
            return by_time[::-1]
        if self.habits.order == "shuffled":
            random.Random(len(by_time)).shuffle(by_time)
        return by_time

    def page(self, rows: Sequence[Any], offset: int) -> Sequence[Any]:
        return rows[offset : offset + self.habits.page]

    def within(self, value: Any, first: Any, last: Any) -> bool:
        return first < value < last if self.habits.exclusive else first <= value <= last


def utc(moment: datetime) -> str:
    text = moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}Z"


def answered(body: Any) -> Response:
    return Response(json.dumps(body).encode(), 200, {"Content-Type": "application/json"})


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


@dataclass
class AppMarket(Model):
    """Nothing is documented: no event has an id here, and the bounds may be either.

    `looks_deaf`: it has answered another offset with the same rows, as an API does that ignores the offset, and nothing
    tells that these are other events: it announces no total, or there is one row on a page.
    """

    looks_deaf = False
    _served: dict[Any, str] = field(default_factory=dict)

    @property
    def provider(self) -> dict[str, Any]:
        return {"provider_type": "app_market", "instance_id": "i", "api_secret": "a-fake-secret-that-is-long-enough"}

    def expected(self, event: Event) -> Any:
        return event.contact, self._time(event)[:26] + "Z", event.content

    def answer(self, made: Request) -> Response:
        query = dict(made.query)
        found = [
            (number, event)
            for number, event in enumerate(self.events)
            if number not in self.deleted
            if self.within(event.moment.timestamp() * 1000, int(query["since"]), int(query["until"]))
        ]
        rows = [self._item(event) for _, event in self.page(self.ordered(found), int(query["offset"]))]
        self._notice(made, rows)
        return answered({"total": len(found), "events": rows} if self.habits.totals else rows)

    def _notice(self, made: Request, rows: list[Any]) -> None:
        page = (made.without("offset"), json.dumps(rows))
        offset = self._served.setdefault(page, dict(made.query)["offset"])
        if rows and offset != dict(made.query)["offset"] and (not self.habits.totals or len(rows) == 1):
            self.looks_deaf = True

    @staticmethod
    def _time(event: Event) -> str:
        return event.moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "0"

    def _item(self, event: Event) -> dict[str, Any]:
        return {
            "event_type": "t",
            "created_on": self._time(event),
            "contact_id": event.contact,
            "content": {"n": event.content},
        }

"""A workspace's contacts and their events, and how tests add to them."""

import json
import time
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sandbox.histogram import count_by_day
from sandbox.provider import InvalidControlRequest, Options
from sandbox.swipe_one import EVENT_TYPES, EXAMPLE_CONTACT, WORKSPACE_ID
from sandbox.swipe_one.generator import generate_contacts, generate_events
from sandbox.swipe_one.listing import Listing, listing
from sandbox.swipe_one.times import MILLISECOND, SECOND, format_time, now, parse_time


class Event(NamedTuple):
    """One event: what it is sorted by, its time as text, all its other fields as JSON, and when it can be read."""

    time: int
    text: str | None
    body: bytes
    visible: float = 0

    def rendered(self, time_field: str, ids: dict[str, str]) -> bytes:
        added = ({} if self.text is None else {time_field: self.text}) | ids
        return self.body[:-1] + b"," + _compact(added)[1:] if added else self.body


class Workspace:
    """Contacts by id, and each one's events with the newest last; among equal times, the last added is the newest."""

    def __init__(self) -> None:
        self.activity_moves = True
        """Whether an event that is added is an activity of its contact."""
        self.contacts: dict[str, dict[str, Any]] = {}
        self._events: dict[str, list[Event]] = {}
        self._deleted: set[str] = set()
        self._listings: dict[tuple[str, str], Listing] = {}

    def fill(self, options: Options) -> None:
        self._add_contacts(generate_contacts(options.contacts, options.start, options.end))
        self._add(generate_events(options.events, options.contacts, options.seed, options.start, options.end))
        if options.example:
            self._add_contacts([EXAMPLE])
            self._add((EXAMPLE_CONTACT, event) for event in EXAMPLE_EVENTS)

    def has_contact(self, contact: str) -> bool:
        return contact in self.contacts and contact not in self._deleted

    def existing_contacts(self) -> list[dict[str, Any]]:
        return [contact for key, contact in self.contacts.items() if key not in self._deleted]

    def listing(self, sort: str, text: str) -> Listing:
        """The contacts in this order whose name or address has this text; kept until a contact comes or goes."""
        if (sort, text) not in self._listings:
            self._listings[sort, text] = listing(self.existing_contacts(), sort, text)
        return self._listings[sort, text]

    def contact_with_email(self, email: object) -> str | None:
        """The contact with this address; contacts without one are not found by its absence."""
        contacts = self.existing_contacts() if email else ()
        return next((contact["_id"] for contact in contacts if contact.get("email") == email), None)

    def events_of(self, contact: str) -> Sequence[Event]:
        """The events that can be read by now, newest first."""
        moment = time.monotonic()
        return [event for event in reversed(self._events.get(contact, ())) if event.visible <= moment]

    def create_event(self, contact: str, content: Mapping[str, Any], delay: float) -> None:
        """An event that happens now and can be read a little later."""
        created = now()
        self._insert(contact, Event(created, format_time(created), _compact(content), time.monotonic() + delay))

    def drift(self, contact: str, events: int) -> None:
        """Let new events come in, each a millisecond after the last."""
        for _ in range(events):
            newest = self._events[contact][-1].time + MILLISECOND
            body = _compact({"type": "page_viewed", "properties": {"number": len(self._events[contact])}})
            self._insert(contact, Event(newest, format_time(newest), body))

    def by_day(self) -> Mapping[date, int]:
        return count_by_day(event.time // SECOND for events in self._events.values() for event in events)

    def contents(self, contact: str | None) -> list[str]:
        """All events in a form to compare, because they have no ids: a JSON list with the keys of objects sorted.

        The list has contact, type, time, properties and createdBy.
        """
        contacts = self._events if contact is None else [contact]
        return [_content(key, event) for key in contacts for event in self._events.get(key, ())]

    def delete_events(self, contents: Collection[str]) -> int:
        """Delete the events that `contents` tells like these, twins too."""
        before = self._count()
        for contact, events in self._events.items():
            self._events[contact] = [event for event in events if _content(contact, event) not in contents]
        return before - self._count()

    def delete_contact(self, contact: str) -> bool:
        if not self.has_contact(contact):
            return False
        self._deleted.add(contact)
        self._listings.clear()
        return True

    def restore_contacts(self) -> None:
        self._deleted.clear()
        self._listings.clear()

    def add(self, request: Mapping[str, Any], default: Options) -> int:
        """Add contacts, events given in full (with their `contactId`), or generated ones; returns how many events.

        The options say what a request leaves out. `at` files events whose `timestamp` is no time.
        """
        _check_fields(request)
        self._add_contacts(request.get("new_contacts", ()))
        before = self._count()
        if "generate" in request:
            self._generate(request, default)
        at = parse_time(request["at"]) if "at" in request else None
        self._add(((_contact_of(event), event) for event in request.get("events", ())), at)
        return self._count() - before

    def _generate(self, request: Mapping[str, Any], default: Options) -> None:
        contacts = request.get("contacts", default.contacts)
        start, end = request.get("start", default.start), request.get("end", default.end)
        seed = request.get("seed", self._count() + 1_000_000_007)
        known = self.contacts
        self._add_contacts(c for c in generate_contacts(contacts, start, end) if c["_id"] not in known)
        self._add(generate_events(request["generate"], contacts, seed, start, end))

    def _add_contacts(self, contacts: Iterable[Mapping[str, Any]]) -> None:
        for contact in contacts:
            if not isinstance(contact.get("_id"), str):
                raise InvalidControlRequest("a contact needs an `_id`")
            self.contacts[contact["_id"]] = dict(contact)
        self._listings.clear()

    def _add(self, events: Iterable[tuple[str, Mapping[str, Any]]], at: int | None = None) -> None:
        for contact, event in events:
            if contact not in self.contacts:
                self._add_contacts([{"_id": contact, "createdAt": "2024-01-01T00:00:00.000Z"}])
            text = event.get("timestamp")
            body = {name: value for name, value in event.items() if name not in ("timestamp", "contactId")}
            self._insert(contact, Event(_time(text, at), text, _compact(body)))

    def _insert(self, contact: str, event: Event) -> None:
        events = self._events.setdefault(contact, [])
        events.insert(bisect_right(events, event.time, key=lambda other: other.time), event)
        if self.activity_moves and event is events[-1]:
            self.contacts[contact]["lastActivityDate"] = format_time(event.time)
            self._listings = {key: value for key, value in self._listings.items() if key[0] != "lastActivityDate"}

    def _count(self) -> int:
        return sum(map(len, self._events.values()))


EXAMPLE = {
    "_id": EXAMPLE_CONTACT,
    "fullName": "Published Example",
    "createdAt": "2024-07-01T10:00:00.000Z",
    "workspaceId": WORKSPACE_ID,
}
EXAMPLE_EVENTS: Sequence[Mapping[str, Any]] = (
    {
        "type": "email_opened",
        "timestamp": "2024-07-01T10:25:17.183Z",
        "properties": {"email_subject": "Welcome to SwipeOne", "device": "Mobile"},
    },
    {
        "type": "link_clicked",
        "timestamp": "2024-07-02T12:30:10.567Z",
        "properties": {"url": "https://swipeone.com/promo", "campaign": "July Promo"},
    },
)
"""The events of the published example, which shows them oldest first although it says newest first."""

FIELDS: Mapping[str, type] = {
    "events": list,
    "new_contacts": list,
    "at": str,
    "generate": int,
    "contacts": int,
    "seed": int,
    "start": str,
    "end": str,
}


def _check_fields(request: Mapping[str, Any]) -> None:
    if not {"events", "new_contacts", "generate"} & set(request):
        raise InvalidControlRequest('expected {"events": [...]}, {"new_contacts": [...]} or {"generate": 100}')
    for name, value in request.items():
        if name not in FIELDS:
            raise InvalidControlRequest(f"no field {name!r}; there are: {', '.join(FIELDS)}")
        if not isinstance(value, FIELDS[name]):
            raise InvalidControlRequest(f"{name} must be of type {FIELDS[name].__name__}")


def check_new_event(content: object) -> Mapping[str, Any]:
    """The body of a request to create an event; `ValueError` says what is wrong with it."""
    if not isinstance(content, Mapping) or set(content) - {"contact", "type", "properties", "createdBy"}:
        raise ValueError("the body must be an object with contact, type, properties and createdBy")
    if not isinstance(content.get("contact"), Mapping):
        raise ValueError("contact must be an object")
    if content.get("type") not in EVENT_TYPES:
        raise ValueError("type must be a predefined event type")
    for name in ("properties", "createdBy"):
        if not isinstance(content.get(name, {}), Mapping):
            raise ValueError(f"{name} must be an object")
    return {name: value for name, value in content.items() if name != "contact"}


def _contact_of(event: object) -> str:
    contact = event.get("contactId") if isinstance(event, Mapping) else None
    if not isinstance(contact, str):
        raise InvalidControlRequest("an event needs a text `contactId`")
    return contact


def _time(text: object, otherwise: int | None) -> int:
    try:
        return parse_time(str(text))
    except ValueError:
        if otherwise is None:
            raise
        return otherwise


def _content(contact: str, event: Event) -> str:
    body = json.loads(event.body)
    return json.dumps(
        [contact, body.get("type"), event.text, body.get("properties"), body.get("createdBy")], sort_keys=True
    )


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

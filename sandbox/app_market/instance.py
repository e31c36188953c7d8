"""The instance's events and contacts, and how requests and tests add to them."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any

from sandbox.app_market import generator
from sandbox.app_market.behaviour import Behaviour
from sandbox.app_market.errors import Refusal, invalid
from sandbox.app_market.parameters import Selection
from sandbox.app_market.records import Contact, Event, microseconds, now
from sandbox.histogram import count_by_day
from sandbox.provider import InvalidControlRequest, Options

CONTACT_FIELDS = {"name", "phone", "company", "email", "addresses"}
GENERATED = {"generate", "contacts", "seed", "start", "end"}


class Instance:
    """All data are generated when they are first asked for: most runs of the sandbox are for other providers."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._deleted: set[str] = set()

    @cached_property
    def events(self) -> list[Event]:
        options = self._options
        return list(generator.events(options.events, options.contacts, options.seed, options.start, options.end))

    @cached_property
    def _contacts(self) -> dict[str, Contact]:
        return {contact.id: contact for contact in generator.contacts(self._options.contacts, self._options.start)}

    def contacts(self) -> list[Contact]:
        return [contact for contact in self._contacts.values() if contact.id not in self._deleted]

    def select(self, selection: Selection, behaviour: Behaviour) -> list[Event]:
        if selection.contact and selection.contact not in self._known_contacts() and not behaviour.ignore_contact:
            if behaviour.unknown_contact == "not_found":
                raise Refusal(404, "there is no such contact")
            return []
        events = [event for event in self.events if _selected(event, selection, behaviour)]
        if behaviour.order != "added":
            events.sort(key=lambda event: event.created, reverse=behaviour.order == "descending")
        return events

    def _known_contacts(self) -> set[str]:
        return (set(self._contacts) | {event.contact for event in self.events if event.contact}) - self._deleted

    def post_event(self, content: Any) -> None:
        """Store an event; only the type and the content are documented, the contact is an assumption."""
        if not isinstance(content, dict) or not {"event_type", "content"} <= set(content) <= {
            "event_type",
            "content",
            "contact_id",
        }:
            raise invalid("an event has event_type and content")
        if not isinstance(content["event_type"], str) or not isinstance(content["content"], dict):
            raise invalid("event_type must be a text, content an object")
        contact = content.get("contact_id")
        self.events.append(Event(str(uuid.uuid4()), content["event_type"], contact, now(), content["content"]))

    def post_contact(self, content: Any) -> None:
        """Store a contact; one with the same e-mail address is updated."""
        if not isinstance(content, dict) or not content.get("email") or not set(content) <= CONTACT_FIELDS:
            raise invalid(f"a contact has an email and any of {', '.join(sorted(CONTACT_FIELDS))}")
        for known in self.contacts():
            if known.fields["email"] == content["email"]:
                self._contacts[known.id] = Contact(known.id, {**known.fields, **content}, known.created, now())
                return
        contact_id = str(uuid.uuid4())
        self._contacts[contact_id] = Contact(contact_id, content, now(), now())

    def by_day(self) -> Mapping[date, int]:
        return count_by_day(event.created // 1_000_000 for event in self.events)

    def event_ids(self, contact: str | None) -> Sequence[str]:
        return [event.id for event in self.events if contact in (None, event.contact)]

    def delete_events(self, ids: Collection[str]) -> int:
        before = len(self.events)
        self.events[:] = [event for event in self.events if event.id not in ids]
        return before - len(self.events)

    def delete_contact(self, contact: str) -> bool:
        """Delete a contact but not its events, which the instance's list goes on to have."""
        if contact not in self._known_contacts():
            return False
        self._deleted.add(contact)
        return True

    def restore_contacts(self) -> None:
        self._deleted.clear()

    def add(self, request: Mapping[str, Any]) -> int:
        """Add events given in full (`at` files those whose time cannot be read), or generated."""
        added = self._generated(request) if "generate" in request else _given(request)
        repeated = {event.id for event in self.events} & {event.id for event in added}
        if repeated:
            raise InvalidControlRequest(f"event ids must be new; {sorted(repeated)[:10]} are not")
        self.events.extend(added)
        return len(added)

    def _generated(self, request: Mapping[str, Any]) -> list[Event]:
        if set(request) - GENERATED:
            raise InvalidControlRequest(f"the fields are: {', '.join(sorted(GENERATED))}")
        options = self._options
        number = request.get("contacts", options.contacts)
        for contact in generator.contacts(number, options.start):
            self._contacts.setdefault(contact.id, contact)
        # Another seed each time, or the second request would repeat the ids of the first.
        seed = request.get("seed", len(self.events) + 1_000_000_007)
        start, end = request.get("start", options.start), request.get("end", options.end)
        return list(generator.events(request["generate"], number, seed, start, end))


def _selected(event: Event, selection: Selection, behaviour: Behaviour) -> bool:
    if selection.types and event.type not in selection.types:
        return False
    if selection.contact and event.contact != selection.contact and not behaviour.ignore_contact:
        return False
    if behaviour.ignore_dates:
        return True
    after = event.created > selection.since or (event.created == selection.since and not behaviour.exclusive_since)
    before = event.created < selection.until or (event.created == selection.until and not behaviour.exclusive_until)
    return after and before


def _given(request: Mapping[str, Any]) -> list[Event]:
    if not isinstance(request.get("events"), list) or set(request) - {"events", "at"}:
        raise InvalidControlRequest('expected {"events": [...]} or {"generate": 100}')
    return [_event(given, request.get("at")) for given in request["events"]]


def _event(given: Mapping[str, Any], at: str | None) -> Event:
    """An event as the API writes it by default, with a time that has an offset."""
    try:
        return Event(
            id=given.get("id") or str(uuid.uuid4()),
            type=given["event_type"],
            contact=given.get("contact_id"),
            created=microseconds(at or given["created_on"]),
            content=given.get("content", {}),
            written=given["created_on"] if at else None,
        )
    except KeyError as error:
        raise InvalidControlRequest(f"an event needs {error}") from error

"""An organisation's events and contacts, and how tests add to them."""

import json
from collections.abc import Collection, Mapping, Sequence
from importlib.resources import files
from typing import Any

from sandbox.cloud4wi.feed import Feed, Row, row_from
from sandbox.cloud4wi.generator import contact_id, generate
from sandbox.cloud4wi.streamed import StreamedFeed
from sandbox.cloud4wi.times import parse_time
from sandbox.provider import InvalidControlRequest, Options


class Organization:
    """The feed as it is now, and the contacts: those generated, with or without events, and those in the feed."""

    def __init__(self, feed: Feed | StreamedFeed, contacts: int = 0) -> None:
        self.feed = feed
        self._generated_contacts = _contact_ids(contacts)
        self._deleted: set[str] = set()

    def contacts(self) -> set[str]:
        return (self._generated_contacts | self.feed.contacts()) - self._deleted

    def has_contact(self, contact: str) -> bool:
        known = contact in self._generated_contacts or self.feed.has_contact(contact)
        return known and contact not in self._deleted

    def delete_contact(self, contact: str) -> bool:
        """Delete a contact but not its events, which the organisation's feed goes on to list."""
        if not self.has_contact(contact):
            return False
        self._deleted.add(contact)
        return True

    def restore_contacts(self) -> None:
        self._deleted.clear()

    def delete_events(self, ids: Collection[str]) -> int:
        before = len(self.feed)
        self.feed = self.feed.without(frozenset(ids))
        return before - len(self.feed)

    def event_ids(self, contact: str | None) -> Sequence[str]:
        return self.feed.ids_of(contact)

    def add(self, request: Mapping[str, Any], default: Options) -> int:
        """Add events given in full or generated; the options say what a request leaves out."""
        rows = self._generated(request, default) if "generate" in request else _given(request)
        self.feed = self.feed.plus(rows)
        return len(rows)

    def _generated(self, request: Mapping[str, Any], default: Options) -> list[Row]:
        _check_fields(request, {"generate": int, "contacts": int, "seed": int, "start": str, "end": str})
        contacts = request.get("contacts", default.contacts)
        # Another seed each time, or the second request would repeat the ids of the first.
        seed = request.get("seed", len(self.feed) + 1_000_000_007)
        start, end = request.get("start", default.start), request.get("end", default.end)
        rows = list(generate(request["generate"], contacts, seed, start, end))
        self._generated_contacts |= _contact_ids(contacts)
        return rows


def example_events() -> list[Row]:
    """The events of the published example."""
    published = json.loads(files("sandbox.cloud4wi").joinpath("example.json").read_bytes())
    return [row_from(item) for item in published["events"]]


def _contact_ids(contacts: int) -> set[str]:
    return {contact_id(number) for number in range(contacts)}


def _given(request: Mapping[str, Any]) -> list[Row]:
    """Events given in full; `at` files those whose `createdAt` cannot be read."""
    _check_fields(request, {"events": list, "at": str})
    if "events" not in request:
        raise InvalidControlRequest('expected {"events": [...]} or {"generate": 100}')
    at = parse_time(request["at"]) if "at" in request else None
    return [row_from(item, at) for item in request["events"]]


def _check_fields(request: Mapping[str, Any], fields: Mapping[str, type]) -> None:
    for name, value in request.items():
        if name not in fields:
            raise InvalidControlRequest(f"no field {name!r}; there are: {', '.join(fields)}")
        if not isinstance(value, fields[name]):
            raise InvalidControlRequest(f"{name} must be of type {fields[name].__name__}")

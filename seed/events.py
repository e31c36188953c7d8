"""The events to post: what the events file says, completed by what the configuration says for all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

SEED_KEY = "seed_key"
"""The field of an event's content that holds its key."""
DEFAULT_FILE = Path(__file__).parent / "examples" / "events.json"

Form = TypeVar("Form")


class SeedFailed(Exception):
    """Why seeding ends early: a sentence that says what happened and which field or permission to mend."""


class PropertyRecord(Struct, frozen=True, forbid_unknown_fields=True):
    property_id: str
    property_value: Any = None


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """An event of the events file. `key` tells it from all others, today and in every later run.

    `created_at` is a time as the API writes it. The optional fields beyond type and contact are not known to every
    provider.
    """

    key: str
    content: dict[str, Any] = {}
    type: str = ""
    contact_id: str = ""
    created_by: dict[str, Any] | None = None
    created_at: str | None = None
    property_records: list[PropertyRecord] | None = None

    @property
    def marked_content(self) -> dict[str, Any]:
        """The content with the key in it."""
        return {SEED_KEY: self.key, **self.content}


class _File(Struct, forbid_unknown_fields=True):
    events: list[Event]


class Settings(Struct, forbid_unknown_fields=True):
    """The `seed` block of the configuration file: contacts and types for events that name none, taken in turn."""

    contact_ids: list[str] = []
    event_types: list[str] = []


def read_events(path: Path, settings: Settings) -> list[Event]:
    """
    :raises SeedFailed: if the file is not there, is not of this form, or leaves open what an event must have
    """
    events = parse(path, _File, "events file").events
    if not events:
        raise SeedFailed(f"The events file {path} has no events.")
    keys = Counter(event.key for event in events)
    for key, number in keys.items():
        if not key or number > 1:
            raise SeedFailed(f"Each event needs a `key` of its own in {path}; {key!r} is there {number} times.")
    return [_completed(event, place, settings) for place, event in enumerate(events)]


def parse(path: Path, form: type[Form], what: str) -> Form:
    """Decode a JSON file of a given form.

    :raises SeedFailed: if it is not there, no JSON, or of another form; names the field, and never quotes a value
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=form)
    except OSError as error:
        raise SeedFailed(f"The {what} {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SeedFailed(f"The {what} {path} cannot be used: it is not UTF-8.") from None
    except msgspec.DecodeError as error:
        raise SeedFailed(f"The {what} {path} cannot be used: {error}.".replace("`$.", "`")) from None


def _completed(event: Event, place: int, settings: Settings) -> Event:
    if SEED_KEY in event.content:
        raise SeedFailed(f"The content of event {event.key!r} must not have a field `{SEED_KEY}`: the key goes there.")
    return msgspec.structs.replace(
        event,
        type=event.type or _in_turn(settings.event_types, place),
        contact_id=event.contact_id or _in_turn(settings.contact_ids, place),
    )


def _in_turn(values: Sequence[str], place: int) -> str:
    return values[place % len(values)] if values else ""


def contacts_of(events: Iterable[Event]) -> list[str]:
    """The contacts that have events, each once."""
    return list(dict.fromkeys(event.contact_id for event in events if event.contact_id))

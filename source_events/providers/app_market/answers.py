"""App Market's answers.

Of them nothing is published: neither where the rows are, nor what an event's id and time are called, nor in which order
they come. What is read here is every form that the rest of the documentation suggests.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.providers.kit import (
    ABSENT,
    Answer,
    Contact,
    Decoder,
    Envelope,
    Identity,
    Row,
    RowFields,
    UnreadableTime,
    failure,
    fields_of,
    from_any,
    normalize_time,
    raise_refusal_of,
    rows_of,
    total_of,
    zone_of,
)

Text = str | int | float | None
NULL = Raw(b"null")

_decode_rows = msgspec.json.Decoder(list[Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw] | None).decode
_decode_any = msgspec.json.Decoder().decode


class InstanceDecoder(Decoder):
    """Takes a bare array, or an object with one list in it or in an object within it.

    Of several lists it is the one that is named as the rows are, `collection`; of one list the name does not matter.
    """

    collection: ClassVar[str]

    def decode_body(self, body: bytes) -> Answer:
        start = body.lstrip()[:1]
        if start == b"[":
            return Answer(rows=_decode_rows(body))
        if start != b"{":
            raise _unknown_form(type(_decode_any(body)).__name__)
        fields = fields_of(body)
        status, message, error = (_decode_any(fields.get(name, NULL)) for name in ("status", "message", "error"))
        raise_refusal_of(status, message)
        within = [fields_of(value) for value in fields.values() if _begins(value, b"{")]
        named = [place for place in (fields, *within) if _begins(place.get(self.collection, ABSENT), b"[", b"n")]
        lists = [(place, place[self.collection]) for place in named] or _lists(fields) or _lists(*within)
        if len(lists) != 1:
            raise_refusal_of(None, None, error and (message or error))
            raise _unknown_form(_shape(fields))
        [(place, rows)] = lists
        announced = total_of(_decode_any(place.get("total") or fields.get("total") or NULL))
        try:
            return Answer(rows=rows_of(_decode_list(rows), announced), announced=announced)
        except msgspec.ValidationError:
            raise _unknown_form(_shape(fields)) from None


def _lists(*places: Mapping[str, Raw]) -> Sequence[tuple[Mapping[str, Raw], Raw]]:
    """The lists in some objects, each with the object that has it."""
    return [(place, value) for place in places for value in place.values() if _begins(value, b"[")]


def _begins(value: Raw, *beginnings: bytes) -> bool:
    return bytes(memoryview(value)[:1]) in beginnings


def _shape(fields: Mapping[str, Raw]) -> str:
    """Names and types, without any data."""
    named = (f"{name[:50]}: {type(_decode_any(value)).__name__}" for name, value in list(fields.items())[:20])
    return f"object with {{{', '.join(named)}}}"


def _unknown_form(shape: str) -> AirbyteTracedException:
    message = (
        "The answer is neither a list nor an object with exactly one list, so the rows in it cannot be told. "
        f"It is: {shape}. Check `provider.api_url`, `provider.events_path` and `provider.contacts_path`."
    )
    return failure(message, FailureType.system_error)


class InstanceRow(Row[Any], gc=False):
    """A row that may have no id: an empty one is filled in when the rows before it are known.

    `time`, `content` and `created_by` are then what tells it apart. `contact` is a contact that has an id of its own.
    """

    time: str = ""
    content: Raw | None = None
    created_by: Raw | None = None
    contact: Contact | None = None


class _Event(Struct):
    id: Text | UnsetType = UNSET
    event_id: Text = None
    underscore_id: Text = msgspec.field(name="_id", default=None)
    event_type: Text = None
    type: Text | UnsetType = UNSET
    created_on: Any = None
    createdAt: Any = UNSET
    created_at: Any = None
    timestamp: Any = None
    contact_id: Text = None
    contactId: Text | UnsetType = UNSET
    provider: Raw = ABSENT
    organizationId: Raw = ABSENT
    content: Raw = ABSENT
    properties: Raw = ABSENT
    createdBy: Raw = ABSENT


class _Contact(Struct):
    id: Text | UnsetType = UNSET
    contact_id: Text = None
    underscore_id: Text = msgspec.field(name="_id", default=None)
    email: Text = None
    created_on: Any = None
    createdAt: Any = None
    created_at: Any = None
    provider: Raw = ABSENT
    organizationId: Raw = ABSENT


class EventDecoder(InstanceDecoder):
    """Decodes the instance's events and a contact's, which have the same form."""

    collection = "events"

    def __init__(self, config: Config, known: Collection[str] | None) -> None:
        super().__init__(config, known)
        self._zone = zone_of(config)
        self._decode_event = RowFields(_Event, known).decode

    def row(self, raw: Raw) -> InstanceRow:
        event, unknown = self._decode_event(raw)
        native_time = _first(event.created_on, event.createdAt, event.created_at, event.timestamp)
        own_organization = bytes(event.organizationId) not in (b"", b"null")
        envelope = Envelope(
            id=_first(event.id, event.event_id, event.underscore_id),
            provider="app_market",
            type=_first(event.event_type, event.type) or None,
            createdAt=from_any(native_time, self._zone),
            organizationId=UNSET if own_organization else self.config["provider"]["instance_id"],
            contactId=_first(event.contact_id, event.contactId) or None,
            unknownFields=unknown,
        )
        content = event.content or event.properties or None
        return InstanceRow(
            raw, envelope, _own_fields(event, own_organization), native_time, content, event.createdBy or None
        )


def _own_fields(event: _Event, own_organization: bool) -> Sequence[str]:
    """The envelope's fields that the event has itself."""
    names = [name for name in ("id", "type", "createdAt", "contactId") if getattr(event, name) is not UNSET]
    names += [name for name in ("provider", "organizationId") if getattr(event, name)]
    return [name for name in names if name != "organizationId" or not own_organization]


class ContactDecoder(InstanceDecoder):
    """Decodes the list of contacts."""

    collection = "contacts"

    def __init__(self, config: Config, known: Collection[str] | None) -> None:
        super().__init__(config, known)
        self._zone = zone_of(config)
        self._decode_contact = RowFields(_Contact, known).decode

    def row(self, raw: Raw) -> InstanceRow:
        contact, unknown = self._decode_contact(raw)
        own_id = _first(contact.id, contact.contact_id, contact.underscore_id)
        identity = Identity(
            id=own_id or _first(contact.email),
            provider="app_market",
            organizationId=self.config["provider"]["instance_id"],
            unknownFields=unknown,
        )
        native = ["id"] if contact.id is not UNSET else []
        native += [name for name in ("provider", "organizationId") if getattr(contact, name)]
        listed = Contact(own_id, self._created_at(contact)) if own_id else None
        return InstanceRow(raw, identity, native, content=raw, contact=listed)

    def _created_at(self, contact: _Contact) -> str | None:
        try:
            return normalize_time(
                from_any(_first(contact.created_on, contact.createdAt, contact.created_at), self._zone)
            )
        except UnreadableTime:
            return None


def _first(*values: Any) -> str:
    """The first value that says something, as text; else an empty text."""
    return next((str(value) for value in values if value is not None and value is not UNSET and value != ""), "")

"""Swipe One's answers: where the rows are, and where an event keeps what the envelope needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from airbyte_cdk.sources.types import Config
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.components.decoder import Decoder, raise_refusal_of, rows_of, token_of, total_of
from source_events.records.page import Answer
from source_events.records.rows import ABSENT, Entity, Envelope, Event, Identity, RowFields, own

PROVIDER = "swipe_one"


class _Answer(Struct):
    """`status` is `success`, or `fail` with a message, also in an answer with the status 200."""

    status: Any = None
    message: Any = None
    data: Raw = ABSENT


class _Contacts(Struct):
    contacts: list[Raw] | None
    searchAfter: str | int | bool | None = None
    count: Any = None


class _Events(Struct):
    """`count` is read as the total of all pages; the documentation does not say so."""

    events: list[Raw] | None
    count: Any = None


class _Contact(Struct):
    key: str = msgspec.field(name="_id")
    id: Raw = ABSENT
    createdAt: Any = None
    provider: Raw = ABSENT
    organizationId: Raw = ABSENT


class _Event(Struct):
    """The published example has `timestamp`, answers seen in the wild have `createdAt` instead."""

    type: str | UnsetType | None = UNSET
    timestamp: str | None = None
    createdAt: str | UnsetType | None = UNSET
    contactId: str | UnsetType | None = UNSET
    workspaceId: str | None = None
    properties: Raw = ABSENT
    createdBy: Raw = ABSENT
    id: Raw = ABSENT
    provider: Raw = ABSENT
    organizationId: Raw = ABSENT


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_contacts = msgspec.json.Decoder(_Contacts).decode
_decode_events = msgspec.json.Decoder(_Events).decode


def _data(body: bytes) -> Raw:
    answer = _decode_answer(body)
    raise_refusal_of(answer.status, answer.message)
    if not answer.data:
        raise msgspec.ValidationError("Object missing required field `data`")
    return answer.data


class ContactRow(Entity, gc=False):
    """A contact, and when it was created, as the API says it."""

    created_at: Any = None


class ContactDecoder(Decoder):
    """Decodes the contact list: `searchAfter` leads to the next page, a contact's id is its `_id`."""

    def __init__(self, config: Config, known: Collection[str]) -> None:
        super().__init__(config, known)
        self._decode_contact = RowFields(_Contact, known).decode

    def decode_body(self, body: bytes) -> Answer:
        data = _decode_contacts(_data(body))
        announced = total_of(data.count)
        return Answer(rows=rows_of(data.contacts, announced), token=token_of(data.searchAfter), announced=announced)

    def row(self, raw: Raw) -> ContactRow:
        contact, unknown = self._decode_contact(raw)
        if not contact.key:
            raise msgspec.ValidationError("Object missing required field `_id`")
        identity = Identity(PROVIDER, self.config["provider"]["workspace_id"], contact.key, unknown)
        native = own({"id": contact.id, "provider": contact.provider, "organizationId": contact.organizationId})
        return ContactRow(raw, identity, native, contact.createdAt)


class EventRow(Event, gc=False):
    """An event whose id is yet to be given, with what the id depends on beside the envelope."""

    properties: Raw | None = None
    created_by: Raw | None = None


class EventDecoder(Decoder):
    """Decodes a page of a contact's events."""

    def __init__(self, config: Config, known: Collection[str]) -> None:
        super().__init__(config, known)
        self._decode_event = RowFields(_Event, known).decode

    def decode_body(self, body: bytes) -> Answer:
        data = _decode_events(_data(body))
        announced = total_of(data.count)
        return Answer(rows=rows_of(data.events, announced), announced=announced)

    def row(self, raw: Raw) -> EventRow:
        event, unknown = self._decode_event(raw)
        time = event.timestamp or event.createdAt
        if not time:
            raise msgspec.ValidationError("it has neither `timestamp` nor `createdAt`")
        envelope = Envelope(
            id="",
            provider=PROVIDER,
            type=event.type or None,
            createdAt=time,
            organizationId=event.workspaceId or self.config["provider"]["workspace_id"],
            contactId=event.contactId or None,
            unknownFields=unknown,
        )
        return EventRow(raw, envelope, _own_fields(event), event.properties, event.createdBy)


def _own_fields(event: _Event) -> Sequence[str]:
    """The envelope's fields that the event has itself."""
    raws = {"id": event.id, "provider": event.provider, "organizationId": event.organizationId}
    return own(raws) + own({"type": event.type, "createdAt": event.createdAt, "contactId": event.contactId}, UNSET)

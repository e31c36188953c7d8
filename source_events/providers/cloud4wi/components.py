"""Cloud4Wi's answers: where the rows are, and where an event keeps what the envelope needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.decoder import AnswerDecoder, AnswerRefused
from source_events.page import ENVELOPE_FIELDS, Answer, Envelope, Row
from source_events.times import UnreadableTime

ABSENT = Raw(b"")


class _Answer(Struct):
    """`count` lies: the published example says 20 and lists 19. `status` is `OK`, or `KO` with a message."""

    events: list[Raw] | None = None
    scrollId: str | None = None
    count: int | None = None
    status: str | None = None
    message: str | None = None


class _Event(Struct):
    id: str | None = None
    type: str | None = None


class _When(Struct):
    createdAt: Any = None


class _Item(Struct):
    """The published example wraps an event in `event`; the published schema has its fields in the item itself."""

    when: _When | None = None
    event: _Event | None = None
    id: str | UnsetType | None = UNSET
    type: str | UnsetType | None = UNSET
    customerId: str | None = None
    organizationId: str | UnsetType | None = UNSET
    provider: Raw = ABSENT
    createdAt: Raw = ABSENT
    contactId: Raw = ABSENT


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_item = msgspec.json.Decoder(_Item).decode


class EventDecoder(AnswerDecoder):
    """Decodes the organisation's feed and a contact's events, which have the same form."""

    def decode_body(self, body: bytes) -> Answer:
        answer = _decode_answer(body)
        if answer.status is not None and answer.status.upper() == "KO":
            raise AnswerRefused(answer.message or "status KO")
        if answer.events is None:
            raise msgspec.ValidationError("Object missing required field `events`")
        return Answer(rows=answer.events, token=answer.scrollId or None, announced=answer.count)

    def row(self, raw: Raw) -> Row:
        item = _decode_item(raw)
        event = item.event or item
        if not event.id:
            raise msgspec.ValidationError("Object missing required field `id`")
        created_at = item.when.createdAt if item.when else None
        if not isinstance(created_at, str):
            raise UnreadableTime(str(created_at), event.id)
        envelope = Envelope(
            id=event.id,
            provider="cloud4wi",
            type=event.type or None,
            createdAt=created_at,
            organizationId=UNSET if item.organizationId else self.config["provider"]["organization_id"],
            contactId=item.customerId,
        )
        return Row(raw, envelope, _own_fields(item))


def _own_fields(item: _Item) -> Sequence[str]:
    """The envelope's fields that the item has itself at its top level; an `organizationId` of its own stays."""
    flat = item.id is not UNSET or item.type is not UNSET
    filled = item.organizationId is UNSET or item.organizationId
    if not flat and filled and item.provider is item.createdAt is item.contactId is ABSENT:
        return ()
    return [name for name in ENVELOPE_FIELDS if name != "organizationId" or not item.organizationId]

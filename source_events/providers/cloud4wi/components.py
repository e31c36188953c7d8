"""Cloud4Wi's answers: where the rows are, and where an event keeps what the envelope needs."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.decoder import AnswerDecoder, AnswerRefused
from source_events.page import ENVELOPE_FIELDS, Answer, Envelope, Row

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
    createdAt: str


class _Item(Struct):
    """The published example wraps an event in `event`; the published schema has its fields in the item itself."""

    when: _When
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
        envelope = Envelope(
            id=event.id,
            provider="cloud4wi",
            type=event.type or None,
            createdAt=item.when.createdAt,
            organizationId=UNSET if item.organizationId else self.config["provider"]["organization_id"],
            contactId=item.customerId,
        )
        return Row(raw, envelope, _own_fields(item))


def _own_fields(item: _Item) -> Sequence[str]:
    """The envelope's fields that the item has itself at its top level. Its own `organizationId` stays, unless null."""
    flat = item.id is not UNSET or item.type is not UNSET
    if not flat and item.organizationId is not None and item.provider is item.createdAt is item.contactId is ABSENT:
        return ()
    return [name for name in ENVELOPE_FIELDS if name != "organizationId" or item.organizationId is None]

"""Cloud4Wi's answers: where events keep what the envelope needs, and which list in an answer has the contacts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.providers.kit import (
    ABSENT,
    ENVELOPE_FIELDS,
    Answer,
    Decoder,
    Envelope,
    Event,
    ListDecoder,
    MappedEntityDecoder,
    Row,
    RowFields,
    UnreadableTime,
    failure,
    fields_of,
)

BLANK = (None, "")


class _Event(Struct, gc=False):
    id: str | None = None
    type: str | None = None


class _When(Struct, gc=False):
    createdAt: Any = None


class _Item(Struct, gc=False):
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


class EventDecoder(ListDecoder):
    """Decodes the organisation's feed and a contact's events, which have the same form."""

    def __init__(
        self,
        config: Config,
        known: Collection[str] | None,
        rows: str,
        next: str | None = None,
        total: str | None = None,
    ) -> None:
        super().__init__(config, known, rows, next, total)
        self._organization: str = config["provider"]["organization_id"]
        self._decode_item = RowFields(_Item, known).decode

    def row(self, raw: Raw) -> Event:
        item, unknown = self._decode_item(raw)
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
            organizationId=UNSET if item.organizationId else self._organization,
            contactId=item.customerId,
            unknownFields=unknown,
        )
        return Row(raw, envelope, _own_fields(item))


def _own_fields(item: _Item) -> Sequence[str]:
    """The envelope's fields that the item has itself at its top level; an `organizationId` of its own stays."""
    wrapped = item.id is item.type is UNSET
    if wrapped and item.organizationId not in BLANK and item.provider is item.createdAt is item.contactId is ABSENT:
        return ()
    return [name for name in ENVELOPE_FIELDS if name != "organizationId" or not item.organizationId]


class ContactDecoder(Decoder):
    """Decodes the list of contacts, of which it is not documented what it is called: it is the one that there is."""

    def __init__(
        self, config: Config, known: Collection[str] | None, id: str, next: str, total: str, organization: str
    ) -> None:
        super().__init__(config, known)
        self._fields = {"id": id, "next": next, "total": total, "organization": organization}
        self._decoders = {"contacts": self._called("contacts")}

    def decode_body(self, body: bytes) -> Answer:
        lists = [name for name, value in fields_of(body).items() if bytes(memoryview(value)[:1]) == b"["]
        if len(lists) > 1:
            names = ", ".join(name[:50] for name in lists[:20])
            message = f"An answer has several lists ({names}), so the contacts in it cannot be told. Please report it."
            raise failure(message, FailureType.system_error)
        # An answer without a list says why, or that it has none.
        name = lists[0] if lists else "contacts"
        decoder = self._decoders.get(name) or self._decoders.setdefault(name, self._called(name))
        return decoder.decode_body(body)

    def row(self, raw: Raw) -> Row[Any]:
        return self._decoders["contacts"].row(raw)

    def _called(self, name: str) -> MappedEntityDecoder:
        return MappedEntityDecoder(self.config, self.known, rows=name, **self._fields)

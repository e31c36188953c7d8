"""Swipe One's events: where they keep what the envelope needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from airbyte_cdk.sources.types import Config
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.providers.kit import ABSENT, Envelope, Event, ListDecoder, RowFields, own


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


class EventRow(Event, gc=False):
    """An event whose id is yet to be given, with what the id depends on beside the envelope."""

    properties: Raw | None = None
    created_by: Raw | None = None


class EventDecoder(ListDecoder):
    """Decodes a page of a contact's events."""

    def __init__(self, config: Config, known: Collection[str] | None, rows: str, total: str | None = None) -> None:
        super().__init__(config, known, rows, total=total)
        self._decode_event = RowFields(_Event, known).decode

    def row(self, raw: Raw) -> EventRow:
        event, unknown = self._decode_event(raw)
        time = event.timestamp or event.createdAt
        if not time:
            raise msgspec.ValidationError("it has neither `timestamp` nor `createdAt`")
        envelope = Envelope(
            id="",
            provider="swipe_one",
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

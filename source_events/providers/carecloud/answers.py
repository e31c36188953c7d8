"""CareCloud's events: where they keep what the envelope needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from airbyte_cdk.sources.types import Config
from msgspec import Raw, Struct

from source_events.providers.kit import (
    ABSENT,
    ENVELOPE_FIELDS,
    Envelope,
    Event,
    ListDecoder,
    RowFields,
    UnreadableTime,
    local_time,
    zone_of,
)

NAME = "carecloud"
ZERO_DATE = "0000-00-00"
"""What the API writes for a time that is not set."""


def host_of(config: Config) -> str:
    """The project's host, which stands for the organisation."""
    return urlsplit(config["provider"]["api_url"]).hostname or ""


class Named(Struct, kw_only=True):
    """A row's own fields with the names of the envelope; none are known yet."""

    id: Raw = ABSENT
    provider: Raw = ABSENT
    type: Raw = ABSENT
    createdAt: Raw = ABSENT
    organizationId: Raw = ABSENT
    contactId: Raw = ABSENT
    eventId: Raw = ABSENT


class _Event(Named):
    """`property_records` needs the include flag; installations before December 2023 do not know it."""

    event_id: str | int
    created_at: Any = ""
    event_type_id: str | int | None = None
    customer_id: str | int | None = None
    property_records: list[Raw] | None = None


class EventRow(Event, gc=False):
    """An event and its property records; `None` where the installation did not include them."""

    property_records: list[Raw] | None = None


class EventDecoder(ListDecoder):
    """Decodes the organisation's events and a customer's, which differ in the name of their list."""

    def __init__(self, config: Config, known: Collection[str] | None, rows: str, total: str | None = None) -> None:
        super().__init__(config, known, rows, total=total)
        self._host = host_of(config)
        self._zone = zone_of(config)
        self._decode_event = RowFields(_Event, known).decode

    def row(self, raw: Raw) -> EventRow:
        event, unknown = self._decode_event(raw)
        if event.event_id == "":
            raise msgspec.ValidationError("Object missing required field `event_id`")
        envelope = Envelope(
            id=str(event.event_id),
            provider=NAME,
            type=text(event.event_type_id),
            createdAt=self._utc(event.created_at),
            organizationId=self._host,
            contactId=text(event.customer_id),
            unknownFields=unknown,
        )
        return EventRow(raw, envelope, own_fields(event, ENVELOPE_FIELDS), event.property_records)

    def _utc(self, time: Any) -> str | None:
        """UTC for the project's time; what cannot be read is left as it is, to be refused together with its id."""
        if time is None:
            return None
        if not isinstance(time, str):
            return str(time)
        if time.startswith(ZERO_DATE):
            return None
        try:
            return local_time(time, self._zone)
        except UnreadableTime:
            return time


def own_fields(row: Named, names: Sequence[str]) -> Sequence[str]:
    return [name for name in names if getattr(row, name) is not ABSENT]


def text(value: str | int | None) -> str | None:
    return None if value is None or value == "" else str(value)

"""CareCloud's answers: where the rows are, and where an event keeps what the envelope needs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from airbyte_cdk.sources.types import Config
from msgspec import UNSET, Raw, Struct

from source_events.components.decoder import Decoder, raise_refusal_of, rows_of
from source_events.components.zones import zone_of
from source_events.records.page import Answer
from source_events.records.rows import ABSENT, ENVELOPE_FIELDS, Envelope, Event, Identity, Row, RowFields, fields_of
from source_events.records.times import UnreadableTime, local_time

NAME = "carecloud"
ZERO_DATE = "0000-00-00"
"""What the API writes for a time that is not set."""


def host_of(config: Config) -> str:
    """The project's host, which stands for the organisation."""
    return urlsplit(config["provider"]["api_url"]).hostname or ""


class _Answer(Struct):
    data: dict[str, Raw] | None = None
    error: Any = None
    status: Any = None
    message: Any = None


class Named(Struct, kw_only=True):
    """A row's own fields with the names of the envelope; none are known yet."""

    id: Raw = ABSENT
    provider: Raw = ABSENT
    type: Raw = ABSENT
    createdAt: Raw = ABSENT
    organizationId: Raw = ABSENT
    contactId: Raw = ABSENT
    eventId: Raw = ABSENT


class _Event(Named, kw_only=True):
    """`property_records` needs the include flag; installations before December 2023 do not know it."""

    event_id: str | int
    created_at: Any = ""
    event_type_id: str | int | None = None
    customer_id: str | int | None = None
    property_records: list[Raw] | None = None


class EventRow(Event, gc=False):
    """An event and its property records; `None` where the installation did not include them."""

    property_records: list[Raw] | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_rows = msgspec.json.Decoder(list[Raw] | None).decode
_decode_total = msgspec.json.Decoder(int).decode


class ListDecoder(Decoder):
    """Decodes a list, which is at `data.<collection>` beside `data.total_items`; its rows are no events."""

    def __init__(self, config: Config, collection: str, known: Collection[str] = (), key: str | None = None) -> None:
        super().__init__(config, known)
        self.collection = collection
        self.host = host_of(config)
        self._key = key

    def decode_body(self, body: bytes) -> Answer:
        answer = _decode_answer(body)
        raise_refusal_of(answer.status, answer.message, answer.error)
        if answer.data is None or self.collection not in answer.data:
            raise msgspec.ValidationError(f"Object missing required field `data.{self.collection}`")
        announced = _total(answer.data)
        return Answer(rows=rows_of(_decode_rows(answer.data[self.collection]), announced), announced=announced)

    def row(self, raw: Raw) -> Row[Any]:
        """
        :raises msgspec.DecodeError: if the row is no object, or has no value of the stream's key
        """
        fields = fields_of(raw)
        if self._key and bytes(fields.get(self._key, ABSENT)) in (b"", b"null", b'""'):
            raise msgspec.ValidationError(f"Object missing required field `{self._key}`")
        unknown = {name: value for name, value in fields.items() if name not in self.known}
        native = [name for name in ("provider", "organizationId") if name in fields]
        return Row(raw, Identity(NAME, self.host, unknownFields=unknown or UNSET), native)


class EventDecoder(ListDecoder):
    """Decodes the organisation's events and a customer's, which differ in the name of their list."""

    def __init__(self, config: Config, collection: str, known: Collection[str]) -> None:
        super().__init__(config, collection, known)
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
            organizationId=self.host,
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


def _total(data: Mapping[str, Raw]) -> int | None:
    try:
        return _decode_total(data.get("total_items", Raw(b"null")))
    except msgspec.DecodeError:
        return None


def text(value: str | int | None) -> str | None:
    return None if value is None or value == "" else str(value)

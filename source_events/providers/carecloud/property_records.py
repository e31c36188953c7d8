"""Property records: parts of events, which become records of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config
from msgspec import Raw

from source_events.providers.carecloud.answers import NAME, EventRow, Named, host_of, own_fields, text
from source_events.providers.carecloud.selection import ProjectEvents, ProjectSelection
from source_events.providers.kit import (
    UNKNOWN_FIELDS,
    Entity,
    Identity,
    Requester,
    Row,
    RowFields,
    Runtime,
    Slice,
    StreamRun,
    failure,
)

REQUESTS_OF_A_PAGE = 8
"""Property records that are asked for at the same time for one page of events."""


class _Record(Named, kw_only=True):
    property_id: str | int | None = None
    property_record_id: str | int | None = None


class PropertyRecord(Identity):
    """What a property record gets from its event."""

    eventId: str | None = None
    contactId: str | None = None
    createdAt: str | None = None


IDENTITY_FIELDS = [name for name in PropertyRecord.__struct_fields__ if name != UNKNOWN_FIELDS]


class PropertyRecordSelection(ProjectSelection):
    """Puts the property records of the chosen events in the place of the events.

    Events that came without the field are asked for theirs one by one with the requester `records`, several at a time.
    """

    def __init__(
        self, config: Config, runtime: Runtime, stream: StreamRun, known: Collection[str] | None, records: Requester
    ) -> None:
        super().__init__(config, stream)
        self.host = host_of(config)
        self.records = records
        self.workers = min(REQUESTS_OF_A_PAGE, runtime.num_workers)
        self.decode = RowFields(_Record, known).decode

    def begin(self, part: Slice) -> ProjectEvents:
        return PropertyRecords(self, part)


class PropertyRecords(ProjectEvents):
    def __init__(self, selection: PropertyRecordSelection, part: Slice) -> None:
        super().__init__(selection, part)
        self._selection = selection

    def expand(self, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        events = [row for row in rows if isinstance(row, EventRow)]
        missing = [event for event in events if event.property_records is None]
        if missing:
            with ThreadPoolExecutor(self._selection.workers) as pool:
                for event, found in zip(missing, pool.map(self._ask, missing), strict=True):
                    event.property_records = found
        return [record for event in events for record in self._parts(event)]

    def _ask(self, event: EventRow) -> list[Raw]:
        part = Slice(self.part.first, self.part.last, event.envelope.id)
        # The page that the event is on holds memory: who waited for more meanwhile could wait for ever.
        answer = self._selection.records.ask(part, {}, reserve=False)
        return answer.rows if answer is not None else []

    def _parts(self, event: EventRow) -> Iterator[Entity]:
        envelope = event.envelope
        for raw in event.property_records or ():
            record, unknown = self._record_in(raw, envelope.id)
            own_id = text(record.property_id) or text(record.property_record_id)
            identity = PropertyRecord(
                provider=NAME,
                organizationId=self._selection.host,
                id=f"{envelope.id}:{own_id}",
                eventId=envelope.id,
                contactId=envelope.contactId,
                createdAt=envelope.createdAt,
                unknownFields=unknown,
            )
            yield Row(raw, identity, own_fields(record, IDENTITY_FIELDS))

    def _record_in(self, raw: Raw, event_id: str) -> tuple[_Record, Any]:
        try:
            record, unknown = self._selection.decode(raw)
            if not text(record.property_id) and not text(record.property_record_id):
                raise msgspec.ValidationError("it has neither `property_id` nor `property_record_id`")
            return record, unknown
        except msgspec.DecodeError as error:
            message = f"A property record of event {event_id} cannot be read: {error}."
            raise failure(message, FailureType.system_error) from error

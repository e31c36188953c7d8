"""Streams that are read contact by contact: batches as the unit of work, and a cursor whose state stays small.

The CDK keeps one cursor object and one partition for each contact. Here a partition is a batch of contacts that one
worker reads one after the other, and the state is one datetime; contacts that have been read in a sync that did not
come to its end are remembered beside it.
"""

import logging
import threading
import time
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import InitVar, dataclass
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import Any
from urllib.parse import quote

from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.declarative.partition_routers.partition_router import PartitionRouter
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Config, Record, StreamSlice, StreamState
from isodate import parse_duration

from source_events.records.page import PAGE, Page, joined, page_of
from source_events.records.times import earlier, format_time
from source_events.transport.connection import connection_of

logger = logging.getLogger("airbyte")

BATCH_SIZE = 25
"""Contacts that one worker reads before it takes the next batch."""
ROWS_AT_ONCE = 200
"""Records from which on the pages of a batch are handed over before its end."""
MOST_CONTACTS_IN_STATE = 10_000
"""About 650 KB of state. Beyond it only the common cursor is kept."""


@dataclass
class ContactRouter(PartitionRouter):
    """Marks a stream as read contact by contact, and leads to its retriever; it has no partitions of its own."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    retriever: "ContactRetriever | None" = None

    def stream_slices(self) -> Iterable[StreamSlice]:
        return ()

    def get_stream_state(self) -> Mapping[str, StreamState] | None:
        return None

    def get_request_params(self, **kwargs: Any) -> Mapping[str, Any]:
        return {}

    def get_request_headers(self, **kwargs: Any) -> Mapping[str, Any]:
        return {}

    def get_request_body_data(self, **kwargs: Any) -> Mapping[str, Any]:
        return {}

    def get_request_body_json(self, **kwargs: Any) -> Mapping[str, Any]:
        return {}


@dataclass(frozen=True)
class Contact:
    """A contact of the account, and when it was created (UTC), if its list says so."""

    id: str
    created_at: str | None = None


@dataclass
class ContactRetriever(Retriever):
    """Reads the events of a batch of contacts, each with the retriever `events`.

    `events` sees slices with the partition `contactId` and, for a path, the same id escaped as `contact_path`.
    """

    name: str
    config: Config
    parameters: InitVar[Mapping[str, Any]]
    partition_router: ContactRouter
    events: Retriever

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self.partition_router.retriever = self

    @abstractmethod
    def list_contacts(self, start: str, end: str) -> Iterable[Contact]:
        """The account's contacts that may have events from `start` to `end`; repeats are allowed."""

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[Record]:
        assert stream_slice is not None
        readers = connection_of(self.config).readers
        readers.begin()
        try:
            yield from self._read_batch(records_schema, stream_slice)
        finally:
            readers.end()

    def _read_batch(self, records_schema: Mapping[str, Any], stream_slice: StreamSlice) -> Iterator[Record]:
        held: list[Page] = []
        contacts = stream_slice.partition["contacts"].items()
        for part in (part for contact, start in contacts for part in self._slices_of(contact, start, stream_slice)):
            for record in self.events.read_records(records_schema, part):
                page = page_of(record.data) if isinstance(record, Record) else None
                if page is not None and page.count >= ROWS_AT_ONCE:
                    yield self._record(page, stream_slice)
                elif page is not None:
                    # What is held back must not keep others from coming to their end.
                    page.reservation = None
                    held.append(page)
                if sum(page.count for page in held) >= ROWS_AT_ONCE:
                    yield self._together(held, stream_slice)
                    held = []
        if any(page.count for page in held):
            yield self._together(held, stream_slice)

    def _together(self, pages: Sequence[Page], batch: StreamSlice) -> Record:
        """One record for the pages of several contacts: to hand a page over costs more than a contact's few events."""
        page = joined(pages)
        page.reservation = connection_of(self.config).memory.reserve_for(page.rows)
        return self._record(page, batch)

    def _record(self, page: Page, batch: StreamSlice) -> Record:
        latest = page.latest or self.config["start_date"]
        return Record({PAGE: page, "createdAt": latest[:19] + "Z"}, self.name, batch)

    def _slices_of(self, contact: str, start: str, batch: StreamSlice) -> Iterable[StreamSlice]:
        """What is read of a contact: one slice, unless a system needs more."""
        return [self._slice_of(contact, start, batch)]

    def _slice_of(self, contact: str, start: str, batch: StreamSlice) -> StreamSlice:
        return StreamSlice(
            partition={"contactId": contact},
            cursor_slice={"start_time": start, "end_time": batch["end_time"]},
            extra_fields={"contact_path": quote(contact, safe="")},
        )


@dataclass
class FeedContactRetriever(ContactRetriever):
    """Knows the contacts from the organisation's event feed: a contact without an event there has none to read.

    The filter of `feed` has `contacts_only`.
    """

    feed: Retriever

    def list_contacts(self, start: str, end: str) -> Iterator[Contact]:
        for window in windows(start, end, parse_duration(self.config["window_size"])):
            for record in self.feed.read_records({}, uncounted(window.cursor_slice)):
                page = page_of(record.data) if isinstance(record, Record) else None
                if page:
                    page.take()
                    yield from map(Contact, page.contacts)


def uncounted(cursor_slice: Mapping[str, Any]) -> StreamSlice:
    """A slice that tells which contacts there are: its rows are none of the stream's."""
    return StreamSlice(partition={}, cursor_slice=cursor_slice, extra_fields={"counts": False})


def windows(start: str, end: str, size: timedelta) -> Iterator[StreamSlice]:
    """Slices of whole seconds that cover `start` to `end`, both inclusive, without overlap."""
    first, last = (datetime.fromisoformat(time[:19]).replace(tzinfo=timezone.utc) for time in (start, end))
    while first <= last:
        following = min(first + size, last + timedelta(seconds=1))
        yield StreamSlice(
            partition={},
            cursor_slice={"start_time": format_time(first), "end_time": format_time(following - timedelta(seconds=1))},
        )
        first = following


class ContactCursor(Cursor):
    """One datetime for all contacts; beside it, while that stays small, the contacts that are further than it.

    State: `createdAt` is the time up to which the events of every contact have been read. `contacts` maps contacts to
    the time up to which theirs have been; they are dropped when a sync has read all contacts. With `listed_only` the
    sync was restricted to listed contacts: it says nothing about any other, and a contact that is listed later is read
    from the start date; unless more are listed than are remembered, when all have the one time.
    """

    cursor_field = CursorField("createdAt")

    def __init__(
        self,
        stream_name: str,
        config: Config,
        retriever: ContactRetriever,
        message_repository: MessageRepository,
        state_manager: ConnectorStateManager,
    ) -> None:
        self._stream_name = stream_name
        self._config = config
        self._retriever = retriever
        self._message_repository = message_repository
        self._state_manager = state_manager
        self._lookback = parse_duration(config["lookback_window"])
        state = state_manager.get_stream_state(stream_name, None)
        self._contacts: dict[str, str] = dict(state.get("contacts") or {})
        start: str = config["start_date"]
        self._latest: str = state.get("createdAt") or start
        self._restricted_before = bool(state.get("listed_only"))
        speaks_of_all = not self._restricted_before or (config.get("contact_ids") and not self._contacts)
        self._common: str = self._latest if speaks_of_all else start
        self._open: set[int] = set()
        self._finished_slicing = False
        self._emitted_at = time.monotonic()
        self._lock = threading.Lock()

    @property
    def state(self) -> MutableMapping[str, Any]:
        """The state as it would be emitted now."""
        listed = self._config.get("contact_ids")
        complete = self._finished_slicing and not self._open
        contacts = dict(self._contacts) if len(self._contacts) <= MOST_CONTACTS_IN_STATE else {}
        moved = complete or (listed and contacts)
        state: dict[str, Any] = {"createdAt": self._latest if moved else self._common}
        if contacts and (listed or not complete):
            state["contacts"] = contacts
        if listed and (moved or self._restricted_before):
            state["listed_only"] = True
        return state

    def stream_slices(self) -> Iterable[StreamSlice]:
        end = self._config["end_date"]
        contacts = iter(self._distinct_contacts())
        while batch := list(islice(contacts, BATCH_SIZE)):
            stream_slice = StreamSlice(
                partition={"contacts": {contact.id: self._start_of(contact) for contact in batch}},
                cursor_slice={"end_time": end},
            )
            with self._lock:
                self._open.add(hash(stream_slice))
            yield stream_slice
        self._finished_slicing = True

    def _distinct_contacts(self) -> Iterator[Contact]:
        seen: set[str] = set()
        for contact in self._all_contacts():
            if contact.id in (".", ".."):
                logger.warning("A contact is skipped, because an id of dots alone cannot be asked for.")
            elif contact.id not in seen:
                seen.add(contact.id)
                yield contact

    def _all_contacts(self) -> Iterable[Contact]:
        listed = self._config.get("contact_ids")
        if listed:
            return map(Contact, listed)
        return self._retriever.list_contacts(self._before(self._common), self._config["end_date"])

    def _start_of(self, contact: Contact) -> str:
        """Where reading a contact starts; for one that did not exist when the cursor was saved, at the start date."""
        if contact.created_at and contact.created_at > self._common:
            start: str = self._config["start_date"]
            return start
        return self._before(self._contacts.get(contact.id, self._common))

    def _before(self, cursor: str) -> str:
        """Where reading starts for a cursor: `lookback_window` earlier, but not before the start date."""
        start: str = self._config["start_date"]
        if cursor <= start:
            return start
        return max(start, earlier(cursor, self._lookback))

    def observe(self, record: Record) -> None:
        with self._lock:
            self._latest = max(self._latest, record.data["createdAt"])

    def close_partition(self, partition: Partition) -> None:
        stream_slice = partition.to_slice()
        assert isinstance(stream_slice, StreamSlice)
        with self._lock:
            self._open.discard(hash(stream_slice))
            for contact in stream_slice.partition["contacts"]:
                self._contacts[contact] = self._latest
            # A state of thousands of contacts is not worth a message for each batch.
            if time.monotonic() - self._emitted_at > len(self._contacts) / 200:
                self._emit()

    def ensure_at_least_one_state_emitted(self) -> None:
        with self._lock:
            self._emit()

    def should_be_synced(self, record: Record) -> bool:
        return True

    def _emit(self) -> None:
        self._emitted_at = time.monotonic()
        self._state_manager.update_state_for_stream(self._stream_name, None, self.state)
        self._message_repository.emit_message(self._state_manager.create_state_message(self._stream_name, None))

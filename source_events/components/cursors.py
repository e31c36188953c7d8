"""The cursor of a stream that is read contact by contact: its state stays small, however many contacts there are.

The CDK keeps one cursor object and one partition for each contact. Here a partition is a batch of contacts that one
worker reads one after the other, and the state is one datetime; contacts that have been read in a sync that did not
come to its end are remembered beside it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from itertools import islice
from typing import Any

from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from isodate import parse_duration

from source_events.components.audit import Audit, limits
from source_events.components.contacts import NO_CONTACTS, Contact, ContactList
from source_events.components.windows import SECOND
from source_events.records.times import earlier, to_the_second
from source_events.runtime import StreamRun

logger = logging.getLogger("airbyte")

BATCH_SIZE = 25
"""Contacts that one worker reads before it takes the next batch."""
MOST_CONTACTS_IN_STATE = 10_000
"""About 650 KB of state. Beyond it only the common cursor is kept, and how far the list of contacts has been read."""
CONTACTS_OF_A_SECOND = 200
"""A state of so many contacts is worth a message a second, and a larger one is as much rarer."""


class ContactCursor(Cursor):
    """One datetime for all contacts; beside it, while that stays small, the contacts that are further than it.

    State: `createdAt` is the time up to which the events of every contact have been read. `contacts` maps contacts to
    the time up to which theirs have been; they are dropped when a sync has read all contacts. With `listed_only` the
    sync was restricted to listed contacts: it says nothing about any other, and a contact that is listed later is read
    from the start date; unless more are listed than are remembered, when all have the one time.

    `list_read`, where the list of contacts is ordered by creation: the contacts that were created before its
    `created_at` have been read up to its `until`, and the next sync goes on behind them.

    `none_skipped_until`, where contacts without activity are skipped: up to then each has been read. Those that are
    read for an audit are read from there, so that it notices what earlier syncs have missed; and so are all contacts,
    when it does, or when no more are to be skipped. `read_all`: a sync that has noticed it has not come to its end.
    """

    cursor_field = CursorField("createdAt")

    def __init__(
        self,
        stream: StreamRun,
        config: Config,
        contacts: ContactList,
        message_repository: MessageRepository,
        state_manager: ConnectorStateManager,
    ) -> None:
        self._stream = stream
        self._config = config
        self._list = contacts
        self._message_repository = message_repository
        self._state_manager = state_manager
        self._lookback = parse_duration(config["lookback_window"])
        state = state_manager.get_stream_state(stream.name, None)
        self._contacts: dict[str, str] = dict(state.get("contacts") or {})
        start: str = config["start_date"]
        self._latest: str = state.get("createdAt") or start
        self._restricted_before = bool(state.get("listed_only"))
        speaks_of_all = not self._restricted_before or (config["contact_ids"] and not self._contacts)
        self._common: str = self._latest if speaks_of_all else start
        self._ordered = contacts.by_creation and not config["contact_ids"]
        self._place = ListPlace(state.get("list_read") if self._ordered else None, ordered=self._ordered)
        audit = None if config["contact_ids"] else contacts.audit
        self._read_all = audit is not None and bool(state.get("read_all"))
        # Without a cursor nothing is known of any contact.
        self._audit = audit if self._common > start and not self._read_all else None
        self._none_skipped_until: str | None = state.get("none_skipped_until")
        self._too_many = False
        self._first = self._number = 0
        if self._none_skipped_until and not self._audit:
            self._begin_where_none_were_skipped()
        self._open: set[int] = set()
        self._finished_slicing = False
        self._emitted_at = time.monotonic()
        self._lock = threading.Lock()

    @property
    def state(self) -> MutableMapping[str, Any]:
        """The state as it would be emitted now."""
        listed = self._config["contact_ids"]
        complete = self._finished_slicing and not self._open
        contacts = {} if self._too_many else dict(self._contacts)
        moved = complete or (listed and contacts)
        reached = self._place.until or self._latest
        state: dict[str, Any] = {"createdAt": max(reached, self._common) if moved else self._common}
        if contacts and (listed or not complete):
            state["contacts"] = contacts
        if self._place.created_at and not complete:
            state["list_read"] = {"created_at": self._place.created_at, "until": reached}
        if self._none_skipped_until:
            state["none_skipped_until"] = self._none_skipped_until
        elif self._audit and self._audit.skipped:
            state["none_skipped_until"] = self._common
        if self._read_all and not complete:
            state["read_all"] = True
        if listed and (moved or self._restricted_before):
            state["listed_only"] = True
        return state

    def stream_slices(self) -> Iterable[StreamSlice]:
        audit = self._audit
        yield from self._slices(self._active_contacts(audit) if audit else self._distinct_contacts())
        if audit and audit.has_found_one():
            self._skip_no_more(audit)
            yield from self._slices(self._distinct_contacts())
        self._finished_slicing = True
        self._stream.counts.end_list()

    def _slices(self, contacts: Iterator[Contact]) -> Iterator[StreamSlice]:
        end = self._config["end_date"]
        while batch := list(islice(contacts, BATCH_SIZE)):
            number = self._number
            starts = {contact.id: self._start_of(contact) for contact in batch}
            with self._lock:
                self._number += 1
                self._open.add(number)
                self._place.begin(number, batch)
            self._stream.counts.count_contacts(listed=len(batch))
            yield StreamSlice(partition={"contacts": starts, "number": number}, cursor_slice={"end_time": end})

    def _active_contacts(self, audit: Audit) -> Iterator[Contact]:
        """The contacts that may have events since they were read, and those that the audit has chosen of the others.

        They end early where it has found an event of one of these.
        """
        last = None
        for contact in self._distinct_contacts():
            last = contact
            start, until = self._start_of(contact), contact.active_until
            if not until or until[:19] >= start[:19] or audit.chooses(contact.id, self._limit(start, until)):
                yield contact
            if audit.found:
                return
        # At the end of the list they have no place in it.
        yield from (Contact(each, last.created_at if last else None) for each in audit.rest())
        if audit.skipped:
            logger.info(
                f"{self._stream.name}: {audit.skipped - len(audit.chosen)} contacts are skipped, because they have not "
                f"been active since they were read; {len(audit.chosen)} like them, chosen at random, are read to see "
                "whether that is right."
            )

    def _limit(self, start: str, active_until: str) -> str:
        """From when on a contact that is skipped has no event, of those that this sync or an earlier one would miss."""
        return min(start, earlier(active_until, -self._lookback - SECOND))

    def _skip_no_more(self, audit: Audit) -> None:
        with self._lock:
            self._none_skipped_until = self._none_skipped_until or self._common
            self._begin_where_none_were_skipped()
            self._audit, self._read_all = None, True
        logger.warning(
            f"{self._stream.name}: contact {audit.found} has events that are newer than its last activity, as the list "
            "of contacts says it. So contacts must not be skipped by it: in this sync all are read, from "
            f"{self._before(self._common)} on. Set `provider.contacts` to all."
        )

    def _begin_where_none_were_skipped(self) -> None:
        """What has been read of any contact since then may lack what was skipped."""
        assert self._none_skipped_until is not None
        self._common, self._none_skipped_until = self._none_skipped_until, None
        self._contacts, self._too_many = {}, False
        self._first = self._number
        self._place = ListPlace(None, ordered=self._ordered, first=self._first)

    def _distinct_contacts(self) -> Iterator[Contact]:
        seen: set[str] = set()
        for contact in self._all_contacts():
            if contact.id in NO_CONTACTS:
                logger.warning(f"A contact is skipped, because an id of dots alone cannot be asked for: {contact.id}")
            elif contact.id not in seen and not self._place.is_behind(contact):
                seen.add(contact.id)
                yield contact

    def _all_contacts(self) -> Iterable[Contact]:
        listed = self._config["contact_ids"]
        if listed:
            return map(Contact, listed)
        return self._list.contacts(self._before(self._common), self._config["end_date"])

    def _start_of(self, contact: Contact) -> str:
        """Where reading a contact starts; for one that did not exist when the cursor was saved, at the start date."""
        if contact.id in limits(self._audit):
            return self._before(self._none_skipped_until or self._common)
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
        number: int = stream_slice.partition["number"]
        with self._lock:
            self._open.discard(number)
            if number >= self._first:
                self._remember(stream_slice.partition["contacts"], self._place.end(number))
            # A state of thousands of contacts is not worth a message for each batch.
            wait = 1.0 if self._too_many else len(self._contacts) / CONTACTS_OF_A_SECOND
            if time.monotonic() - self._emitted_at > wait:
                self._emit()

    def _remember(self, contacts: Iterable[str], passed: Iterable[str]) -> None:
        """Remember contacts by name, and forget those that the place in their list has passed."""
        if self._too_many:
            return
        self._contacts.update(dict.fromkeys(contacts, self._latest))
        for contact in passed:
            self._contacts.pop(contact, None)
        if len(self._contacts) > MOST_CONTACTS_IN_STATE:
            self._too_many = True

    def ensure_at_least_one_state_emitted(self) -> None:
        with self._lock:
            self._emit()

    def should_be_synced(self, record: Record) -> bool:
        return True

    def _emit(self) -> None:
        self._emitted_at = time.monotonic()
        self._state_manager.update_state_for_stream(self._stream.name, None, self.state)
        self._message_repository.emit_message(self._state_manager.create_state_message(self._stream.name, None))


class ListPlace:
    """How far a list of contacts has been read: all those who were created before `created_at`.

    Batches come to their end in any order; the place moves behind those that have none unfinished before them. `until`
    is what an earlier sync has read them up to, if it is that one's place that this sync goes on from.

    A list that turns out to be out of order has no place: who comes later in it may have been created before.
    """

    def __init__(self, saved: Mapping[str, str] | None, *, ordered: bool, first: int = 0) -> None:
        self.created_at: str | None = saved["created_at"] if saved else None
        self.until: str | None = saved["until"] if saved else None
        self._behind = self.created_at
        self._listed = ""
        self._batches: dict[int, Sequence[Contact]] = {}
        self._ended: set[int] = set()
        self._at_place: deque[Contact] = deque()
        self._next = first
        self._ordered = ordered

    def is_behind(self, contact: Contact) -> bool:
        """Whether an earlier sync has read this contact, the next of the list. Those of its last second it has not."""
        created = _second(contact)
        if not created or created < self._listed:
            self._ordered = False
        self._listed = created
        return self._ordered and self._behind is not None and created < self._behind

    def begin(self, number: int, batch: Sequence[Contact]) -> None:
        self._batches[number] = batch
        if not self._ordered:
            self.created_at = None

    def end(self, number: int) -> Sequence[str]:
        """A batch has been read; the contacts that the place passes with it, and that are not read again."""
        self._ended.add(number)
        while self._next in self._ended:
            self._ended.remove(self._next)
            batch = self._batches.pop(self._next)
            self._next += 1
            if self._ordered:
                self.created_at = _second(batch[-1])
                self._at_place.extend(batch)
        passed = []
        while self._at_place and _second(self._at_place[0]) < (self.created_at or ""):
            passed.append(self._at_place.popleft().id)
        return passed


def _second(contact: Contact) -> str:
    """The second in which the contact was created, if that is known."""
    return to_the_second(contact.created_at) if contact.created_at else ""

"""Streams that are read contact by contact: which contacts there are, and the reading of a batch of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from airbyte_cdk.sources.types import Config
from isodate import parse_duration

from source_events.components.audit import Audit
from source_events.components.reader import EndpointReader, PageReader, Reader
from source_events.components.templates import InvalidManifest, Template
from source_events.components.windows import Slice
from source_events.records.page import Answer, Page, joined
from source_events.records.rows import EntityRow, Row
from source_events.runtime import Runtime, StreamRun

NO_CONTACTS = frozenset((".", ".."))
"""Ids that cannot be asked for, because an address that ends with them is another one."""
ROWS_AT_ONCE = 200
"""Records from which on the pages of a batch are handed over before its end."""


@dataclass(frozen=True)
class Contact:
    """A contact of the account; when it was created, and until when it may have been active (UTC), if its list says."""

    id: str
    created_at: str | None = None
    active_until: str | None = None


class ContactList(ABC):
    """Knows the account's contacts. With `by_creation` it lists them in the order in which they were created.

    With an `audit`, those that have not been active since they were read are skipped.
    """

    by_creation = False
    audit: Audit | None = None
    counts_rows = False
    """Rows that tell which contacts there are, are none of the stream's."""

    @abstractmethod
    def contacts(self, start: str, end: str) -> Iterable[Contact]:
        """The contacts that may have events from `start` to `end`; repeats are allowed."""


class FeedContacts(ContactList):
    """Knows the contacts from the organisation's event feed: a contact without an event there has none to read.

    :raises InvalidManifest: if events there name no contact
    """

    def __init__(self, config: Config, feed: Reader) -> None:
        if isinstance(feed, PageReader) and not feed.decoder.names_contact:
            raise InvalidManifest(
                "Which contacts occur in the events is not known, because their decoder has no `contact`."
            )
        self._window_size = parse_duration(config["window_size"])
        self._feed = feed

    def contacts(self, start: str, end: str) -> Iterator[Contact]:
        for window in Slice(start, end).parts(self._window_size):
            for page in self._feed.read(window):
                found = {row.envelope.contactId for row in page.rows}
                page.release()
                yield from (Contact(contact) for contact in found if contact)


class ListedContacts(ContactList):
    """Knows the contacts from their list, which may be asked for in the order of creation.

    Where the template `skip_inactive` is true, those are skipped that have not been active since they were read.
    """

    def __init__(
        self, config: Config, runtime: Runtime, reader: Reader, by_creation: bool = False, skip_inactive: str = ""
    ) -> None:
        self.by_creation = by_creation
        self._reader = reader
        if Template(skip_inactive, config, {"config"}).render() == "True":
            self.audit = Audit(runtime)

    def contacts(self, start: str, end: str) -> Iterator[Contact]:
        for page in self._reader.read(Slice(start, end)):
            found = [_contact(row) for row in page.rows]
            page.release()
            yield from found


def _contact(row: Row[Any]) -> Contact:
    known = (row.created_at, row.active_until) if isinstance(row, EntityRow) else ()
    return Contact(str(row.envelope.id), *known)


class NestedReader:
    """Reads a list for each entry of another list, as the properties of each type: there, `{{ contact }}` is its id."""

    def __init__(self, parents: ContactList, rows: Reader) -> None:
        self._parents = parents
        self._rows = rows

    def read(self, part: Slice) -> Iterator[Page]:
        for parent in self._parents.contacts(part.first, part.last):
            yield from self._rows.read(replace(part, contact=parent.id))


class BatchReader:
    """Reads the events of a batch of contacts, one after the other.

    :raises InvalidManifest: if requests for one contact do not differ from those for another
    """

    def __init__(self, runtime: Runtime, stream: StreamRun, contacts: ContactList, events: EndpointReader) -> None:
        if isinstance(events, PageReader) and not events.names_contact:
            raise InvalidManifest(
                "The requests for the events of one contact must say which: {{ contact }} stands neither in the `url` "
                "nor in the `parameters` or the `body`."
            )
        self.contacts = contacts
        self._memory = runtime.memory
        self._stream = stream
        self._events = events

    def read(self, contacts: Mapping[str, str], end: str) -> Iterator[Page]:
        """The pages of the contacts, each of which is read from the time that it is mapped to.

        Those with few records are put together: to hand a page over costs more than a contact's few events.
        """
        audit = self.contacts.audit
        try:
            yield from self._read(contacts, end, audit)
        finally:
            if audit:
                audit.end(contacts)

    def _read(self, contacts: Mapping[str, str], end: str, audit: Audit | None) -> Iterator[Page]:
        held: list[Page] = []
        for contact, start in contacts.items():
            for part in self.slices_of(contact, start, end):
                for page in self._events.read(part):
                    if audit:
                        audit.look_at(contact, page)
                    if page.count >= ROWS_AT_ONCE:
                        yield page
                        continue
                    held.append(page.without_memory())
                    if sum(page.count for page in held) >= ROWS_AT_ONCE:
                        yield self._together(held)
                        held = []
            self._stream.counts.count_contacts(read=1)
        if held:
            yield self._together(held)

    def first_answer(self, contact: str, start: str, end: str) -> Answer | None:
        """What the API answers to the first request about a contact; nothing, where it does not know the contact."""
        return self._events.first_answer(next(iter(self.slices_of(contact, start, end))))

    def slices_of(self, contact: str, start: str, end: str) -> Iterable[Slice]:
        """What is read of a contact: one slice, unless a system needs more."""
        return [Slice(start, end, contact)]

    def _together(self, pages: list[Page]) -> Page:
        page = joined(pages)
        page.memory = self._memory.reserve_for(page.rows)
        return page

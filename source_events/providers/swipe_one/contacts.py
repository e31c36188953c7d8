"""The workspace's contact list, which tells the contacts: there is no feed of all events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from source_events.components.contacts import Contact, ContactList
from source_events.components.reader import PageReader
from source_events.components.windows import Slice
from source_events.providers.swipe_one.answers import ContactRow
from source_events.records.times import UnreadableTime, normalize_time


class ListedContacts(ContactList):
    """The list is asked for in the order of creation."""

    by_creation = True

    def __init__(self, reader: PageReader) -> None:
        self._reader = reader

    def contacts(self, start: str, end: str) -> Iterator[Contact]:
        for page in self._reader.read(Slice(start, end)):
            rows = [row for row in page.rows if isinstance(row, ContactRow)]
            found = [Contact(str(row.envelope.id), _time(row.created_at)) for row in rows]
            page.release()
            yield from found


def _time(value: Any) -> str | None:
    try:
        return normalize_time(value)
    except (UnreadableTime, TypeError):
        return None

"""Which rows of an answer belong to a slice, where the API may ignore what it was asked for and gives no ids."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airbyte_cdk.sources.types import Config

from source_events.providers.app_market.answers import InstanceRow
from source_events.providers.kit import (
    LOCAL_TIME,
    Envelope,
    EventSelection,
    Page,
    Row,
    Selection,
    Slice,
    SliceEvents,
    SliceSelection,
    StreamRun,
    earlier,
    synthetic_id,
)

logger = logging.getLogger("airbyte")


class Occurrences:
    """Numbers equal rows of a slice, whichever pages they are on, and gives ids to those that have none."""

    def __init__(self) -> None:
        self._seen: Counter[int] = Counter()

    def identify(self, rows: Sequence[Row[Any]]) -> None:
        for row in rows:
            if isinstance(row, InstanceRow) and not row.envelope.id:
                self._identify(row)

    def _identify(self, row: InstanceRow) -> None:
        envelope = row.envelope
        event = envelope if isinstance(envelope, Envelope) else None
        contact, kind = (event.contactId, event.type or None) if event else (None, None)

        def numbered(occurrence: int) -> str:
            return synthetic_id(contact, kind, row.time, row.content, row.created_by, occurrence)

        first = numbered(0)
        # A number of 64 bits in place of the text: a slice may have a million rows.
        occurrence = self._seen[hash(first)]
        self._seen[hash(first)] += 1
        envelope.id = numbered(occurrence) if occurrence else first


def contents_of(rows: Sequence[Row[Any]]) -> list[bytes]:
    return [bytes(row.raw) for row in rows]


def are_alike(rows: Sequence[Row[Any]]) -> bool:
    """Whether all rows of a page are equal, several, and without an id."""
    return len(rows) > 1 and not rows[0].envelope.id and len(set(contents_of(rows))) == 1


class ContactSelection(Selection):
    """All contacts of the list."""

    def begin(self, part: Slice) -> SliceSelection:
        return ListedContacts(self, part)


class ListedContacts(SliceSelection):
    def __init__(self, selection: Selection, part: Slice) -> None:
        super().__init__(selection, part)
        self._occurrences = Occurrences()

    def page_of_rows(self, rows: list[Row[Any]]) -> Page:
        alike = are_alike(rows)
        page = super().page_of_rows(rows)
        page.alike = alike
        return page

    def identify(self, rows: list[Row[Any]]) -> list[Row[Any]]:
        self._occurrences.identify(rows)
        return rows

    def fingerprint(self, rows: Sequence[Row[Any]]) -> int:
        return hash(tuple(contents_of(rows)))


class InstanceSelection(EventSelection):
    """The events of the slice, of the wanted types and, where a contact was asked for, of no other contact.

    The API may ignore the contact as well as the times. An event that names no contact belongs to the one that was
    asked for, unless the answer shows that the API has ignored it.
    """

    def __init__(self, config: Config, stream: StreamRun) -> None:
        super().__init__(config, stream)
        self.margin = timedelta(seconds=2 if config["provider"]["time_zone"] == "UTC" else 14_402)
        self.strays_told = False

    def begin(self, part: Slice) -> SliceSelection:
        return InstanceEvents(self, part)


class InstanceEvents(SliceEvents):
    def __init__(self, selection: InstanceSelection, part: Slice) -> None:
        super().__init__(selection, part)
        self._selection = selection
        self._occurrences = Occurrences()
        self._fingerprint = 0

    def page_of_rows(self, rows: list[Row[Any]]) -> Page:
        alike, self._fingerprint = are_alike(rows), hash(tuple(contents_of(rows)))
        page = super().page_of_rows(rows)
        page.alike = alike
        return page

    def fingerprint(self, rows: Sequence[Row[Any]]) -> int:
        """Of all rows that came, and without their ids, which are ours."""
        return self._fingerprint

    def identify(self, rows: list[Row[Any]]) -> list[Row[Any]]:
        self._tell_strays(rows)
        contact = self.part.contact
        kept = rows if contact is None else _rows_of(contact, rows)
        self.stream.counts.count_rows(0, {"of other contacts": len(rows) - len(kept)})
        self._occurrences.identify(kept)
        return kept

    def _tell_strays(self, rows: list[Row[Any]]) -> None:
        """Say once that the API sends what it was not asked for: a wrong time zone would lose events in silence."""
        if self._selection.strays_told:
            return
        margin = self._selection.margin
        first, last = earlier(self.part.first, margin), earlier(self.part.last, -margin)
        local = [row for row in rows if isinstance(row, InstanceRow) and LOCAL_TIME.fullmatch(row.time)]
        times = [row.envelope.createdAt for row in local]
        if any(time and not first[:19] <= time[:19] <= last[:19] for time in times):
            self._selection.strays_told = True
            logger.warning(
                "The API sends events from outside the time range that it was asked for, and they are left out. "
                "Either it ignores the range, or `provider.time_zone` is not the zone of its times."
            )


def _rows_of(contact: str, rows: list[Row[Any]]) -> list[Row[Any]]:
    named = {row.envelope.contactId.casefold() for row in rows if row.envelope.contactId}
    if named <= {contact.casefold()}:
        for row in rows:
            row.envelope.contactId = row.envelope.contactId or contact
    return [row for row in rows if row.envelope.contactId and row.envelope.contactId.casefold() == contact.casefold()]

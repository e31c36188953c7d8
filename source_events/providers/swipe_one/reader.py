"""The reading of a contact's events, newest first, to where they are known."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.providers.kit import (
    OUTSIDE,
    Answer,
    Continuation,
    EventSelection,
    NumberPaging,
    Page,
    Requester,
    Runtime,
    Slice,
    StreamRun,
    UnreadableTime,
    failure,
    normalize_times,
)
from source_events.providers.swipe_one.answers import EventRow
from source_events.providers.swipe_one.twins import EventPage, Reading, identify

ROWS_AT_ONCE = 500
"""Events that are handed over in one piece; a contact may have any number."""


class EventReader:
    """Reads a contact's events, newest first, until a page has none, or none that is young enough.

    The API cannot filter by time. A short page alone ends nothing: a server may keep to a lower limit than was asked
    for. The events get their ids when all pages are together, because twins may be on different pages. A contact whose
    events move while they are read is read again, once.
    """

    def __init__(
        self,
        runtime: Runtime,
        stream: StreamRun,
        requester: Requester,
        paging: NumberPaging,
        selection: EventSelection,
    ) -> None:
        self._memory = runtime.memory
        self._stream = stream
        self._requester = requester
        self._paging = paging
        self._selection = selection

    def first_answer(self, part: Slice) -> Answer | None:
        """The newest events of the contact."""
        return self._requester.ask(part, self._paging.begin().first, reserve=False)

    def read(self, part: Slice) -> Iterator[Page]:
        found = self._rows(part)
        rows = [row for row in found if (row.envelope.createdAt or "")[:19] >= part.first[:19]]
        older = len(found) - len(rows)
        del found
        self._stream.counts.count_rows(older, {OUTSIDE: older})
        # Twins have the same time: they are all among these, or none of them is.
        identify(rows)
        selection = self._selection.begin(part)
        while rows:
            page = selection.page_of_rows(list(rows[-ROWS_AT_ONCE:]))
            del rows[-ROWS_AT_ONCE:]
            if page.count:
                page.memory = self._memory.reserve_for(page.rows)
                yield page

    def _rows(self, part: Slice) -> list[EventRow]:
        reading = self._read(part)
        if not reading.moved:
            return self._counted(reading.rows(), reading, received=reading.received)
        hashes = reading.hashes
        reading = self._read(part)
        # What is the same twice has not moved: pages that seem to overlap begin with a twin.
        moved = reading.moved and reading.hashes != hashes
        rows = reading.rows_without_overlap() if moved else reading.rows()
        return self._counted(rows, reading, received=len(hashes) + reading.received)

    def _counted(self, rows: list[EventRow], reading: Reading, received: int) -> list[EventRow]:
        """The rows of a contact that is read to its end; those among them that become records are counted later."""
        self._stream.counts.count_rows(received - len(rows))
        self._stream.counts.end_slice(len(rows), reading.announced)
        return rows

    def _read(self, part: Slice) -> Reading:
        reading = Reading()
        pages = self._paging.begin()
        following: Continuation | None = pages.first
        page = None
        while following is not None:
            page = self._page(part, following, reading.received)
            if page is None or not page.rows:
                break
            reading.pages.append(page)
            if reading.repeats():
                reading.pages.pop()
                # A server may answer the last page for any number beyond it.
                if reading.received == page.announced:
                    break
                raise self._repeated(part)
            if all((row.envelope.createdAt or "")[:19] < part.first[:19] for row in page.rows):
                return reading
            # Whether a page comes again is for `repeats` to tell: here every page is one of its own.
            seen = Page((), received=len(page.rows), announced=page.announced, fingerprint=len(reading.pages))
            following = pages.next(seen)
            if len(reading.pages) == self._requester.most_pages:
                break
        if page is not None:
            reading.announced = reading.pages[-1].announced if reading.pages else page.announced
        return reading

    def _page(self, part: Slice, following: Continuation, before: int) -> EventPage | None:
        """A page, or nothing if the contact has disappeared."""
        answer = self._requester.ask(part, following)
        if answer is None:
            return None
        # A contact is held until all of it is there; it must not keep others from coming to their end.
        answer.release()
        rows = [self._row(raw, part, position) for position, raw in enumerate(answer.rows, start=before + 1)]
        try:
            normalize_times([row.envelope for row in rows])
        except UnreadableTime as error:
            raise self._unreadable(part, error.record_id, f"its time is {error.time[:100]!r}") from error
        return EventPage(rows, answer.announced)

    def _row(self, raw: Raw, part: Slice, position: int) -> EventRow:
        try:
            row = self._requester.decoder.row(raw)
        except msgspec.DecodeError as error:
            raise self._unreadable(part, str(position), str(error)) from error
        assert isinstance(row, EventRow)
        row.envelope.id = str(position)
        row.envelope.contactId = row.envelope.contactId or part.contact
        return row

    def _unreadable(self, part: Slice, position: str, reason: str) -> AirbyteTracedException:
        return failure(
            f"Event {position} of contact {part.contact}, newest first, cannot be read for {self._stream.name}: "
            f"{reason}.",
            FailureType.system_error,
        )

    @staticmethod
    def _repeated(part: Slice) -> AirbyteTracedException:
        return failure(
            f"The API repeats a page of the events of contact {part.contact} instead of going on. Try again later.",
            FailureType.transient_error,
        )

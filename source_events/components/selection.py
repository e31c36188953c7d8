"""The choice of an answer's rows: those that belong to the slice and were asked for become a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.decoder import Decoder
from source_events.components.windows import Slice, end_of
from source_events.records.page import Answer, Page, fingerprint, released_if_it_fails
from source_events.records.rows import Envelope, Row
from source_events.records.times import LOCAL_TIME, UnreadableTime, normalize_times
from source_events.runtime import StreamRun, failure

OUTSIDE, OTHER_TYPES = "outside the slice of time", "of other types"
"""Why rows are left out."""


class Selection:
    """Takes all rows, as those of a stream that is no event stream. `begin` gives what selects for one slice."""

    by_time = False
    """Whether a slice has only the rows of its own time, so that two halves of it have no more than the whole."""

    def __init__(self, config: Config, stream: StreamRun) -> None:
        self.config = config
        self.stream = stream

    def begin(self, part: Slice) -> SliceSelection:
        return SliceSelection(self, part)


class SliceSelection:
    """Makes pages of one slice's answers, by whichever thread reads it."""

    def __init__(self, selection: Selection, part: Slice) -> None:
        self.part = part
        self.config = selection.config
        self.stream = selection.stream

    def page_of(self, answer: Answer, decoder: Decoder) -> Page:
        """The page of an answer, whose memory it takes.

        :raises AirbyteTracedException: if a row, or its time, cannot be read
        """
        with released_if_it_fails(answer):
            page = self.page_of_rows(self.decoded(answer, decoder))
        page.announced, page.token, page.memory = answer.announced, answer.token, answer.memory
        if not page.count:
            page.release()
        return page

    def page_of_rows(self, rows: list[Row[Any]]) -> Page:
        """
        :raises AirbyteTracedException: if a time cannot be read
        """
        received = len(rows)
        rows = self.identify(rows)
        if rows and isinstance(rows[0].envelope, Envelope):
            _normalize([row.envelope for row in rows])
        chosen, left_out = self.choose(rows)
        self.stream.counts.count_rows(received, left_out)
        times = [time for row in chosen if isinstance(row.envelope, Envelope) and (time := row.envelope.createdAt)]
        return Page(self.expand(chosen), max(times, default=None), received, fingerprint=self.fingerprint(rows))

    def decoded(self, answer: Answer, decoder: Decoder) -> list[Row[Any]]:
        """
        :raises AirbyteTracedException: if a row, or its time, cannot be read
        """
        rows: list[Row[Any]] = []
        try:
            # In place, so that the number of rows is the position of one that cannot be read.
            rows.extend(decoder.rows(answer))
        except UnreadableTime as error:
            raise unreadable_time(error) from error
        except msgspec.DecodeError as error:
            raise failure(
                f"Row {len(rows)} of an answer cannot be read: {error}. "
                "The API may have changed; please report it together with the provider's name.",
                FailureType.system_error,
            ) from error
        return rows

    def identify(self, rows: list[Row[Any]]) -> list[Row[Any]]:
        """The rows with ids and contacts that the slice tells and they do not; those of other contacts are left out."""
        return rows

    def choose(self, rows: list[Row[Any]]) -> tuple[list[Row[Any]], Mapping[str, int]]:
        """The rows that were asked for, and how many are left out, by the reason."""
        return rows, {}

    def expand(self, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        """The records that the chosen rows stand for: themselves, unless records are parts of them."""
        return rows

    def fingerprint(self, rows: Sequence[Row[Any]]) -> int:
        """Equal for answers with equal rows."""
        return fingerprint(rows)


class EventSelection(Selection):
    """Takes the events of the slice's own seconds and of the wanted types.

    A slice covers whole seconds, first to last inclusive. It asks the API for more, because an event may have happened
    within its last second; what belongs to the next slice is left out, so that neighbouring slices neither lose nor
    repeat an event, also where an API ignores the time filter.
    """

    by_time = True

    def begin(self, part: Slice) -> SliceSelection:
        return SliceEvents(self, part)


class SliceEvents(SliceSelection):
    def identify(self, rows: list[Row[Any]]) -> list[Row[Any]]:
        """An event that names no contact belongs to the one that was asked for."""
        if self.part.contact:
            for row in rows:
                row.envelope.contactId = row.envelope.contactId or self.part.contact
        return rows

    def choose(self, rows: list[Row[Any]]) -> tuple[list[Row[Any]], Mapping[str, int]]:
        """A page that lies within its slice as a whole is not looked at row by row."""
        types = frozenset(self.config["event_types"])
        if not types and self._lies_within([row.envelope.createdAt for row in rows]):
            return rows, {}
        within = self.within()
        kept = [row for row in rows if within(row.envelope) and (not types or row.envelope.type in types)]
        number = len(rows) - len(kept)
        others = sum(row.envelope.type not in types for row in rows) if number and types else 0
        return kept, {OUTSIDE: number - others, OTHER_TYPES: others} if number else {}

    def _lies_within(self, times: Sequence[str | None]) -> bool:
        dated = [time for time in times if time is not None]
        if not dated or len(dated) < len(times):
            return not times
        earliest, latest = min(dated)[:19], max(dated)[:19]
        return self.part.first <= earliest and latest <= self.part.last and latest < end_of(self.config)

    def within(self) -> Callable[[Envelope], bool]:
        """Whether an event belongs to the slice; one without a time belongs to the slice that is for those."""
        first, last, undated = self.part.first[:19], self.part.last[:19], self.part.undated
        end = end_of(self.config)

        def within(envelope: Envelope) -> bool:
            time = envelope.createdAt
            if time is None:
                return undated
            return first <= time[:19] <= last and (time[:19] < end or _is_whole_second(time))

        return within


def _normalize(envelopes: list[Envelope]) -> None:
    try:
        normalize_times(envelopes)
    except UnreadableTime as error:
        raise unreadable_time(error) from error


def unreadable_time(error: UnreadableTime) -> AirbyteTracedException:
    local = " It has no time zone, and none is given for it." if _is_local(error.time) else ""
    message = f"Record {error.record_id[:100]} has a time that cannot be read: {error.time[:100]!r}.{local}"
    return failure(message, FailureType.system_error)


def _is_local(time: str) -> bool:
    """Whether it is a time of some clock: one that no clock shows lacks more than a zone."""
    try:
        return LOCAL_TIME.fullmatch(time) is not None and bool(datetime.fromisoformat(time[:19]))
    except ValueError:
        return False


def _is_whole_second(time: str) -> bool:
    return not time[19:-1].strip(".0")

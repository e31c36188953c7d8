"""The record selector's two parts: rows out of an answer, and the choice of those that were asked for."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass
from typing import Any

import msgspec
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.extractors.record_extractor import RecordExtractor
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.streams.http.request_window_split_exception import RequestWindowSplitRequiredException
from airbyte_cdk.sources.types import Config, StreamSlice, StreamState
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.decoder import AnswerDecoder
from source_events.records.page import PAGE, Draft, Envelope, Event, Row, finish
from source_events.records.times import UnreadableTime
from source_events.transport.connection import connection_of, counts, stream_of

OUTSIDE, OTHER_TYPES = "outside the slice of time", "of other types"
"""Why rows are left out."""


@dataclass
class PageExtractor(RecordExtractor):
    """Yields one record for an answer with rows, none for an answer without: the record carries the draft of a page.

    `page_limit` is for an endpoint that has no next page: an answer that may have been cut off at the limit is not
    used, and the window is split instead.
    """

    decoder: AnswerDecoder
    config: Config
    parameters: InitVar[Mapping[str, Any]]
    page_limit: int | None = None

    def extract_records(self, response: requests.Response) -> Iterable[Mapping[str, Any]]:
        answer = self.decoder.answer(response)
        if self.page_limit and _may_be_cut_off(len(answer.rows), answer.announced, self.page_limit):
            raise RequestWindowSplitRequiredException(
                stream_name="contact_events", error_message=f"{len(answer.rows)} rows and no next page"
            )
        if self.page_limit:
            connection_of(self.config).totals.finish(stream_of(response), len(answer.rows), answer.announced)
        if answer.rows:
            yield {PAGE: Draft(answer, self._rows(answer.rows), stream_of(response))}

    def _rows(self, raws: Sequence[msgspec.Raw]) -> list[Row[Any]]:
        rows: list[Row[Any]] = []
        try:
            # In place, so that the number of rows is the position of one that cannot be read.
            rows.extend(map(self.decoder.row, raws))
        except UnreadableTime as error:
            raise _unreadable(error) from error
        except msgspec.DecodeError as error:
            raise AirbyteTracedException(
                message=f"Row {len(rows)} of an answer cannot be read: {error}. "
                "The API may have changed; please report it together with the provider's name.",
                internal_message=str(error),
                failure_type=FailureType.system_error,
            ) from error
        return rows


def _unreadable(error: UnreadableTime) -> AirbyteTracedException:
    return AirbyteTracedException(
        message=f"Record {error.record_id[:100]} has a time that cannot be read: {error.time[:100]!r}.",
        internal_message="createdAt is not an RFC 3339 time",
        failure_type=FailureType.system_error,
    )


def _is_whole_second(time: str) -> bool:
    return not time[19:-1].strip(".0")


def _may_be_cut_off(rows: int, announced: int | None, page_limit: int) -> bool:
    """Whether an answer reached the limit, or a lower round one that the server keeps to while announcing more.

    An announced total alone proves nothing: the published example announces 20 events and lists 19.
    """
    capped_lower = announced is not None and announced > rows and rows >= 100 and rows % 100 == 0
    return rows >= page_limit or capped_lower


@dataclass
class EntityFilter(RecordFilter):
    """Finishes the pages of a stream that is no event stream: it has no time, and all its rows are wanted."""

    parameters: InitVar[Mapping[str, Any]]
    config: Config
    condition: str = ""

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: StreamState,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> Iterable[Mapping[str, Any]]:
        for record in records:
            draft: Draft = record[PAGE]
            if counts(stream_slice):
                connection_of(self.config).totals.receive(draft.stream, len(draft.rows))
            yield {PAGE: finish(draft)}


@dataclass
class EventFilter(RecordFilter):
    """Keeps the events of the slice's own seconds and of the wanted types, and finishes the page.

    A slice covers whole seconds, first to last inclusive. It asks the API for one second more, because an event may
    have happened within its last second; what belongs to the next slice is left out here, so that neighbouring slices
    neither lose nor repeat an event, also where an API ignores the time filter.

    With `contacts_only` a page tells the contacts that occur in its events, in the place of the events.
    """

    parameters: InitVar[Mapping[str, Any]]
    config: Config
    condition: str = ""
    contacts_only: bool = False

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: StreamState,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> Iterable[Mapping[str, Any]]:
        if stream_slice is None:
            raise ValueError("events are read in slices")
        for record in records:
            draft: Draft = record[PAGE]
            try:
                page = finish(
                    draft,
                    functools.partial(self._choose_and_count, stream_slice=stream_slice, stream=draft.stream),
                    self.expand,
                    contacts_only=self.contacts_only,
                )
            except UnreadableTime as error:
                raise _unreadable(error) from error
            # A page of which nothing is wanted moves no cursor, but paging must go on behind it.
            latest = page.latest or self.config["start_date"]
            yield {PAGE: page, "createdAt": latest[:19] + "Z"}

    def expand(self, rows: Sequence[Event]) -> Sequence[Row[Any]]:
        """The records that the wanted events stand for: themselves."""
        return rows

    def _choose_and_count(self, rows: list[Event], stream_slice: StreamSlice, stream: str) -> list[Event]:
        kept = self.choose(rows, stream_slice)
        if counts(stream_slice):
            connection_of(self.config).totals.receive(stream, len(rows), self._left_out(rows, kept))
        return kept

    def _left_out(self, rows: list[Event], kept: list[Event]) -> Mapping[str, int]:
        """How many rows are left out, by the reason."""
        number, types = len(rows) - len(kept), frozenset(self.config.get("event_types") or ())
        others = sum(row.envelope.type not in types for row in rows) if number and types else 0
        return {OUTSIDE: number - others, OTHER_TYPES: others} if number else {}

    def choose(self, rows: list[Event], stream_slice: StreamSlice) -> list[Event]:
        """The rows that were asked for; a page that lies within its slice as a whole is not looked at row by row."""
        times = [time for row in rows if (time := row.envelope.createdAt) is not None]
        if len(times) == len(rows) and not self.config.get("event_types"):
            earliest, latest = min(times)[:19], max(times)[:19]
            last, end = stream_slice["end_time"][:19], self.config["end_date"][:19]
            if stream_slice["start_time"][:19] <= earliest and latest <= last and latest < end:
                return rows
        wanted = self.wanted(stream_slice)
        return [row for row in rows if wanted(row.envelope)]

    def wanted(self, stream_slice: StreamSlice) -> Callable[[Envelope], bool]:
        """Whether an event is one that was asked for, and belongs to this slice."""
        first, last = stream_slice["start_time"][:19], stream_slice["end_time"][:19]
        types = frozenset(self.config.get("event_types") or ())
        end = self.config["end_date"][:19]

        def wanted(envelope: Envelope) -> bool:
            time = envelope.createdAt
            # An event without a time belongs to no slice, and is not left out of any.
            within = time is None or (first <= time[:19] <= last and (time[:19] < end or _is_whole_second(time)))
            return within and (not types or envelope.type in types)

        return wanted

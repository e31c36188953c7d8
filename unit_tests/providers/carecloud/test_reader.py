"""The organisation's feed: which windows are asked for, and that each event comes, also where its time means two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.components.windows import Slice
from source_events.providers.carecloud.clock import UNDATED
from source_events.providers.carecloud.reader import FeedReader
from source_events.providers.carecloud.selection import ProjectSelection
from source_events.records.page import Page
from source_events.records.rows import Envelope, Row
from source_events.runtime import Runtime
from unit_tests.parts import Slices, records
from unit_tests.providers.carecloud.project import completed


class Feed:
    """A feed with events of these times, whose `time` is their id; read slice by slice."""

    def __init__(self, times: list[str | None], *, filters: bool = True, check: bool = False, **config: Any) -> None:
        self.runtime = Runtime(2, check=check)
        self.stream = self.runtime.stream("org_events")
        self.times, self.filters = times, filters
        self.pages = Slices(self._pages)
        config = completed(**config)
        self._selection = ProjectSelection(config, self.stream)
        self.reader = FeedReader(config, self.runtime, self.pages)  # type: ignore[arg-type]

    def _pages(self, part: Slice) -> Iterator[Page]:
        """All that the filter lets through; a window is as much wider as the bounds on the clock may be."""
        if part == UNDATED and self.filters:
            found: list[str | None] = [None] if None in self.times else []
        else:
            found = [time for time in self.times if time or part.open_start or not self.filters]
        rows: list[Row[Any]] = [
            Row(Raw(b'{"a":1}'), Envelope(time or "zero", "carecloud", None, time, contactId="c")) for time in found
        ]
        page = self._selection.begin(part).page_of_rows(rows)
        if page.count:
            page.memory = self.runtime.memory.reserve(1)
            yield page

    def read(self, *slices: tuple[str, str]) -> list[list[str]]:
        """The ids of each slice's records."""
        found = [[record["id"] for record in records(self.reader.read(Slice(*bounds)))] for bounds in slices]
        assert self.runtime.memory.used == 0
        return found

    @property
    def asked(self) -> list[tuple[str, str]]:
        return [(part.first, part.last) for part in self.pages.asked]


EVENTS = [None, "2024-02-01T12:00:00Z", "2024-02-02T12:00:00Z", "2024-02-03T12:00:00Z"]
DAYS = [(f"2024-02-0{day}T00:00:00Z", f"2024-02-0{day}T23:59:59Z") for day in (1, 2, 3)]


class TestWindows:
    def test_each_is_read_for_itself_where_the_filter_works(self) -> None:
        feed = Feed(EVENTS)
        assert feed.read(*DAYS) == [["zero", EVENTS[1]], [EVENTS[2]], [EVENTS[3]]]
        assert feed.pages.asked == [UNDATED, *(Slice(*day, undated=False) for day in DAYS)]

    def test_the_first_one_reads_for_all_where_the_filter_is_ignored(self) -> None:
        feed = Feed(EVENTS, filters=False)
        assert feed.read(*DAYS) == [["zero", *EVENTS[1:]], [], []]
        whole = Slice(DAYS[0][0], "2024-12-31T00:00:00Z", open_start=True, open_end=True)
        assert feed.pages.asked == [UNDATED, whole]

    def test_one_before_the_claimed_range_reads_for_itself(self) -> None:
        assert Feed(EVENTS, filters=False).read(DAYS[1], DAYS[0], DAYS[2]) == [["zero", *EVENTS[2:]], [EVENTS[1]], []]

    def test_a_check_reads_its_window_and_asks_nothing_else(self) -> None:
        feed = Feed(EVENTS, check=True)
        assert feed.read(DAYS[0]) == [[EVENTS[1]]]
        assert feed.pages.asked == [Slice(*DAYS[0])]

    def test_a_probe_that_fails_fails_the_slice_and_is_made_again_by_the_next(self) -> None:
        feed = Feed(EVENTS)
        pages, feed.pages._pages = feed.pages._pages, lambda part: iter(_failing())
        with pytest.raises(AirbyteTracedException, match="down"):
            feed.read(DAYS[0])
        feed.pages._pages = pages
        assert feed.read(DAYS[0]) == [["zero", EVENTS[1]]]


def _failing() -> Iterator[Page]:
    raise AirbyteTracedException(message="down")
    yield


class TestCustomersWithoutTimes:
    def test_they_are_known_from_the_same_request(self) -> None:
        feed = Feed(EVENTS)
        feed.read(DAYS[0])
        assert feed.reader.customers_without_times() == {"c"}
        assert feed.pages.asked.count(UNDATED) == 1

    def test_it_is_made_for_them_where_no_window_is_read(self) -> None:
        feed = Feed(EVENTS)
        assert feed.reader.customers_without_times() == feed.reader.customers_without_times() == {"c"}
        assert feed.pages.asked == [UNDATED]
        assert feed.runtime.memory.used == 0

    def test_an_installation_that_ignores_the_filter_has_them_in_its_windows(self) -> None:
        assert list(Feed(EVENTS, filters=False).reader.customers_without_times()) == []


class TestRepeatedHour:
    """In Prague, the hour from 00:00 UTC on 27 October 2024 came again at 01:00 UTC: an event from then has the time of
    an hour before."""

    SECOND_PASS = "2024-10-27T00:10:00Z"
    """Of an event from 00:10 or 01:10."""
    NIGHT = ("2024-10-27T00:29:00Z", "2024-10-27T06:00:00Z")

    def test_no_event_of_the_second_pass_is_lost_however_short_the_lookback(self) -> None:
        """A sync at 00:30 has not seen it, and the next one begins a minute before."""
        assert Feed([self.SECOND_PASS], lookback_window="PT1M").read(self.NIGHT) == [[self.SECOND_PASS]]

    def test_a_slice_that_begins_within_the_hour_goes_back_to_its_begin(self) -> None:
        feed = Feed([self.SECOND_PASS])
        feed.read(self.NIGHT)
        assert feed.asked[1:] == [("2024-10-27T00:00:00Z", self.NIGHT[1])]

    def test_the_slices_behind_it_do_not(self) -> None:
        feed = Feed([self.SECOND_PASS])
        minutes = [(f"2024-10-27T00:{minute}:00Z", f"2024-10-27T00:{minute}:59Z") for minute in range(29, 33)]
        found = feed.read(*minutes, ("2024-10-27T00:33:00Z", "2024-10-27T01:30:00Z"))
        assert [first[11:16] for first, _ in feed.asked[1:]] == ["00:00", "00:30", "00:31", "00:32", "00:33"]
        # The instants that its time may mean are in the first slice and in the last one.
        assert found == [[self.SECOND_PASS], [], [], [], [self.SECOND_PASS]]

    @pytest.mark.parametrize(
        ("time", "wanted"), [("2024-10-27T00:19:59Z", False), ("2024-10-27T00:20:00Z", True)], ids=["before", "at it"]
    )
    def test_events_that_are_before_the_start_date_in_both_passes_are_left_out(self, time: str, wanted: bool) -> None:
        start = "2024-10-27T01:20:00Z"
        found = Feed([time], start_date=start).read((start, "2024-10-27T06:00:00Z"))
        assert found == [[time] if wanted else []]

    def test_where_the_filter_is_ignored_none_is_lost_either(self) -> None:
        feed = Feed([self.SECOND_PASS, "2024-10-27T05:00:00Z"], filters=False)
        assert feed.read(self.NIGHT) == [[self.SECOND_PASS, "2024-10-27T05:00:00Z"]]


def test_events_without_a_time_are_noted_once_each() -> None:
    feed = Feed([None, None])
    feed.read(*DAYS)
    assert feed.stream.undated == {"zero"}


@pytest.mark.parametrize("filters", [True, False])
def test_a_slice_that_is_not_for_events_without_a_time_has_none(filters: bool) -> None:
    feed = Feed(EVENTS, filters=filters)
    part = Slice("2024-02-02T00:00:00Z", "2024-02-03T23:59:59Z", undated=False)
    assert [record["id"] for record in records(feed.reader.read(part))] == EVENTS[2:]

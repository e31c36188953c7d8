from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.components import division
from source_events.components.division import Division
from source_events.components.paging import TokenPaging
from source_events.components.reader import PageReader
from source_events.components.selection import EventSelection
from source_events.components.windows import Slice, Windows, moment
from source_events.records.page import Answer, Page
from source_events.records.rows import Envelope, Row
from source_events.records.times import format_time
from source_events.runtime import Runtime
from source_events.transport.memory import MEMORY_FOR_ANSWERS
from unit_tests.parts import completed, records, rows
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration, read

HOUR = Slice("2024-01-01T00:00:00Z", "2024-01-01T00:59:59Z")
PAGE_SIZE = 1000
CONFIG = completed({})


class Feed:
    """Has events at regular intervals of an hour, serves them in pages, and notes for which slices it was asked.

    It is requester and decoder in one. A page of each slice ends with a token.
    """

    def __init__(self, runtime: Runtime, events: int, *, announces: bool = True) -> None:
        self.runtime, self.events, self.announces = runtime, events, announces
        self.asked: list[tuple[str, str]] = []
        self.requests = 0
        self.fails_at: str | None = None
        self.decoder = self
        self.most_pages: int | None = None
        self.has_body = False
        self.names_next = True

    def ask(self, part: Slice, page: Any) -> Answer:
        self.requests += 1
        if not page:
            self.asked.append((part.first[11:19], part.last[11:19]))
        if part.first[11:19] == self.fails_at:
            raise RuntimeError("the API is down")
        first, last = (round((moment(time) - moment(HOUR.first)).total_seconds()) for time in (part.first, part.last))
        there = [number for number in range(self.events) if first <= number * 3600 // self.events <= last]
        offset = int(page.get("t", 0))
        token = str(offset + PAGE_SIZE) if offset + PAGE_SIZE < len(there) else None
        found = [Raw(str(number).encode()) for number in there[offset : offset + PAGE_SIZE]]
        return Answer(found, token, len(there) if self.announces else None, self.runtime.memory.reserve(len(found)))

    def row(self, raw: Raw) -> Row[Any]:
        number = bytes(raw).decode()
        seconds = int(number) * 3600 // self.events
        time = format_time(moment(HOUR.first).replace(minute=seconds // 60, second=seconds % 60))
        return Row(Raw(b"{}"), Envelope(number, "p", None, time))

    def rows(self, answer: Answer) -> Any:
        return map(self.row, answer.rows)


class Reading:
    """An hour of the feed, read with so many workers, of which some are busy."""

    def __init__(
        self,
        events: int,
        workers: int = 4,
        busy: int = 0,
        *,
        announces: bool = True,
        ascending: bool = False,
        windows: Any = None,
    ) -> None:
        self.runtime = Runtime(workers)
        self.feed = Feed(self.runtime, events, announces=announces)
        self.stream = self.runtime.stream("s")
        self.workers, self.busy = workers, busy
        self.reader = PageReader(
            self.stream,
            self.feed,  # type: ignore[arg-type]
            EventSelection(CONFIG, self.stream),
            TokenPaging("t"),
            Division(CONFIG, self.runtime, windows, ascending),
        )

    def pages(self) -> Iterator[Page]:
        # The one who reads is busy, too.
        self.runtime.workers.begin(self.busy + 1)
        yield from self.reader.read(HOUR)
        self.runtime.workers.end()

    def ids(self) -> list[int]:
        """Of the records, in order; all memory and all workers are given back."""
        found = sorted(int(record["id"]) for record in records(self.pages()))
        assert self.runtime.workers.idle == self.workers - self.busy
        assert self.runtime.memory.used == 0
        return found


@pytest.mark.parametrize("events", [0, 1, 1000, 3999])
def test_a_slice_of_few_pages_is_read_as_it_is(events):
    reading = Reading(events)
    assert reading.ids() == list(range(events))
    assert reading.feed.asked == [("00:00:00", "00:59:59")]


def test_a_dense_slice_is_divided_among_the_idle_workers():
    reading = Reading(8000, workers=4)
    assert reading.ids() == list(range(8000))
    assert sorted(reading.feed.asked) == [
        ("00:00:00", "00:14:59"),
        ("00:00:00", "00:59:59"),
        ("00:15:00", "00:29:59"),
        ("00:30:00", "00:44:59"),
        ("00:45:00", "00:59:59"),
    ]


def test_a_part_is_planned_to_fill_its_pages_without_its_rest():
    """A page of 1,000 rows is planned for 800: 5,000 are 6 pages."""
    reading = Reading(5000, workers=40)
    assert reading.ids() == list(range(5000))
    assert len(reading.feed.asked) == 1 + 6


def test_the_page_that_was_read_for_nothing_leaves_the_memory():
    reading = Reading(8000)
    pages = reading.pages()
    first = next(pages)
    # Each page of the parts has 1,000 rows; the first page of the whole has gone.
    assert first.count == PAGE_SIZE
    first.release()
    records(pages)
    assert reading.runtime.memory.used == 0


class TestAscending:
    """Where the oldest rows come first, the first page is kept, and the parts begin where it ends."""

    def test_no_row_is_asked_for_twice(self):
        reading = Reading(8000, ascending=True)
        assert reading.ids() == list(range(8000))
        # The last second of the first page, which may go on on the next one, comes again.
        assert sorted(reading.feed.asked) == [
            ("00:00:00", "00:59:59"),
            ("00:07:29", "00:20:36"),
            ("00:20:37", "00:33:44"),
            ("00:33:45", "00:46:52"),
            ("00:46:53", "00:59:59"),
        ]
        assert reading.stream.counts.now.repeated == 2

    def test_a_first_page_of_one_second_is_no_beginning(self):
        class Second(Feed):
            def row(self, raw: Raw) -> Row[Any]:
                return Row(Raw(b"{}"), Envelope(bytes(raw).decode(), "p", None, HOUR.first))

        reading = Reading(8000, ascending=True)
        reading.feed.__class__ = Second
        next(reading.pages()).release()
        assert ("00:00:00", "00:14:59") in reading.feed.asked

    def test_where_the_clock_changes_the_order_says_nothing(self):
        class Unordered(Windows):
            def keep_order(self, part: Slice) -> bool:
                return False

        reading = Reading(8000, ascending=True, windows=Unordered(CONFIG))
        assert reading.ids() == list(range(8000))
        assert ("00:00:00", "00:14:59") in reading.feed.asked


def test_where_all_other_workers_are_busy_it_is_read_as_it_is():
    reading = Reading(8000, workers=4, busy=3)
    assert reading.ids() == list(range(8000))
    assert len(reading.feed.asked) == 1


def test_one_idle_worker_takes_half():
    reading = Reading(6000, workers=4, busy=2)
    reading.ids()
    assert sorted(reading.feed.asked)[2:] == [("00:30:00", "00:59:59")]


def test_where_no_total_is_announced_it_is_read_as_it_is():
    reading = Reading(8000, announces=False)
    assert reading.ids() == list(range(8000))
    assert len(reading.feed.asked) == 1


@pytest.mark.parametrize("bound", ["open_start", "open_end"])
def test_a_slice_without_a_bound_is_read_as_it_is(bound):
    """An installation that ignores the bounds would send everything for each part."""
    runtime = Runtime(4)
    page = Page(rows(1), received=PAGE_SIZE, announced=8 * PAGE_SIZE)
    assert Division(CONFIG, runtime).parts(HOUR, page)
    assert Division(CONFIG, runtime).parts(Slice(HOUR.first, HOUR.last, **{bound: True}), page) == []


def test_what_a_part_fails_with_is_what_the_slice_fails_with():
    reading = Reading(8000)
    reading.feed.fails_at = "00:30:00"
    with pytest.raises(RuntimeError, match="the API is down"):
        records(reading.pages())
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("dense")] == []
    assert reading.runtime.memory.used == 0


def test_a_reader_who_leaves_ends_the_parts_and_releases_their_pages():
    reading = Reading(8000)
    pages = reading.pages()
    next(pages).release()
    pages.close()
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("dense")] == []
    assert reading.runtime.memory.used == 0


def test_a_sync_of_one_dense_day_asks_for_its_parts(network):
    """Each part asks for a second more than it covers, and drops what belongs to the next."""
    network.expect(requests.login(), responses.token())
    day = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
    first = [responses.event(f"first {number}", "2024-01-01T06:00:00Z") for number in range(500)]
    network.expect(requests.feed(*day), responses.page(first, "s", 2000))
    noon = responses.event("noon", "2024-01-01T12:00:00Z")
    morning = responses.event("morning", "2024-01-01T11:59:59.5Z")
    evening = responses.event("evening", "2024-01-01T23:59:59Z")
    network.expect(requests.feed(day[0], "2024-01-01T12:00:00Z"), responses.page([morning, noon]))
    network.expect(requests.feed("2024-01-01T12:00:00Z", day[1]), responses.page([noon, evening]))
    output = read("org_events", config=configuration(num_workers=2))
    assert output.ids() == ["evening", "morning", "noon"]
    assert output.states[-1] == {"createdAt": "2024-01-01T23:59:59Z"}


def test_what_nobody_takes_any_more_keeps_no_part_waiting_for_memory(monkeypatch):
    """A part has taken all memory behind the failure of another, and a third waits for some."""
    runtime = Runtime(4)
    asked, failed, full = threading.Event(), threading.Event(), threading.Event()

    class Noted(SimpleQueue):
        def put(self, item: Any, *args: Any) -> None:
            super().put(item, *args)
            if isinstance(item, BaseException):
                failed.set()

    def parts(part: Slice) -> Iterator[Page]:
        yield {"00": first, "15": failing, "30": filling, "45": waiting}[part.first[14:16]]()

    def first() -> Page:
        return Page(rows(1))

    def failing() -> Page:
        asked.wait(5)
        raise RuntimeError("the API is down")

    def filling() -> Page:
        failed.wait(5)
        page = Page(rows(1), memory=runtime.memory.reserve(MEMORY_FOR_ANSWERS))
        full.set()
        return page

    def waiting() -> Page:
        full.wait(5)
        return Page(rows(1), memory=runtime.memory.reserve(MEMORY_FOR_ANSWERS))

    monkeypatch.setattr(division, "SimpleQueue", Noted)
    page = Page(rows(PAGE_SIZE), received=PAGE_SIZE, announced=8 * PAGE_SIZE)
    runtime.workers.begin()
    divided = Division(CONFIG, runtime)
    pages = divided.read_together(divided.parts(HOUR, page), parts)
    next(pages)
    asked.set()
    assert full.wait(5)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="the API is down"):
        next(pages)
    assert time.monotonic() - began < 5
    assert runtime.memory.used == 0


def test_the_parts_of_a_slice_fail_with_what_the_user_can_mend():
    reading = Reading(8000)
    reading.feed.row = lambda raw: Row(Raw(b"{}"), Envelope("e", "p", None, "yesterday"))  # type: ignore[method-assign]
    with pytest.raises(AirbyteTracedException, match="Record e has a time that cannot be read"):
        records(reading.pages())
    assert reading.runtime.memory.used == 0

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from queue import SimpleQueue
from typing import Any

import pytest
from airbyte_cdk.sources.types import Record, StreamSlice
from msgspec import Raw

from source_events.components import windows as density
from source_events.components.windows import DividingRetriever
from source_events.records.page import PAGE, Identity, Page, Row, page_of
from source_events.transport.connection import MEMORY_FOR_ANSWERS, Connection
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration, read

HOUR = StreamSlice(
    partition={}, cursor_slice={"start_time": "2024-01-01T00:00:00Z", "end_time": "2024-01-01T00:59:59Z"}
)
PAGE_SIZE = 1000


def page(received: int, announced: int | None) -> Page:
    rows = [Row(Raw(b"{}"), Identity("p", "o"))] * received
    return Page(rows, received, None, frozenset(), 0, received, announced, None, object())


class Pages:
    """Has events at regular intervals, serves them in pages, and notes for which slices it was asked."""

    def __init__(self, events: int, *, announces: bool = True) -> None:
        self.events, self.announces = events, announces
        self.asked: list[tuple[str, str]] = []
        self.given: list[Page] = []
        self.fails_at: str | None = None

    def read_records(self, schema: Mapping[str, Any], stream_slice: StreamSlice) -> Iterator[Record]:
        self.asked.append((stream_slice["start_time"][11:19], stream_slice["end_time"][11:19]))
        if stream_slice["start_time"][11:19] == self.fails_at:
            raise RuntimeError("the API is down")
        seconds = 1 + sum(
            sign * int(stream_slice[bound][14:16]) * 60 + sign * int(stream_slice[bound][17:19])
            for sign, bound in ((1, "end_time"), (-1, "start_time"))
        )
        there = self.events * seconds // 3600
        for position in range(0, there, PAGE_SIZE):
            self.given.append(page(min(PAGE_SIZE, there - position), there if self.announces else None))
            yield Record({PAGE: self.given[-1]}, "org_events", stream_slice)


def read_hour(pages: Pages, workers: int = 4, busy: int = 0) -> list[Record]:
    connection = Connection(workers, None)
    retriever = DividingRetriever({"connection": connection}, {}, pages)  # type: ignore[arg-type]
    connection.readers.begin(busy)
    records = list(retriever.read_records({}, HOUR))
    assert connection.readers.idle == workers - busy
    return records


def count(records: list[Record]) -> int:
    return sum(found.count for record in records if (found := page_of(record.data)))


@pytest.mark.parametrize("events", [0, 1, 1000, 3999])
def test_a_slice_of_few_pages_is_read_as_it_is(events):
    pages = Pages(events)
    assert count(read_hour(pages)) == events
    assert pages.asked == [("00:00:00", "00:59:59")]


def test_a_dense_slice_is_divided_among_the_idle_workers():
    pages = Pages(8000)
    records = read_hour(pages, workers=4)
    assert count(records) == 8000
    assert sorted(pages.asked) == [
        ("00:00:00", "00:14:59"),
        ("00:00:00", "00:59:59"),
        ("00:15:00", "00:29:59"),
        ("00:30:00", "00:44:59"),
        ("00:45:00", "00:59:59"),
    ]
    assert {id(record.associated_slice) for record in records} == {id(HOUR)}


def test_there_are_no_more_parts_than_pages():
    pages = Pages(5000)
    read_hour(pages, workers=40)
    assert len(pages.asked) == 1 + 5


def test_the_page_that_was_read_for_nothing_leaves_the_memory():
    pages = Pages(8000)
    read_hour(pages)
    assert (pages.given[0].rows, pages.given[0].reservation) == ((), None)


def test_where_all_other_workers_are_busy_it_is_read_as_it_is():
    pages = Pages(8000)
    assert count(read_hour(pages, workers=4, busy=3)) == 8000
    assert len(pages.asked) == 1


def test_one_idle_worker_takes_half():
    pages = Pages(6000)
    read_hour(pages, workers=4, busy=2)
    assert sorted(pages.asked)[2:] == [("00:30:00", "00:59:59")]


def test_where_no_total_is_announced_it_is_read_as_it_is():
    pages = Pages(8000, announces=False)
    assert count(read_hour(pages)) == 8000
    assert len(pages.asked) == 1


def test_what_a_part_fails_with_is_what_the_slice_fails_with():
    pages = Pages(8000)
    pages.fails_at = "00:30:00"
    with pytest.raises(RuntimeError, match="the API is down"):
        read_hour(pages)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("dense")] == []


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
    connection = Connection(4, None)
    asked, failed, full = threading.Event(), threading.Event(), threading.Event()

    class Noted(SimpleQueue):
        def put(self, item: Any, *args: Any) -> None:
            super().put(item, *args)
            if isinstance(item, BaseException):
                failed.set()

    class Parts:
        def read_records(self, schema: Mapping[str, Any], part: StreamSlice) -> Iterator[Record]:
            start, end = part["start_time"][14:16], part["end_time"][14:16]
            read = {"00": self.first, "15": self.failing, "30": self.filling, "45": self.waiting}[start]
            found = page(PAGE_SIZE, 8 * PAGE_SIZE) if (start, end) == ("00", "59") else read()
            yield Record({PAGE: found}, "org_events", part)

        def first(self) -> Page:
            return page(1, None)

        def failing(self) -> Page:
            asked.wait(5)
            raise RuntimeError("the API is down")

        def filling(self) -> Page:
            failed.wait(5)
            found = page(1, None)
            found.reservation = connection.memory.reserve(MEMORY_FOR_ANSWERS)
            full.set()
            return found

        def waiting(self) -> Page:
            full.wait(5)
            connection.memory.reserve(MEMORY_FOR_ANSWERS)
            return page(1, None)

    monkeypatch.setattr(density, "SimpleQueue", Noted)
    records = DividingRetriever({"connection": connection}, {}, Parts()).read_records({}, HOUR)  # type: ignore[arg-type]
    next(records)
    asked.set()
    assert full.wait(5)
    began = time.monotonic()
    with pytest.raises(RuntimeError, match="the API is down"):
        next(records)
    assert time.monotonic() - began < 5

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteRecordMessage, Type
from airbyte_cdk.sources.streams.concurrent.partitions.stream_slicer import StreamSlicer
from airbyte_cdk.sources.types import StreamSlice

from source_events.components.contacts import BatchReader, Contact, ContactList
from source_events.components.partition import PAGE, PagePartition, PagePartitions, page_of
from source_events.components.windows import Slice
from source_events.records.page import Page
from source_events.runtime import Runtime
from source_events.transport.memory import Closed
from unit_tests.parts import Slices, completed, rows

CONFIG = completed({})
DAY = StreamSlice(partition={}, cursor_slice={"start_time": "2024-01-01T00:00:00Z", "end_time": "2024-01-01T23:59:59Z"})


class Slicer(StreamSlicer):
    def __init__(self, *slices: StreamSlice) -> None:
        self._slices = slices

    def stream_slices(self) -> Iterable[StreamSlice]:
        yield from self._slices


class NoList(ContactList):
    def contacts(self, start: str, end: str) -> Iterable[Contact]:
        return ()


def partitions(runtime: Runtime, reader: Any, *slices: StreamSlice) -> list[Any]:
    return list(PagePartitions("s", CONFIG, runtime, Slicer(*slices), reader).generate())


class TestSlices:
    @pytest.mark.parametrize(
        ("stream_slice", "asked"),
        [
            (DAY, Slice("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")),
            (StreamSlice(partition={}, cursor_slice={}), Slice(CONFIG["start_date"], CONFIG["end_date"])),
        ],
        ids=["one of time", "the whole"],
    )
    def test_a_slice_is_read_from_its_start_to_its_end(self, stream_slice, asked):
        reader = Slices(lambda part: iter(()))
        [partition] = partitions(Runtime(1), reader, stream_slice)
        assert reader.asked == []
        assert list(partition.read()) == []
        assert reader.asked == [asked]
        assert (partition.to_slice(), partition.stream_name()) == (stream_slice, "s")

    def test_a_batch_is_read_contact_by_contact_to_the_end_of_its_slice(self):
        runtime = Runtime(1)
        events = Slices(lambda part: iter(()))
        reader = BatchReader(runtime, runtime.stream("s"), NoList(), events)
        batch = StreamSlice(
            partition={"contacts": {"a": "2024-02-01T00:00:00Z"}, "number": 0},
            cursor_slice={"end_time": "2024-03-01T00:00:00Z"},
        )
        [partition] = partitions(runtime, reader, batch)
        list(partition.read())
        assert events.asked == [Slice("2024-02-01T00:00:00Z", "2024-03-01T00:00:00Z", "a")]

    def test_equal_slices_are_partitions_of_their_own(self):
        one, other = partitions(Runtime(1), Slices(lambda part: iter(())), DAY, DAY)
        assert len({one, other}) == 2

    def test_no_more_slices_are_listed_when_the_read_has_been_abandoned(self):
        runtime = Runtime(1)
        listing = iter(PagePartitions("s", CONFIG, runtime, Slicer(DAY, DAY), Slices(lambda part: iter(()))).generate())
        next(listing)
        runtime.network.close()
        with pytest.raises(Closed):
            next(listing)


class TestPages:
    @staticmethod
    def partition(runtime: Runtime, pages: Iterable[Page]) -> PagePartition:
        return PagePartition("s", CONFIG, runtime, DAY, lambda: iter(pages))

    @pytest.mark.parametrize(
        ("latest", "cursor"),
        [
            ("2024-01-01T11:00:00.75Z", "2024-01-01T11:00:00Z"),
            ("2024-01-01T11:00:00Z", "2024-01-01T11:00:00Z"),
            (None, CONFIG["start_date"]),
        ],
        ids=["a fraction", "a second", "nothing dated"],
    )
    def test_the_cursor_sees_the_second_of_the_latest_event(self, latest, cursor):
        [record] = self.partition(Runtime(1), [Page(rows(2), latest)]).read()
        assert record.data["createdAt"] == cursor
        assert (record.stream_name, record.associated_slice) == ("s", DAY)

    def test_the_page_is_found_in_the_message_that_carries_it(self):
        page = Page(rows(2))
        [record] = self.partition(Runtime(1), [page]).read()
        message = AirbyteRecordMessage(stream="s", data=dict(record.data), emitted_at=0)
        assert page_of(AirbyteMessage(type=Type.RECORD, record=message)) is page

    @pytest.mark.parametrize("data", [{}, {PAGE: {"native": "field"}}, {PAGE: None}], ids=["none", "a field", "null"])
    def test_a_record_with_a_field_of_that_name_carries_none(self, data):
        message = AirbyteRecordMessage(stream="s", data=data, emitted_at=0)
        assert page_of(AirbyteMessage(type=Type.RECORD, record=message)) is None

    def test_any_other_message_carries_none(self):
        assert page_of(AirbyteMessage(type=Type.LOG)) is None

    def test_a_worker_is_busy_as_long_as_it_reads(self):
        runtime = Runtime(2)
        reading = self.partition(runtime, [Page(rows(1)), Page(rows(1))]).read()
        assert runtime.workers.idle == 2
        next(iter(reading))
        assert runtime.workers.idle == 1
        list(reading)
        assert runtime.workers.idle == 2

    @pytest.mark.parametrize("leave", ["close", "fail"])
    def test_it_is_idle_again_however_the_reading_ends(self, leave):
        runtime = Runtime(2)

        def pages() -> Iterator[Page]:
            yield Page(rows(1))
            raise RuntimeError("the API is down")

        reading: Any = self.partition(runtime, pages()).read()
        next(reading)
        if leave == "close":
            reading.close()
        else:
            with pytest.raises(RuntimeError):
                next(reading)
        assert runtime.workers.idle == 2

"""The seam to the CDK: what its workers read of a slice are pages, each of which travels as one of its records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from airbyte_cdk.models import AirbyteMessage, Type
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.streams.concurrent.partitions.partition_generator import PartitionGenerator
from airbyte_cdk.sources.streams.concurrent.partitions.stream_slicer import StreamSlicer
from airbyte_cdk.sources.types import Config, Record, StreamSlice

from source_events.components.changes import ChangesReader
from source_events.components.contacts import BatchReader
from source_events.components.reader import Reader
from source_events.components.windows import Slice
from source_events.records.page import Page
from source_events.records.times import to_the_second
from source_events.runtime import Runtime

PAGE = "page"


@dataclass(frozen=True)
class PagePartitions(PartitionGenerator):
    """The slices of a stream, or its batches of contacts, each with the reader that its pages come from."""

    stream: str
    config: Config
    runtime: Runtime
    slicer: StreamSlicer
    reader: Reader | BatchReader

    def generate(self) -> Iterable[Partition]:
        for stream_slice in self.slicer.stream_slices():
            self.runtime.wait(0)
            yield PagePartition(self.stream, self.config, self.runtime, stream_slice, self._pages_of(stream_slice))

    def _pages_of(self, stream_slice: StreamSlice) -> Callable[[], Iterator[Page]]:
        end: str = stream_slice.get("end_time") or self.config["end_date"]
        if isinstance(self.reader, BatchReader):
            batches, contacts = self.reader, stream_slice["contacts"]
            return lambda: batches.read(contacts, end)
        slices = self.reader
        if isinstance(slices, ChangesReader) and "since" in stream_slice:
            since: str = stream_slice["since"]
            return lambda: slices.changes(Slice(since, end))
        first: str = stream_slice.get("start_time") or self.config["start_date"]
        return lambda: slices.read(Slice(first, end))


class PagePartition(Partition):
    """Wraps each page of a slice. The cursor sees the page's latest time, to the second."""

    def __init__(
        self,
        stream: str,
        config: Config,
        runtime: Runtime,
        stream_slice: StreamSlice,
        pages: Callable[[], Iterator[Page]],
    ) -> None:
        self._stream = stream
        self._start_date: str = config["start_date"]
        self._workers = runtime.workers
        self._slice = stream_slice
        self._pages = pages

    def read(self) -> Iterator[Record]:
        self._workers.begin()
        try:
            for page in self._pages():
                # A page of which nothing is dated moves no cursor.
                latest = page.latest or self._start_date
                yield Record({PAGE: page, "createdAt": to_the_second(latest)}, self._stream, self._slice)
                del page
        finally:
            self._workers.end()

    def to_slice(self) -> StreamSlice:
        return self._slice

    def stream_name(self) -> str:
        return self._stream

    def __hash__(self) -> int:
        return id(self)


def page_of(message: AirbyteMessage) -> Page | None:
    """The page that a record message carries in place of a single record."""
    page = message.record.data.get(PAGE) if message.type is Type.RECORD and message.record else None
    return page if isinstance(page, Page) else None

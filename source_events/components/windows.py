"""Dense slices: what one worker would page through alone is divided among those that have nothing to do."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import InitVar, dataclass
from datetime import datetime, timedelta
from queue import SimpleQueue
from typing import Any

from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.types import Config, Record, StreamSlice

from source_events.components.contacts import windows
from source_events.records.page import Page, page_of
from source_events.transport.connection import Readers, connection_of

PAGES_WORTH_DIVIDING, ROWS_WORTH_DIVIDING = 4, 2000
"""The first page of a slice that is divided has been read for nothing; from so many pages on that is little."""


@dataclass
class DividingRetriever(Retriever):
    """Reads slices with the retriever `pages`, and divides those that are dense while other workers are idle.

    So a sync of one day, which is one slice, keeps all workers busy if the day has many events, and makes no request
    more if it has few.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    pages: Retriever

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterator[Record]:
        assert stream_slice is not None
        reader = SliceReader(self.pages, records_schema, _window, connection_of(self.config).readers)
        for record in reader.read(stream_slice):
            yield Record(record.data, record.stream_name, stream_slice)


def _window(first: str, last: str) -> StreamSlice:
    return StreamSlice(partition={}, cursor_slice={"start_time": first, "end_time": last})


@dataclass
class SliceReader:
    """Reads slices with the retriever `pages`; `window` makes the slice of a part from its first and its last second.

    Whether a slice is dense shows in the total that its first page announces. The total is a hint and no more: each
    part is read to its own end.
    """

    pages: Retriever
    schema: Mapping[str, Any]
    window: Callable[[str, str], StreamSlice]
    readers: Readers

    def read(self, stream_slice: StreamSlice) -> Iterator[Record]:
        self.readers.begin()
        yield from self._read(stream_slice)

    def _read(self, stream_slice: StreamSlice) -> Iterator[Record]:
        """Read with a worker that is counted as busy already."""
        try:
            found = self.pages.read_records(self.schema, stream_slice)
            records = (record for record in found if isinstance(record, Record))
            first = next(records, None)
            page = page_of(first.data) if first else None
            parts = self._parts(stream_slice, page) if page else []
            if not parts:
                yield from [first] if first else []
                yield from records
        finally:
            self.readers.end()
        if parts and page:
            # Nothing of the first page may stay in memory while the parts are read.
            page.take()
            del found, records, first, page
            yield from self._read_together(parts)

    def _parts(self, stream_slice: StreamSlice, page: Page) -> Sequence[StreamSlice]:
        """What to read in place of a slice, or nothing if it is to be read as it is."""
        announced, idle = page.announced or 0, self.readers.idle
        number = min(idle + 1, announced // page.received)
        first, last = stream_slice["start_time"], stream_slice["end_time"]
        seconds = round((_moment(last) - _moment(first)).total_seconds()) + 1
        dense = announced >= max(PAGES_WORTH_DIVIDING * page.received, ROWS_WORTH_DIVIDING)
        if not dense or idle < 1 or seconds < number:
            return []
        size = timedelta(seconds=-(-seconds // number))
        return [self.window(part["start_time"], part["end_time"]) for part in windows(first, last, size)]

    def _read_together(self, parts: Sequence[StreamSlice]) -> Iterator[Record]:
        """The records of all parts, in the order in which they come.

        :raises Exception: what the reading of a part has raised; the others end with their next page
        """
        found: SimpleQueue[Record | BaseException | None] = SimpleQueue()
        abandoned = threading.Event()

        def read(part: StreamSlice) -> None:
            try:
                for record in self._read(part):
                    if abandoned.is_set():
                        return
                    found.put(record)
            except BaseException as error:
                found.put(error)
            finally:
                found.put(None)

        # All are counted before the first begins, which would take the others for idle.
        self.readers.begin(len(parts))
        unfinished = 0
        with ThreadPoolExecutor(len(parts), thread_name_prefix="dense") as pool:
            try:
                for part in parts:
                    pool.submit(read, part)
                    unfinished += 1
                while unfinished:
                    record = found.get()
                    if isinstance(record, BaseException):
                        raise record
                    if record is None:
                        unfinished -= 1
                    else:
                        yield record
            finally:
                abandoned.set()
                # The other parts may be waiting for the memory of what nobody takes any more.
                while unfinished:
                    unfinished -= found.get() is None


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time[:19])

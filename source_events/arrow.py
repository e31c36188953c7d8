"""A stream as Arrow's record batches, for DuckDB, Polars, pandas, and whatever else takes Arrow's C streams.

The records, the state and the guarantees are those of a sync. The extra `arrow` brings what it needs.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from types import TracebackType
from typing import Any

try:
    import pyarrow as pa
except ImportError as error:
    raise ImportError("Arrow needs pyarrow: pip install 'source-events[arrow]'") from error


@contextmanager
def _logging_as_it_is() -> Iterator[None]:
    """The CDK sends all log lines of a process that imports it to standard output, as messages of its protocol."""
    root = logging.getLogger()
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers


with _logging_as_it_is():
    from airbyte_cdk.utils.traced_exception import AirbyteTracedException
    from isodate import parse_duration
    from msgspec import UNSET

    from source_events.batches import Gathered, batches_of, keep_memory_together
    from source_events.components.contacts import NO_CONTACTS, BatchReader
    from source_events.components.cursors import BATCH_SIZE
    from source_events.components.division import read_together
    from source_events.components.partition import page_of
    from source_events.components.windows import Slice, moment
    from source_events.records.columns import Columns
    from source_events.records.page import Page
    from source_events.records.rows import Row
    from source_events.records.times import to_the_second
    from source_events.report import PeopleFilter, how_far, share
    from source_events.settings.catalogue import catalog_of
    from source_events.settings.documents import InvalidDocument
    from source_events.settings.secrets import mask_secrets
    from source_events.settings.specification import specification
    from source_events.settings.state import document_of, state_of
    from source_events.source import EventsDeclarativeSource, bind

CURSOR = "createdAt"


def read(
    config: Mapping[str, Any], stream: str, state: Mapping[str, Any] | None = None, *, plain_json: bool = False
) -> Events:
    """The records of a stream; nothing is asked for before the first batch is.

    `state` is what `Events.state` was after an earlier read. Objects, arrays and fields of several types are JSON of
    the type `arrow.json`, or plain text with `plain_json`, for consumers that do not know that type.

    :raises InvalidConfiguration: if the configuration is wrong
    :raises InvalidDocument: if the system has no such stream, or the state is not the stream's
    """
    source = bound(config, stream, state)
    return Events(source, stream, columns_of(source, stream, plain_json=plain_json), dict(state) if state else None)


def read_slice(
    config: Mapping[str, Any],
    stream: str,
    first: str,
    last: str,
    contacts: Iterable[str] | None = None,
    *,
    undated: bool = True,
    columns: Sequence[str] | None = None,
    plain_json: bool = False,
) -> Iterator[pa.RecordBatch]:
    """The records of one slice of time, for programs that divide the work themselves: no state, and nothing but it.

    `first` and `last` are UTC times to the second, `2024-01-01T00:00:00Z`; both seconds are read as a whole, but
    nothing before `start_date` or behind `end_date` is. `contacts` are those to read of a stream that is read contact
    by contact; none given, they are all that the system knows. A stream without a cursor is read as a whole.

    Each record comes once, also where the engine reads a part of the slice again, and slices that do not overlap have
    no record in common if only the first of them is `undated`: that one has the events without a time, and those that
    a change of clocks dates before its begin. `columns` are those to have, in this order; others are not decoded.

    What the configuration says of workers and requests a minute is this slice's own share.

    :raises InvalidConfiguration: if the configuration is wrong
    :raises InvalidDocument: if the system has no such stream
    :raises AirbyteTracedException: if the slice cannot be read to its end
    """
    source = bound(config, stream, of_many=True)
    pages = _pages_of_slice(source, stream, Slice(first, last, undated=undated), contacts)
    try:
        found = columns_of(source, stream, plain_json=plain_json, only=columns)
        gathered = Gathered()
        for page in pages:
            yield from gathered.add(batches_of(page, found))
        yield from gathered.take()
    finally:
        # First, so that no thread waits for an answer that nobody wants any more.
        source.close()
        pages.close()


def _pages_of_slice(
    source: EventsDeclarativeSource, stream: str, part: Slice, contacts: Iterable[str] | None
) -> Generator[Page, None, None]:
    reader, workers = source.reader(definition_of(source, stream)), source.runtime.workers
    workers.begin()
    try:
        if not isinstance(reader, BatchReader):
            yield from once(reader.read(part), part)
            return
        number, size = source.runtime.num_workers, BATCH_SIZE
        if contacts is None:
            ids = contacts_of(reader, part)
        else:
            listed = list(contacts)
            ids, size = iter(listed), max(1, min(size, len(listed) // number))
        taking = threading.Lock()

        def read_batches(_: int) -> Iterator[Page]:
            while True:
                with taking:
                    batch = dict.fromkeys(islice(ids, size), part.first)
                if not batch:
                    return
                yield from once(reader.read(batch, part.last), part)

        yield from read_together(workers, range(number), read_batches)
    finally:
        workers.end()


def contacts_of(reader: BatchReader, part: Slice) -> Iterator[str]:
    """The contacts that may have events in a slice, each once."""
    seen: set[str] = set()
    for contact in reader.contacts.contacts(part.first, part.last):
        if contact.id not in seen and contact.id not in NO_CONTACTS:
            seen.add(contact.id)
            yield contact.id


def once(pages: Iterable[Page], part: Slice) -> Iterator[Page]:
    """The pages with each record of the slice once.

    What is read again comes again, and around a change of clocks a slice is read from earlier on.
    """
    seen: set[str | bytes] = set()
    for page in pages:
        rows = [row for row in page.rows if _belongs_to(part, row)]
        keys = [_key(row) for row in rows]
        new = set(keys)
        if len(new) < len(keys) or not seen.isdisjoint(new):
            first_of = dict(zip(reversed(keys), reversed(rows), strict=True))
            rows = [first_of[key] for key in dict.fromkeys(keys) if key not in seen]
        seen |= new
        page.rows = rows
        yield page


def _belongs_to(part: Slice, row: Row[Any]) -> bool:
    time = getattr(row.envelope, "createdAt", part.first)
    if time is None or time[:19] < part.first[:19]:
        return part.undated
    return time[:19] <= part.last[:19]


def _key(row: Row[Any]) -> str | bytes:
    return bytes(row.raw) if row.envelope.id is UNSET else row.envelope.id


def bound(
    config: Mapping[str, Any],
    stream: str,
    state: Mapping[str, Any] | None = None,
    *,
    sample: int | None = None,
    of_many: bool = False,
) -> EventsDeclarativeSource:
    """The source of a stream, and its secrets masked in all messages; see `bind`.

    :raises InvalidConfiguration: if the configuration is wrong
    """
    keep_memory_together()
    source = bind(config, catalog_of(stream), state_of(stream, state), sample=sample, of_many=of_many)
    mask_secrets(config, specification()["connectionSpecification"])
    return source


def columns_of(
    source: EventsDeclarativeSource, stream: str, *, plain_json: bool, only: Sequence[str] | None = None
) -> Columns:
    """
    :raises InvalidDocument: if the system has no such stream
    """
    return Columns(source.schema(definition_of(source, stream)), plain_json=plain_json, only=only)


def definition_of(source: EventsDeclarativeSource, stream: str) -> Mapping[str, Any]:
    definition = source.definition(stream)
    if definition is None:
        names = sorted(each["name"] for each in source.resolved_manifest["streams"])
        raise InvalidDocument(f"There is no stream `{stream}`; the streams are: {', '.join(names)}.")
    return definition


@contextmanager
def _log_for_people(*loggers: logging.Logger) -> Iterator[None]:
    people = PeopleFilter()
    for logger in loggers:
        logger.addFilter(people)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(people)


def reached_by(state: Mapping[str, Any] | None) -> str | None:
    """The time, to the second, up to which a state says that all has been read."""
    time = ((state or {}).get("stream", {}).get("stream_state") or {}).get(CURSOR)
    return to_the_second(time) if isinstance(time, str) else None


class Events:
    """A read of a stream: iterate over it once, or give it to whatever takes an Arrow C stream.

    To leave it, or the loop over it, ends all requests and threads at once.
    """

    def __init__(
        self, source: EventsDeclarativeSource, stream: str, columns: Columns, state: dict[str, Any] | None
    ) -> None:
        self.schema: pa.Schema = columns.schema
        self.state = state
        """How far the stream has been read: after the last batch for the next read; before, up to the batches that
        have been taken and followed by another."""
        self._source = source
        self._stream = stream
        self._columns = columns
        self._first = reached_by(state)
        self._begun = False
        self._failure: AirbyteTracedException | None = None

    def __enter__(self) -> Events:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """
        :raises AirbyteTracedException: for what a consumer of the C stream has made of it
        """
        self.close()
        if error is not None and self._failure is not None and error is not self._failure:
            raise self._failure from error

    def how_far(self, records: int) -> str:
        """For people: how many of its records or contacts, as far as is known, if so many records have been taken."""
        return how_far(self._stream, records, self._source.runtime.stream(self._stream).counts.now)

    def share(self, records: int) -> float | None:
        """Which part of it has been read, if so many records have been taken; nothing as long as that is not known."""
        return share(records, self._source.runtime.stream(self._stream).counts.now, self._covered())

    def _covered(self) -> float | None:
        """The part of the time that has been read completely; nothing, where all of it is read at once."""
        config = self._source.completed
        first, last = self._first or config["start_date"], config["end_date"]
        span = moment(last) - moment(first)
        if span <= self._source.runtime.num_workers * parse_duration(config["window_size"]):
            return None
        return max((moment(reached_by(self.state) or first) - moment(first)) / span, 0.0)

    def close(self) -> None:
        """End all requests and threads."""
        self._begun = True
        self._source.close()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """
        :raises ReadFailed: after the batches of everything that could be read, if the stream failed
        :raises RuntimeError: if it has been read or closed before
        """
        if self._begun:
            raise RuntimeError("These events have been read, or closed: call `read` again, with `state` to go on.")
        self._begun = True
        with closing(self._source), _log_for_people(self._source.logger, logging.getLogger("airbyte")):
            yield from self._batches()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        gathered, reached = Gathered(), self.state
        messages = self._source.read_pages(catalog_of(self._stream), state_of(self._stream, self.state))
        failure = None
        with closing(messages):
            try:
                for message in messages:
                    page = page_of(message)
                    if page is None:
                        reached = document_of(message) or reached
                        continue
                    for batch in gathered.add(batches_of(page, self._columns)):
                        yield batch
                        del batch
                        self.state = reached
            except AirbyteTracedException as error:
                failure = error
        yield from gathered.take()
        self.state = reached
        if failure is not None:
            raise failure from None

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        reader = pa.RecordBatchReader.from_batches(self.schema, self._streamed())
        return reader.__arrow_c_stream__(requested_schema)

    def _streamed(self) -> Iterator[pa.RecordBatch]:
        """The same; the consumer of a C stream knows no exceptions, and makes an error of its own of one."""
        try:
            yield from self
        except AirbyteTracedException as failure:
            self._failure = failure
            raise

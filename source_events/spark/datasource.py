"""The data source: what Spark asks for on the driver, and what it runs on the executors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timezone
from typing import Any

import pyarrow as pa
from isodate import parse_duration
from pyspark.sql.datasource import DataSource, DataSourceReader, DataSourceStreamReader, Filter, InputPartition
from pyspark.sql.types import (
    BooleanType,
    DataType,
    DoubleType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampNTZType,
    TimestampType,
)

from source_events import arrow
from source_events.components.windows import SECOND, Slice, moment
from source_events.records.times import earlier, format_time, to_the_second
from source_events.settings.configuration import complete
from source_events.settings.documents import InvalidDocument
from source_events.spark.errors import each_in_one_sentence, in_one_sentence
from source_events.spark.options import Options, read_options
from source_events.spark.planning import Portion, plan
from source_events.spark.restriction import CREATED_AT, Restriction

try:
    from pyspark.sql.streaming.datasource import SupportsTriggerAvailableNow
except ImportError:
    # Spark 4.1 asks a query of that trigger as any other: it ends at the last whole step.
    SupportsTriggerAvailableNow = object  # type: ignore[assignment,misc]

TYPES: Mapping[pa.DataType, DataType] = {
    pa.string(): StringType(),
    pa.bool_(): BooleanType(),
    pa.int64(): LongType(),
    pa.float64(): DoubleType(),
    pa.timestamp("us", "UTC"): TimestampType(),
    pa.timestamp("us"): TimestampNTZType(),
}


class EventsDataSource(DataSource):
    """A stream of the system that the configuration names; see the page `spark` of the documentation for the options.

    :raises EventsError: if an option or the configuration is wrong, or a request fails
    """

    @classmethod
    def name(cls) -> str:
        return "source_events"

    @in_one_sentence
    def schema(self) -> StructType:
        options = read_options(self.options)
        with closing(arrow.bound(options.config, options.stream)) as source:
            columns = arrow.columns_of(source, options.stream, plain_json=True)
        return StructType([StructField(each.name, TYPES[each.type]) for each in columns.schema])

    @in_one_sentence
    def reader(self, schema: StructType) -> BatchReader:
        options = self._checked(schema)
        kind = FilteringReader if options.pushdown else BatchReader
        return kind(options, schema.fieldNames())

    @in_one_sentence
    def streamReader(self, schema: StructType) -> StreamReader:
        return StreamReader(self._checked(schema), schema.fieldNames())

    def _checked(self, schema: StructType) -> Options:
        """The options, if the stream has these columns: a query may ask for some, and they must be of its types."""
        known = {each.name: each.dataType for each in self.schema()}
        for each in schema:
            if each.name not in known:
                raise InvalidDocument(f"The stream has no column `{each.name}`; it has {', '.join(known)}.")
            if each.dataType != known[each.name]:
                raise InvalidDocument(f"The column `{each.name}` is of type {known[each.name].simpleString()}.")
            if not each.nullable:
                raise InvalidDocument(f"The column `{each.name}` may be null.")
        return read_options(self.options)


class Reading:
    """What batch and streaming have in common: the reading of a portion, on an executor."""

    def __init__(self, options: Options, columns: Sequence[str]) -> None:
        self._options = options
        self._columns = columns
        completed = complete(options.config)
        self._start: str = completed["start_date"]
        self._end: str = completed["end_date"]
        self._ends = bool(options.config.get("end_date"))
        self._lookback = parse_duration(completed["lookback_window"])

    @each_in_one_sentence
    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        if not isinstance(partition, Portion):
            # Spark's own for a read that has none.
            return
        part = partition.part
        yield from arrow.read_slice(
            {**self._options.config, **partition.config},
            self._options.stream,
            part.first,
            part.last,
            partition.contacts,
            undated=part.undated,
            columns=self._columns,
            plain_json=True,
        )

    def _planned(self, part: Slice, choices: Mapping[str, Any]) -> list[InputPartition]:
        # The clocks of executors differ, and all must read to the same end.
        until = {} if self._ends else {"end_date": earlier(part.last, -SECOND)}
        config = {**self._options.config, **until, **choices}
        portions = plan(config, self._options.stream, part, self._options.partitions, self._options.together)
        return [portion.with_config({**until, **choices}) for portion in portions]


class BatchReader(Reading, DataSourceReader):
    """Reads a stream once: what the restriction leaves of the time from `start_date` to `end_date`."""

    def __init__(self, options: Options, columns: Sequence[str]) -> None:
        super().__init__(options, columns)
        self._restriction = Restriction()

    @in_one_sentence
    def partitions(self) -> Sequence[InputPartition]:
        choices = self._restriction.choices(self._options.config)
        span = self._restriction.within(self._start, to_the_second(self._end))
        if choices is None or span is None:
            return []
        return self._planned(Slice(*span, undated=self._restriction.undated), choices)


class FilteringReader(BatchReader):
    """The same with the filters of the query. Spark refuses it unless it is set to push filters down."""

    @in_one_sentence
    def pushFilters(self, filters: list[Filter]) -> list[Filter]:
        with closing(arrow.bound(self._options.config, self._options.stream)) as source:
            self._restriction = Restriction.of(arrow.definition_of(source, self._options.stream))
        return self._restriction.take(filters)


class StreamReader(Reading, DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Reads a stream again and again. An offset is a time: all that was created before it has been read.

    Each micro-batch begins `lookback_window` before its start offset, for what has come late.
    """

    def __init__(self, options: Options, columns: Sequence[str]) -> None:
        super().__init__(options, columns)
        self._available: dict[str, str] | None = None

    def initialOffset(self) -> dict[str, str]:
        return {CREATED_AT: self._start}

    def latestOffset(self, start: dict[str, str] | None = None, limit: Any = None) -> dict[str, str]:
        latest = self._available or self._until(on_grid=True)
        return max(start, latest, key=_time) if start else latest

    def prepareForTriggerAvailableNow(self) -> None:
        self._available = self._until(on_grid=False)

    @in_one_sentence
    def partitions(self, start: dict[str, str], end: dict[str, str]) -> Sequence[InputPartition]:
        first, last = _time(start), earlier(_time(end), SECOND)
        if first > last:
            return []
        if first > self._start:
            first = max(self._start, earlier(first, self._lookback))
        return self._planned(Slice(first, last), {})

    def _until(self, *, on_grid: bool) -> dict[str, str]:
        """Now, or the last whole step: a query that never waits would ask again each second else."""
        now = datetime.now(timezone.utc)
        step = self._options.step.total_seconds()
        if on_grid:
            now = datetime.fromtimestamp(now.timestamp() // step * step, timezone.utc)
        until = format_time(now.replace(microsecond=0))
        if self._ends:
            until = min(until, format_time(moment(self._end) + SECOND))
        return {CREATED_AT: max(until, self._start)}


def _time(offset: Mapping[str, str]) -> str:
    return offset[CREATED_AT]

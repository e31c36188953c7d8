"""Streams into a warehouse, through dlt, with the state beside the data.

Each stream is a pipeline of its own, so that none suffers from another's failure. The warehouse alone knows how far a
stream has been loaded: dlt's working folder is begun anew with each load, and so its loss is no special case. The extra
`load` brings what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any

from airbyte_cdk.models import AirbyteStream, FailureType, SyncMode
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events import providers
from source_events.runtime import failure
from source_events.settings.configuration import complete
from source_events.settings.documents import InvalidDocument
from source_events.warehouse import NEEDS, Warehouse

try:
    import dlt
    import pyarrow as pa
    import pyarrow.compute as pc
    from dlt.common.destination.exceptions import SqlClientNotAvailable
    from dlt.destinations.exceptions import DatabaseUndefinedRelation

    from source_events import arrow
    from source_events.arrow import CURSOR
    from source_events.parquet import ParquetTable
    from source_events.tally import Tally
except ImportError as error:
    raise InvalidDocument(f"{NEEDS} ({error}).") from error

ROWS = 1_000_000
"""Rows of one package: what a load that is stopped repeats at most."""


class AnotherAccount(InvalidDocument):
    """The dataset is that of another account."""


@dataclass
class StreamLoad:
    """The load of one stream, and what has become of it."""

    config: Mapping[str, Any]
    stream: AirbyteStream
    warehouse: Warehouse
    dataset: str
    folder: Path
    full_refresh: bool
    failure: str | None = None
    read: int = 0
    new: int | None = None
    """Rows that the table has more than before, where the destination can count."""
    first: datetime | None = None
    last: datetime | None = None
    _seen: set[tuple[Any, ...]] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)
    _ended: bool = False
    _doing: Callable[[], str] = field(default=lambda: "")
    _share: Callable[[], float | None] = field(default=lambda: None)

    @property
    def name(self) -> str:
        name: str = self.stream.name
        return name

    @property
    def keys(self) -> list[str]:
        return [name for path in self.stream.source_defined_primary_key or () for name in path]

    @property
    def columns(self) -> Mapping[str, Any]:
        columns: Mapping[str, Any] = self.stream.json_schema["properties"]
        return columns

    def progress(self) -> list[str]:
        return [self._doing()]

    def share(self) -> float | None:
        """Which part of the stream has been read, as far as that is known."""
        return self._share()

    def run(self) -> None:
        """Read and load, a million rows at a time, until the stream is at its end or has failed.

        :raises AnotherAccount: if the table has the data of another one
        """
        self._tell(f"{self.name}: asking the warehouse how far it has been loaded")
        try:
            if self._parquet:
                self._parquet.remove_unfinished()
            pipeline = dlt.pipeline(
                self._pipeline_name,
                pipelines_dir=str(self.folder),
                destination=self.warehouse.destination,
                dataset_name=self.dataset,
            )
            pipeline.sync_destination()
            self._check_account(pipeline)
            before = self._count(pipeline)
            self._load(pipeline)
            self._tell(f"{self.name}: {self.read:,} records loaded, counting the rows")
            after = self._count(pipeline)
        except AnotherAccount:
            raise
        except AirbyteTracedException as error:
            self._fail(error)
        except Exception as error:
            self.failure = self.failure or f"{self.name}: {refusal(error)}"
        else:
            if after is not None and before is not None and self.warehouse.merges:
                # Of a list that is replaced there may be fewer than before.
                self.new = after if self.full_refresh else max(after - before, 0)

    @cached_property
    def _account(self) -> str:
        return providers.account(complete(self.config))

    def _check_account(self, pipeline: Any) -> None:
        """The state of one account would leave out what another has before it, and ids may be the same in both."""
        loaded = kept_of(pipeline, self.name).get("account", self._account)
        if loaded != self._account:
            raise AnotherAccount(
                f"The dataset `{self.dataset}` has the data of another account: of {loaded}, and not of "
                f"{self._account}. Choose a dataset of its own with --dataset NAME."
            )

    @property
    def _pipeline_name(self) -> str:
        return f"source_events_{self.name}"

    @cached_property
    def _parquet(self) -> ParquetTable | None:
        """The table, where dlt can only add to it."""
        folder = self.warehouse.folder
        return (
            ParquetTable(folder / self.dataset, self.name, self._pipeline_name, self.keys, CURSOR) if folder else None
        )

    def _tell(self, text: str) -> None:
        self._doing, self._share = lambda: text, lambda: None

    def _tell_of(self, events: arrow.Events) -> None:
        self._doing, self._share = lambda: events.how_far(self.read), lambda: events.share(self.read)

    @property
    def _is_whole_list(self) -> bool:
        """Whether it is read as a whole each time, and takes the place of the table: what is gone there is gone here.

        Also a list of which changes can be read, where these could only be added to the files.
        """
        if SyncMode.incremental not in (self.stream.supported_sync_modes or ()):
            return True
        return self._parquet is not None and self.stream.default_cursor_field != [CURSOR]

    def _fail(self, error: AirbyteTracedException) -> None:
        said = error.message or error.internal_message or ""
        self.failure = said if said.startswith(f"{self.name}: ") else f"{self.name}: {said}"

    def _load(self, pipeline: Any) -> None:
        state = None if self._is_whole_list else kept_of(pipeline, self.name).get("state")
        if state and self.full_refresh:
            # A load that is stopped between the first rows and the last must not go on from the old end.
            with closing(arrow.read(self.config, self.name)) as nothing:
                self._load_package(pipeline, nothing, (), replace=False)
            state = None
        replace = self.full_refresh or self._is_whole_list
        if self._parquet and replace:
            self._parquet.forget()
        with closing(arrow.read(self.config, self.name, state)) as events:
            self._tell_of(events)
            batches = self._batches(events)
            while not self._ended:
                # What fails at once must not empty a table.
                batch = next(batches, None)
                if batch is None and self.failure:
                    return
                whole = chain([] if batch is None else [batch], batches)
                del batch
                self._load_package(pipeline, events, whole, replace=replace)
                replace = False

    def _batches(self, events: arrow.Events) -> Iterator[pa.RecordBatch]:
        """All batches, also of a stream that fails then: they are as good as those before a stop."""
        try:
            for batch in events:
                self.read += batch.num_rows
                self._note_times(batch)
                self.tally.add(batch)
                yield self._parquet.new(batch) if self._parquet else self._once(batch)
        except AirbyteTracedException as error:
            self._fail(error)
        self._ended = True

    def _once(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows that have not come before in this package. A warehouse would find them at many times the cost."""
        fresh = []
        for key in zip(*(batch.column(name).to_pylist() for name in self.keys), strict=True):
            fresh.append(key not in self._seen)
            self._seen.add(key)
        return batch if all(fresh) else batch.filter(pa.array(fresh, pa.bool_()))

    def _load_package(
        self, pipeline: Any, events: arrow.Events, batches: Iterable[pa.RecordBatch], *, replace: bool
    ) -> None:
        """Load up to a million rows and, with them, the state behind them; of a whole list, all of it or nothing."""

        def package() -> Iterator[pa.Table]:
            yield plain(events.schema.empty_table())
            rows = 0
            for batch in batches:
                yield plain(pa.Table.from_batches([batch]))
                rows += batch.num_rows
                if rows >= ROWS and not self._is_whole_list:
                    break
            self._seen.clear()
            if self.failure and self._is_whole_list:
                raise failure(self.failure, FailureType.transient_error)
            self._tell(f"{self.name}: {self.read:,} records read, loading them")
            dlt.current.resource_state().update(account=self._account, state=events.state)

        merge = {"disposition": "merge", "deduplicated": True}
        disposition: Any = "replace" if replace else "append" if self._parquet else merge
        resource = dlt.resource(
            package,
            name=self.name,
            write_disposition=disposition,
            primary_key=self.keys,
            columns={each.name: {"data_type": "json"} for each in events.schema if is_json(each.type)},
        )
        pipeline.run(resource, loader_file_format=self.warehouse.file_format)
        if self._parquet:
            self._parquet.end_package()
        self._tell_of(events)

    def _note_times(self, batch: pa.RecordBatch) -> None:
        if CURSOR in batch.schema.names:
            times = pc.min_max(batch.column(CURSOR)).as_py()
            found = [each for each in (self.first, self.last, times["min"], times["max"]) if each]
            self.first, self.last = min(found, default=None), max(found, default=None)

    def _count(self, pipeline: Any) -> int | None:
        """The rows of the table, where the destination can count."""
        if self._parquet:
            return self._parquet.rows
        try:
            with pipeline.sql_client() as client:
                table = client.make_qualified_table_name(self.name)
                return int(client.execute_sql(f"SELECT COUNT(*) FROM {table}")[0][0])
        except DatabaseUndefinedRelation:
            return 0
        except SqlClientNotAvailable:
            return None


def kept_of(pipeline: Any, stream: str) -> Mapping[str, Any]:
    """What was loaded with the last rows of the stream: their `account`, and the `state` behind them."""
    sources = pipeline.state.get("sources", {}).values()
    kept = (source.get("resources", {}).get(stream) for source in sources)
    return next((each for each in kept if each), {})


def is_json(type: pa.DataType) -> bool:
    return isinstance(type, pa.JsonType)


def plain(table: pa.Table) -> pa.Table:
    """JSON as text: dlt does not know Arrow's type for it."""
    return table.cast(
        pa.schema([(each.name, pa.string() if is_json(each.type) else each.type) for each in table.schema])
    )


def refusal(error: BaseException) -> str:
    """What the warehouse says, in one sentence."""
    while error.__cause__ is not None:
        error = error.__cause__
    said = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return f"the load failed: {said.rstrip('.')}. Mend that, and load again: it goes on from what the warehouse has."

"""A table as a folder of Parquet files, to which dlt can only add: what makes a load into it repeatable."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

LOADS, STATES, VERSIONS = "_dlt_loads", "_dlt_pipeline_state", "_dlt_version"
"""dlt's folders beside those of the tables; their files are named after the pipeline, the load, and what they hold."""


class ParquetTable:
    """The files of one table, in the folder of a dataset, which `pipeline` fills; names are as dlt writes them."""

    def __init__(self, dataset: Path, name: str, pipeline: str, keys: Sequence[str], cursor: str) -> None:
        self._dataset = dataset
        self._folder = dataset / name
        self._pipeline = pipeline
        self._keys = keys
        self._cursor = cursor
        self._known: set[tuple[Any, ...]] = set()
        self._since: datetime | None = None
        """From here on, all keys are known."""
        self._complete = not self._files()

    def remove_unfinished(self) -> None:
        """Remove what a load that was killed has left, which the next one writes again."""
        for folder in (LOADS, STATES, VERSIONS):
            for file in (self._dataset / folder).glob("*.jsonl"):
                if not is_json(file.read_bytes()):
                    file.unlink()
        finished = {*self._finished()}
        for file in self._files():
            if file.name.rpartition(".")[0].rpartition(".")[0] not in finished:
                file.unlink()
        self._complete = not self._files()

    @property
    def rows(self) -> int:
        return sum(pq.read_metadata(file).num_rows for file in self._files())

    def forget(self) -> None:
        """The table is replaced: nothing of it is known."""
        self._known.clear()
        self._complete = True

    def end_package(self) -> None:
        """The rows so far are in the table, where those that can come again are found: not all keys are kept."""
        self._known.clear()
        self._since = None
        self._complete = not self._files()

    def new(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of a batch that are not in the table, each once; its names are those of the stream."""
        self._learn(batch)
        fresh = []
        for key in zip(*(batch.column(name).to_pylist() for name in self._keys), strict=True):
            fresh.append(key not in self._known)
            self._known.add(key)
        return batch if all(fresh) else batch.filter(pa.array(fresh, pa.bool_()))

    def _learn(self, batch: pa.RecordBatch) -> None:
        """Know the keys of all rows that are as new as the oldest one of the batch."""
        if self._complete:
            return
        first = self._first(batch)
        if first is not None and self._since is not None and first >= self._since:
            return
        columns = [name.lower() for name in self._keys]
        cursor = ds.field(self._cursor.lower())
        # Rows without a time may be anywhere.
        wanted = None if first is None else (cursor >= pa.scalar(first, pa.timestamp("us", "UTC"))) | cursor.is_null()
        for part in ds.dataset(self._files(), format="parquet").to_batches(columns=columns, filter=wanted):
            self._known.update(zip(*(column.to_pylist() for column in part.columns), strict=True))
        self._since = first
        self._complete = first is None

    def _first(self, batch: pa.RecordBatch) -> datetime | None:
        """The time of the oldest row; none, if some have no time."""
        if self._cursor not in batch.schema.names or batch.column(self._cursor).null_count:
            return None
        first: datetime | None = pc.min(batch.column(self._cursor)).as_py()
        return first

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.parquet"))

    def _finished(self) -> Iterator[str]:
        """The loads that have come to their end: a new state is written before the note of the end is."""
        for folder in (LOADS, STATES):
            for file in (self._dataset / folder).glob(f"{self._pipeline}__*.jsonl"):
                yield file.stem.removeprefix(f"{self._pipeline}__").partition("__")[0]


def is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True

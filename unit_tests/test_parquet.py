from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from source_events.parquet import ParquetTable

SCHEMA = pa.schema([("id", pa.string()), ("createdAt", pa.timestamp("us", "UTC"))])


@pytest.fixture
def table(tmp_path: Path) -> ParquetTable:
    return ParquetTable(tmp_path, "org_events", "source_events_org_events", ["id"], "createdAt")


def batch(**days: int | None) -> pa.RecordBatch:
    """Rows of these ids, each of a day of January, or without a time."""
    times = [day and datetime(2024, 1, day, tzinfo=timezone.utc) for day in days.values()]
    return pa.record_batch([pa.array(days), pa.array(times, SCHEMA.field("createdAt").type)], schema=SCHEMA)


def load(folder: Path, name: str, *batches: pa.RecordBatch) -> None:
    """Write a file as a load does, with the names that it gives to columns."""
    (folder / "org_events").mkdir(exist_ok=True)
    whole = pa.Table.from_batches(batches).rename_columns([each.lower() for each in SCHEMA.names])
    pq.write_table(whole, folder / "org_events" / f"{name}.parquet")


def ids(found: pa.RecordBatch) -> Sequence[str]:
    return list(found.column("id").to_pylist())


def test_a_row_comes_once_within_a_package(table: ParquetTable) -> None:
    assert ids(table.new(batch(a=1, b=2))) == ["a", "b"]
    assert ids(table.new(batch(b=2, c=3))) == ["c"]


def test_a_row_of_an_earlier_load_is_left_out(table: ParquetTable, tmp_path: Path) -> None:
    load(tmp_path, "before", batch(a=1, b=2))
    later = ParquetTable(tmp_path, "org_events", "source_events_org_events", ["id"], "createdAt")
    assert ids(later.new(batch(b=2, c=3))) == ["c"]


@pytest.mark.parametrize("again", [{"b": 2, "c": 3}, {"c": 3, "b": 2}, {"c": 3, "n": None, "b": 2}])
def test_a_row_of_an_earlier_package_is_left_out(
    table: ParquetTable, tmp_path: Path, again: dict[str, int | None]
) -> None:
    first = table.new(batch(a=1, b=2, n=None))
    load(tmp_path, "first", first)
    table.end_package()
    assert ids(table.new(batch(**again))) == ["c"]


def test_a_row_that_is_older_than_those_before_it_is_left_out_too(table: ParquetTable, tmp_path: Path) -> None:
    load(tmp_path, "first", table.new(batch(a=1, b=2)))
    table.end_package()
    assert ids(table.new(batch(c=3))) == ["c"]
    assert ids(table.new(batch(a=1, d=4))) == ["d"]


def test_what_replaces_a_table_is_not_compared_with_it(table: ParquetTable, tmp_path: Path) -> None:
    load(tmp_path, "before", batch(a=1))
    table.forget()
    assert ids(table.new(batch(a=1, b=2))) == ["a", "b"]

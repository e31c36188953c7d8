"""What stands in the DuckDB file."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from demo import environment

WEEK = 7 * 86400


@dataclass(frozen=True)
class TypeTrend:
    """The events of one type: how many in each week, in all, and of how many contacts."""

    type: str
    weeks: Sequence[int]
    events: int
    contacts: int


class Warehouse:
    """The tables of one provider."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    def ids(self, stream: str) -> list[str]:
        return [row[0] for row in self._rows(f"SELECT id FROM {self._table(stream)}")]

    def rows(self, stream: str) -> int:
        return int(self._rows(f"SELECT count(*) FROM {self._table(stream)}")[0][0])

    def rows_of_last(self, interval: str, stream: str) -> int:
        """How many events lie within this interval before the latest one, that one included."""
        table = self._table(stream)
        latest = f"(SELECT max(createdat) FROM {table}) - INTERVAL {interval}"
        return int(self._rows(f"SELECT count(*) FROM {table} WHERE createdat >= {latest}")[0][0])

    def trends(self, stream: str, start: datetime, weeks: int) -> list[TypeTrend]:
        """The types with the most events first."""
        start_time = f"TIMESTAMP '{start:%Y-%m-%d %H:%M:%S}'"
        week = f"floor(epoch(createdat - {start_time}) / {WEEK})::INT"
        table = self._table(stream)
        by_week: dict[str, list[int]] = {}
        for kind, index, events in self._rows(f"SELECT type, {week}, count(*) FROM {table} GROUP BY ALL"):
            counts = by_week.setdefault(kind, [0] * weeks)
            if 0 <= index < weeks:
                counts[index] = events
        totals = f"SELECT type, count(*), count(DISTINCT contactid) FROM {table} GROUP BY type ORDER BY 2 DESC, 1"
        return [TypeTrend(kind, by_week[kind], events, contacts) for kind, events, contacts in self._rows(totals)]

    def _table(self, stream: str) -> str:
        return f'"{self._schema}"."{stream}"'

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.sql(sql).fetchall()


@contextmanager
def open_warehouse(schema: str) -> Iterator[Warehouse]:
    with duckdb.connect(environment.DATABASE, read_only=True) as connection:
        yield Warehouse(connection, schema)


def differences(stream: str, found: Sequence[str], expected: Sequence[str]) -> list[str]:
    """What is wrong with a table that should hold these ids, each once; empty if nothing is."""
    checks: Mapping[str, int] = {
        "missing": len(set(expected) - set(found)),
        "unknown": len(set(found) - set(expected)),
        "duplicate": len(found) - len(set(found)),
    }
    return [f"{stream}: {count:,} {what} of {len(expected):,} events" for what, count in checks.items() if count]

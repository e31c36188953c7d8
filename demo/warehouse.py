"""What stands in the DuckDB file."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from demo import environment
from demo.providers import Provider

WEEK = 7 * 86400
VIEW = "all_events"
ENVELOPE = ("id", "provider", "type", "createdAt", "organizationId", "contactId")


@dataclass(frozen=True)
class Trend:
    """The events of one kind: how many in each week, in all, and of how many contacts."""

    kind: str
    weeks: Sequence[int]
    events: int
    contacts: int


@dataclass(frozen=True)
class Summary:
    """One system's events in the view; `first` and `last` are days in UTC."""

    provider: str
    events: int
    contacts: int
    first: date | None
    last: date | None
    undated: int


class Warehouse:
    """The tables of all providers, and the view of their events."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def events(self, provider: Provider, stream: str) -> list[str]:
        """Each event as the sandbox tells it."""
        rows = self._rows(f"SELECT {provider.columns} FROM {_table(provider, stream)}")
        return [provider.told(*row) for row in rows]

    def rows(self, provider: Provider, stream: str) -> int:
        return int(self._rows(f"SELECT count(*) FROM {_table(provider, stream)}")[0][0])

    def rows_of_last(self, interval: str, provider: Provider, stream: str) -> int:
        """How many events lie within this interval before the second of the latest one, that one included."""
        table = _table(provider, stream)
        latest = f"(SELECT date_trunc('second', max(createdat)) FROM {table}) - INTERVAL {interval}"
        return int(self._rows(f"SELECT count(*) FROM {table} WHERE createdat >= {latest}")[0][0])

    def rows_without_time(self, provider: Provider, stream: str) -> int:
        return int(self._rows(f"SELECT count(*) FROM {_table(provider, stream)} WHERE createdat IS NULL")[0][0])

    def type_trends(self, provider: Provider, start: datetime, weeks: int) -> list[Trend]:
        """A provider's types, those with the most events first."""
        table, kind = provider.main_table, "type"
        if provider.type_names:
            table = f"{table} LEFT JOIN ({provider.type_names}) AS names(kind, name) ON type = kind"
            kind = "coalesce(name, type)"
        return self._trends(f"(SELECT {kind} AS kind, createdat, contactid FROM {table})", start, weeks)

    def provider_trends(self, start: datetime, weeks: int) -> list[Trend]:
        """The providers of the view, those with the most events first."""
        return self._trends(f"(SELECT provider AS kind, createdat, contactid FROM {VIEW})", start, weeks)

    def _trends(self, source: str, start: datetime, weeks: int) -> list[Trend]:
        week = f"floor(epoch(createdat - TIMESTAMP '{start:%Y-%m-%d %H:%M:%S}') / {WEEK})::INT"
        by_week: dict[str, list[int]] = {}
        for kind, index, events in self._rows(f"SELECT kind, {week}, count(*) FROM {source} GROUP BY ALL"):
            counts = by_week.setdefault(kind, [0] * weeks)
            if index is not None and 0 <= index < weeks:
                counts[index] = events
        totals = f"SELECT kind, count(*), count(DISTINCT contactid) FROM {source} GROUP BY kind ORDER BY 2 DESC, 1"
        return [Trend(kind, by_week[kind], events, contacts) for kind, events, contacts in self._rows(totals)]

    def stack(self, providers: Sequence[Provider]) -> None:
        """Make the view of the events of these systems."""
        self._connection.execute(view(providers))

    def distinct_events(self) -> int:
        """How many events the view has, by what is unique in it."""
        return int(self._rows(f"SELECT count(*) FROM (SELECT DISTINCT provider, id FROM {VIEW})")[0][0])

    def summaries(self) -> list[Summary]:
        """The systems of the view, in the order of their names."""
        days = ", ".join(f'CAST({which}("createdAt") AS DATE)' for which in ("min", "max"))
        numbers = f'count(*), count(DISTINCT "contactId"), {days}, count(*) FILTER (WHERE "createdAt" IS NULL)'
        return [Summary(*row) for row in self._rows(f"SELECT provider, {numbers} FROM {VIEW} GROUP BY 1 ORDER BY 1")]

    def _rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._connection.sql(sql).fetchall()


def view(providers: Sequence[Provider]) -> str:
    """The statement that stacks all systems' events by the fields that they have in common."""
    columns = ", ".join(name if name.islower() else f'{name.lower()} AS "{name}"' for name in ENVELOPE)
    parts = (f"SELECT {columns} FROM {provider.main_table}" for provider in providers)
    return f"CREATE OR REPLACE VIEW {VIEW} AS\n" + "\nUNION ALL\n".join(parts)


def _table(provider: Provider, stream: str) -> str:
    return f"{provider.name}.{stream}"


@contextmanager
def open_warehouse(*, writable: bool = False) -> Iterator[Warehouse]:
    with duckdb.connect(environment.DATABASE, read_only=not writable) as connection:
        yield Warehouse(connection)


def differences(stream: str, found: Sequence[str], expected: Sequence[str]) -> list[str]:
    """What is wrong with a table that should hold these events, each as often as here; empty if nothing is."""
    there, wanted = Counter(found), Counter(expected)
    surplus = there - wanted
    checks: Mapping[str, int] = {
        "missing": (wanted - there).total(),
        "unknown": sum(count for event, count in surplus.items() if event not in wanted),
        "duplicate": sum(count for event, count in surplus.items() if event in wanted),
    }
    return [f"{stream}: {count:,} {what} of {len(expected):,} events" for what, count in checks.items() if count]

"""The project's events, rendered once on the project's clock and sorted by it."""

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from sandbox.carecloud.clock import ZERO, instant, local
from sandbox.carecloud.generator import Event


class Row(NamedTuple):
    """One event: its JSON without the closing brace, its property records as JSON, and what requests filter by."""

    text: bytes
    records: bytes
    event: Event
    created_at: str


@dataclass(frozen=True)
class Selection:
    """The filters of one request; all of them must fit."""

    types: Collection[str] | None = None
    customer: str | None = None
    external_id: str | None = None
    time_from: str | None = None
    time_to: str | None = None


class Feed:
    """An immutable snapshot. Events of the same second have no order that means anything."""

    def __init__(self, events: Iterable[Event], zone: ZoneInfo) -> None:
        self._zone = zone
        rows = [_row(event, zone) for event in events]
        self.rows = sorted(rows, key=lambda row: (row.created_at, row.event.external_id))
        self.by_id = {row.event.id: row for row in self.rows}
        self._of_customer: dict[str, list[Row]] = {}
        for row in self.rows:
            self._of_customer.setdefault(row.event.customer, []).append(row)

    def by_day(self) -> Mapping[date, int]:
        """By the project's clock."""
        days = Counter(row.created_at[:10] for row in self.rows)
        return {day: events for text, events in days.items() if (day := _day(text)) is not None}

    def select(self, selection: Selection, time_filter: Literal["local", "instant"], exclusive: bool) -> Sequence[Row]:
        rows = self.rows if selection.customer is None else self._of_customer.get(selection.customer, [])
        if time_filter == "instant":
            rows = [row for row in rows if self._happened_within(row, selection, exclusive)]
        else:
            rows = _shown_within(rows, selection, exclusive)
        if selection.types is None and selection.external_id is None:
            return rows
        return [row for row in rows if _fits(row.event, selection)]

    def _happened_within(self, row: Row, selection: Selection, exclusive: bool) -> bool:
        moment = row.event.instant if row.event.instant is not None else instant(row.created_at, self._zone)
        seconds = moment if moment is not None else -(2**62)
        start = instant(selection.time_from, self._zone) if selection.time_from else None
        end = instant(selection.time_to, self._zone) if selection.time_to else None
        margin = 1 if exclusive else 0
        return (start is None or seconds >= start + margin) and (end is None or seconds <= end - margin)


def _shown_within(rows: list[Row], selection: Selection, exclusive: bool) -> list[Row]:
    left, right = (bisect_right, bisect_left) if exclusive else (bisect_left, bisect_right)
    start = 0 if selection.time_from is None else left(rows, selection.time_from, key=_created_at)
    end = len(rows) if selection.time_to is None else right(rows, selection.time_to, key=_created_at)
    return rows[start:end]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _created_at(row: Row) -> str:
    return row.created_at


def _fits(event: Event, selection: Selection) -> bool:
    types_fit = selection.types is None or event.type in selection.types
    return types_fit and selection.external_id in (None, event.external_id)


def _row(event: Event, zone: ZoneInfo) -> Row:
    created_at = event.created_at or (ZERO if event.instant is None else local(event.instant, zone))
    fields = {
        "event_id": event.id,
        "event_type_id": event.type,
        "customer_id": event.customer,
        "external_id": event.external_id,
        "data": event.data,
        "created_at": created_at,
        "secondary_external_id": event.secondary_external_id,
        "state": event.state,
    }
    return Row(compact(fields)[:-1], compact(event.records), event, created_at)


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

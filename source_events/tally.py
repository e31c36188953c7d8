"""How many records of each type there were in each part of the time, counted while they pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import count

import pyarrow as pa
import pyarrow.compute as pc

HOUR = 3600
LENGTHS = (HOUR, 24 * HOUR, 7 * 24 * HOUR)
"""Seconds that are counted together: the next as soon as there would be too many counts."""
MOST_COUNTS = 10_000
TYPE, TIME = "type", "createdAt"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Trend:
    """The records of one type, in parts of the time of equal length, and all of them."""

    type: str
    counts: Sequence[int]
    total: int


@dataclass(frozen=True)
class Trends:
    """Those with the most records first; each part of the time is `length` long, and the first begins at `start`."""

    start: datetime
    length: timedelta
    trends: Sequence[Trend]


class Tally:
    """Counts that stay few, however many records there are and however long the time is."""

    def __init__(self) -> None:
        self._length = LENGTHS[0]
        self._counts: Counter[tuple[str, int]] = Counter()
        self._totals: Counter[str] = Counter()

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the records of a batch, if they have a type and a time."""
        if TYPE not in batch.schema.names or TIME not in batch.schema.names:
            return
        seconds = pc.divide(batch.column(TIME).cast(pa.int64()), 1_000_000)
        table = pa.table({TYPE: batch.column(TYPE), TIME: pc.divide(seconds, self._length)})
        counted = table.group_by([TYPE, TIME]).aggregate([([], "count_all")])
        for type, part, number in zip(
            *(counted.column(name).to_pylist() for name in (TYPE, TIME, "count_all")), strict=True
        ):
            self._totals[type or ""] += number
            if part is not None:
                self._counts[type or "", part] += number
        while len(self._counts) > MOST_COUNTS and self._length != LENGTHS[-1]:
            self._coarsen()

    def _coarsen(self) -> None:
        longer = LENGTHS[LENGTHS.index(self._length) + 1]
        counts: Counter[tuple[str, int]] = Counter()
        for (type, part), number in self._counts.items():
            counts[type, part * self._length // longer] += number
        self._counts, self._length = counts, longer

    def trends(self, most_parts: int) -> Trends | None:
        """The counts from the first record to the last, in at most so many parts; nothing without a time."""
        if not self._counts:
            return None
        first, last = (find(part for _, part in self._counts) for find in (min, max))
        span = (last - first + 1) * self._length
        length = next(each for each in _lengths(self._length) if span <= most_parts * each)
        together, parts = length // self._length, -(-span // length)
        found: dict[str, list[int]] = {type: [0] * parts for type in self._totals}
        for (type, part), number in self._counts.items():
            found[type][(part - first) // together] += number
        trends = [Trend(type, found[type], total) for type, total in self._totals.most_common()]
        start = EPOCH + timedelta(seconds=first * self._length)
        return Trends(start, timedelta(seconds=length), trends)


def _lengths(least: int) -> Iterator[int]:
    """Seconds that people have words for: hours, days, and weeks."""
    yield from (hours * HOUR for hours in (1, 2, 3, 6, 12, 24, 48) if hours * HOUR % least == 0)
    yield from (2**power * LENGTHS[-1] for power in count())

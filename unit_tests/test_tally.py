from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pytest

from source_events import tally
from source_events.tally import Tally, Trend

START = datetime(2024, 2, 28, 22, 30, tzinfo=timezone.utc)


def batch(*rows):
    """Records of a type, so many hours after the start; without an hour, without a time."""
    times = [None if hours is None else START + timedelta(hours=hours) for _, hours in rows]
    return pa.RecordBatch.from_pydict(
        {"type": [type for type, _ in rows], "createdAt": pa.array(times, pa.timestamp("us", "UTC"))}
    )


def counted(*batches):
    found = Tally()
    for each in batches:
        found.add(each)
    return found


def test_records_are_counted_by_type_and_part_of_the_time_over_all_batches():
    found = counted(batch(("visit", 0), ("login", 1)), batch(("visit", 0), ("visit", 2))).trends(26)
    assert (found.start, found.length) == (START.replace(minute=0), timedelta(hours=1))
    assert found.trends == [Trend("visit", [2, 0, 1], 3), Trend("login", [0, 1, 0], 1)]


@pytest.mark.parametrize(
    ("hours", "length", "parts"),
    [(26, 1, 26), (27, 2, 14), (60, 3, 20), (24 * 26, 24, 26), (24 * 27, 48, 14), (24 * 182, 168, 26), (9000, 672, 14)],
)
def test_a_part_is_as_short_as_the_number_of_parts_allows_and_has_a_name(hours, length, parts):
    found = counted(batch(("visit", 0), ("visit", hours - 1))).trends(26)
    assert (found.length, len(found.trends[0].counts)) == (timedelta(hours=length), parts)
    assert (found.trends[0].counts[0], found.trends[0].counts[-1], sum(found.trends[0].counts)) == (1, 1, 2)


def test_what_has_no_time_is_in_no_part_but_in_the_sum():
    found = counted(batch(("visit", None), ("visit", 0), ("login", None))).trends(26)
    assert found.trends == [Trend("visit", [1], 2), Trend("login", [0], 1)]
    assert counted(batch(("visit", None))).trends(26) is None


def test_a_stream_without_types_or_times_is_not_counted():
    assert counted(pa.RecordBatch.from_pydict({"id": ["1"]})).trends(26) is None


def test_the_counts_stay_few_and_their_sums_right(monkeypatch):
    monkeypatch.setattr(tally, "MOST_COUNTS", 10)
    found = counted(*(batch(("visit", hours), ("login", hours)) for hours in range(24 * 30)))
    assert len(found._counts) <= 12
    trends = found.trends(26)
    assert [(trend.type, trend.total, sum(trend.counts)) for trend in trends.trends] == [
        ("visit", 720, 720),
        ("login", 720, 720),
    ]
    assert trends.length == timedelta(weeks=1)


def test_times_before_1970_are_counted_too():
    found = counted(batch(("visit", -24 * 365 * 60), ("visit", -24 * 365 * 60 + 1))).trends(26)
    assert found.trends == [Trend("visit", [1, 1], 2)]

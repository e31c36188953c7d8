from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.clock import (
    LocalWindows,
    RepeatedTime,
    from_begin_of_repeated_time,
    repeated_times,
)
from source_events.components.windows import Slice
from source_events.components.zones import zone_of
from source_events.records.times import format_time
from unit_tests.providers.carecloud.project import config

PRAGUE = ZoneInfo("Europe/Prague")


def window_of(first: str, last: str, zone: str = "Europe/Prague") -> tuple[str, str]:
    window = LocalWindows({**config(time_zone=zone)}).of(Slice(first, last))
    return window["start"], window["end"]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        # Far from a clock change: a second more at both ends, in winter and in summer.
        ("2024-01-10T00:00:00Z", "2024-01-10T23:59:59Z", ("2024-01-10 00:59:59", "2024-01-11 01:00:00")),
        ("2024-07-10T00:00:00Z", "2024-07-10T23:59:59Z", ("2024-07-10 01:59:59", "2024-07-11 02:00:00")),
        # Either reading of an hour that is skipped, and of one that is repeated.
        ("2024-03-31T01:00:00Z", "2024-03-31T01:59:59Z", ("2024-03-31 00:59:59", "2024-03-31 05:00:00")),
        ("2024-10-27T00:00:00Z", "2024-10-27T00:59:59Z", ("2024-10-26 23:59:59", "2024-10-27 04:00:00")),
        # Only the end that is near.
        ("2024-10-20T00:00:00Z", "2024-10-26T23:59:59Z", ("2024-10-20 01:59:59", "2024-10-27 03:00:00")),
    ],
)
def test_a_window_on_the_local_clock_covers_every_reading_of_it(
    first: str, last: str, expected: tuple[str, str]
) -> None:
    assert window_of(first, last) == expected


@pytest.mark.parametrize("zone", ["Europe/Prague", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "UTC"])
def test_no_second_of_a_year_is_outside_its_window_on_the_local_clock(zone: str) -> None:
    local = ZoneInfo(zone)
    for day in range(366):
        begin = datetime(2011, 1, 1, tzinfo=timezone.utc).timestamp() + day * 86400
        first, last = (datetime.fromtimestamp(begin + seconds, timezone.utc) for seconds in (0, 86399))
        window = window_of(format_time(first), format_time(last), zone)
        shown = [moment.astimezone(local).strftime("%Y-%m-%d %H:%M:%S") for moment in (first, last)]
        assert window[0] < min(shown)
        assert max(shown) < window[1]


@pytest.mark.parametrize("name", ["Prague", "", "../etc/passwd", "Europe", "Europe/Prague\0"])
def test_an_unknown_time_zone_is_named_as_a_field(name: str) -> None:
    with pytest.raises(AirbyteTracedException, match=r"`provider\.time_zone`"):
        zone_of(config(time_zone=name))


def test_an_open_bound_is_none() -> None:
    part = Slice("2024-01-10T00:00:00Z", "2024-01-10T23:59:59Z", open_start=True, open_end=True)
    assert LocalWindows(config()).of(part) == {"start": "", "end": ""}


@pytest.mark.parametrize(
    ("first", "last", "kept"),
    [
        ("2024-10-20T00:00:00Z", "2024-10-24T00:00:00Z", True),
        ("2024-10-20T00:00:00Z", "2024-10-26T12:00:00Z", False),
        ("2024-10-27T12:00:00Z", "2024-10-29T00:00:00Z", False),
        ("2024-10-29T12:00:00Z", "2024-10-30T00:00:00Z", True),
        ("2024-03-30T12:00:00Z", "2024-03-31T12:00:00Z", False),
    ],
    ids=["days before", "before a repeated hour", "behind it", "days behind", "around a skipped hour"],
)
def test_near_a_clock_change_the_order_of_local_times_is_not_that_of_utc(first: str, last: str, kept: bool) -> None:
    assert LocalWindows(config()).keep_order(Slice(first, last)) is kept


class TestRepeatedTimes:
    """In Prague, the hour from 00:00 UTC on 27 October 2024 came again at 01:00 UTC."""

    def test_an_hour_comes_again_an_hour_later(self) -> None:
        [repeated] = repeated_times("2024-10-27T00:00:00Z", "2024-10-27T00:59:59Z", PRAGUE)
        assert (repeated.begin, repeated.end) == ("2024-10-27T00:00:00Z", "2024-10-27T00:59:59Z")
        assert repeated.later("2024-10-27T00:30:00.5Z") == "2024-10-27T01:30:00Z"

    @pytest.mark.parametrize("time", ["2024-10-26T23:59:59Z", "2024-10-27T01:00:00Z"])
    def test_any_other_time_means_one_instant(self, time: str) -> None:
        [repeated] = repeated_times(time, time, PRAGUE)
        assert repeated.later(time) is None

    @pytest.mark.parametrize("day", ["2024-03-31", "2024-07-01"], ids=["a skipped hour", "no change"])
    def test_there_are_none_where_the_clock_is_not_put_back(self, day: str) -> None:
        assert repeated_times(f"{day}T00:00:00Z", f"{day}T12:00:00Z", PRAGUE) == []

    def test_half_an_hour_may_come_again_too(self) -> None:
        zone = ZoneInfo("Australia/Lord_Howe")
        [repeated] = repeated_times("2024-04-06T15:00:00Z", "2024-04-06T16:00:00Z", zone)
        assert (repeated.begin, repeated.end) == ("2024-04-06T14:30:00Z", "2024-04-06T14:59:59Z")
        assert repeated.later("2024-04-06T14:45:00Z") == "2024-04-06T15:15:00Z"

    @pytest.mark.parametrize(
        ("first", "begin"),
        [
            ("2024-10-26T23:59:59Z", "2024-10-26T23:59:59Z"),
            ("2024-10-27T00:00:00Z", "2024-10-27T00:00:00Z"),
            ("2024-10-27T00:00:01Z", "2024-10-27T00:00:00Z"),
            ("2024-10-27T01:59:59Z", "2024-10-27T00:00:00Z"),
            ("2024-10-27T02:00:00Z", "2024-10-27T02:00:00Z"),
        ],
        ids=["before", "at the begin", "in the first pass", "in the second", "behind"],
    )
    def test_what_begins_within_goes_back_to_its_begin(self, first: str, begin: str) -> None:
        part = Slice(first, "2024-10-28T00:00:00Z", "c")
        moved = from_begin_of_repeated_time(part, PRAGUE, "2024-01-01T00:00:00Z")
        assert moved == Slice(begin, "2024-10-28T00:00:00Z", "c")

    @pytest.mark.parametrize("start_date", ["2024-10-27T00:20:00Z", "2024-10-27T01:20:00Z"])
    def test_but_not_to_before_the_start_date(self, start_date: str) -> None:
        part = Slice("2024-10-27T01:30:00Z", "2024-10-28T00:00:00Z")
        assert from_begin_of_repeated_time(part, PRAGUE, start_date).first == start_date
        assert from_begin_of_repeated_time(Slice(start_date, part.last), PRAGUE, start_date).first == start_date

    def test_a_repeated_time_is_told_by_its_bounds(self) -> None:
        assert repeated_times("2024-10-27T00:00:00Z", "2024-10-27T00:00:00Z", PRAGUE) == [
            RepeatedTime("2024-10-27T00:00:00Z", "2024-10-27T00:59:59Z", timedelta(hours=1))
        ]

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_events.components.windows import SECOND, Slice, Windows, moment
from source_events.records.times import format_time


class TestParts:
    @staticmethod
    def bounds(start: str, end: str, size: timedelta) -> list[tuple[str, str]]:
        return [(each.first, each.last) for each in Slice(start, end).parts(size)]

    @pytest.mark.parametrize(
        ("end", "bounds"),
        [
            pytest.param("00:00:00", [("00:00:00", "00:00:00")], id="a second"),
            pytest.param("00:59:59", [("00:00:00", "00:59:59")], id="as long as a part"),
            pytest.param("01:00:00", [("00:00:00", "00:59:59"), ("01:00:00", "01:00:00")], id="a second longer"),
            pytest.param("01:30:00", [("00:00:00", "00:59:59"), ("01:00:00", "01:30:00")], id="one and a half"),
        ],
    )
    def test_the_last_part_ends_with_the_end(self, end, bounds):
        day = "2024-01-01T"
        found = self.bounds(f"{day}00:00:00Z", f"{day}{end}Z", timedelta(hours=1))
        assert found == [(f"{day}{first}Z", f"{day}{last}Z") for first, last in bounds]

    def test_there_is_none_when_the_end_is_before_the_start(self):
        assert self.bounds("2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z", timedelta(days=1)) == []

    def test_a_part_is_of_the_same_contact_and_as_open_as_the_whole(self):
        whole = Slice("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "c", open_start=True, undated=False)
        assert list(whole.parts(SECOND)) == [
            Slice(whole.first, whole.first, "c", open_start=True, undated=False),
            Slice(whole.last, whole.last, "c", open_start=True, undated=False),
        ]

    @given(
        st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
        st.integers(0, 10_000_000),
        st.integers(60_000, 100_000_000),
    )
    def test_every_second_is_in_exactly_one_part(self, start, length, size):
        first = start.replace(microsecond=0, tzinfo=timezone.utc)
        last = first + timedelta(seconds=length)
        found = self.bounds(format_time(first), format_time(last), timedelta(seconds=size))
        assert (found[0][0], found[-1][1]) == (format_time(first), format_time(last))
        assert all(moment(before[1]) + SECOND == moment(after[0]) for before, after in pairwise(found))
        assert all(moment(low) <= moment(high) < moment(low) + timedelta(seconds=size) for low, high in found)


class TestHalves:
    @pytest.mark.parametrize(
        ("last", "halves"),
        [
            ("00:00:00", []),
            ("00:00:01", [("00:00:00", "00:00:00"), ("00:00:01", "00:00:01")]),
            ("00:00:02", [("00:00:00", "00:00:01"), ("00:00:02", "00:00:02")]),
            ("00:59:59", [("00:00:00", "00:29:59"), ("00:30:00", "00:59:59")]),
        ],
        ids=["a second", "two", "three", "an hour"],
    )
    def test_a_slice_has_two_unless_it_is_a_second(self, last, halves):
        day = "2024-01-01T"
        found = Slice(f"{day}00:00:00Z", f"{day}{last}Z").halves()
        assert [(each.first[11:19], each.last[11:19]) for each in found] == halves


class TestTemplates:
    WINDOWS = Windows({"end_date": "2024-01-10T00:00:00Z"})

    def test_the_end_is_the_second_behind_the_last(self):
        part = Slice("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
        behind = "2024-01-02T00:00:00Z"
        assert self.WINDOWS.of(part) == {"start": part.first, "end": behind, "end_within": behind}

    def test_an_end_within_is_not_behind_the_end_date(self):
        window = self.WINDOWS.of(Slice("2024-01-09T00:00:00Z", "2024-01-10T00:00:00Z"))
        assert (window["end"], window["end_within"]) == ("2024-01-10T00:00:01Z", "2024-01-10T00:00:00Z")

    def test_an_open_bound_is_none(self):
        part = Slice("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z", open_start=True, open_end=True)
        assert self.WINDOWS.of(part) == {"start": "", "end": "", "end_within": ""}

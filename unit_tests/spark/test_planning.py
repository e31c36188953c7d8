from __future__ import annotations

from itertools import pairwise

import pytest

from source_events.components.windows import Slice, moment
from source_events.spark.planning import Portion, Range, announced, cut, halved

pytestmark = pytest.mark.spark

DAY = Slice("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")


class Api:
    """Announces the events of these hours of a day."""

    def __init__(self, *hours: int, lies: bool = False) -> None:
        self.hours, self.lies, self.asked = hours, lies, 0

    def first_answer(self, part: Slice):
        self.asked += 1
        number = sum(part.first <= f"2024-01-01T{hour:02}:00:00Z" <= part.last for hour in self.hours)
        return type("Answer", (), {"rows": [b"{}"] * min(number, 1), "announced": None if self.lies else number})


def test_what_is_announced_is_believed_if_it_is_more_than_what_came():
    assert announced(Api(1, 2, 3), DAY) == 3
    assert announced(Api(), DAY) == 0
    assert announced(Api(1, 2, lies=True), DAY) is None
    assert announced(Api(1), DAY) is None


def test_a_half_costs_one_request_and_the_other_is_the_rest():
    api = Api(1, 2, 13, 14, 15)
    assert [half.records for half in halved(api, Range(DAY, 5))] == [2, 3]
    assert api.asked == 1


def test_a_half_that_has_as_many_as_the_whole_is_not_believed():
    api = Api(1, 2)
    assert [half.records for half in halved(api, Range(DAY, 2))] == [2, 0]
    assert api.asked == 2


def test_halves_of_which_nothing_is_announced_are_equal():
    assert [half.records for half in halved(Api(1, 2, lies=True), Range(DAY, 2))] == [1, 1]


def ranges(*records: int) -> list[Range]:
    """Of six hours each."""
    return [
        Range(Slice(f"2024-01-01T{6 * place:02}:00:00Z", f"2024-01-01T{6 * place + 5:02}:59:59Z"), number)
        for place, number in enumerate(records)
    ]


@pytest.mark.parametrize(
    ("records", "number", "starts"),
    [
        ((10, 10, 10, 10), 4, ["00:00:00", "06:00:00", "12:00:00", "18:00:00"]),
        ((0, 0, 40, 0), 4, ["00:00:00", "13:30:00", "15:00:00", "16:30:00"]),
        ((30, 10, 0, 0), 2, ["00:00:00", "04:00:00"]),
        ((0, 0, 0, 7), 1, ["00:00:00"]),
        ((0, 0, 0, 0), 3, ["00:00:00", "06:00:00"]),
    ],
)
def test_the_slices_are_about_equally_heavy_and_cover_the_whole(records, number, starts):
    slices = cut(ranges(*records), number)
    assert [each.first[11:19] for each in slices][: len(starts)] == starts
    assert (slices[0].first, slices[-1].last) == (DAY.first, DAY.last)
    for before, after in pairwise(slices):
        assert (moment(after.first) - moment(before.last)).total_seconds() == 1


def test_one_slice_has_the_events_without_a_time():
    assert [each.undated for each in cut(ranges(1, 1, 1, 1), 4)] == [True, False, False, False]


def test_a_second_is_not_divided():
    second = Slice("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z")
    assert cut([Range(second, 1000)], 8) == [second]


def test_a_portion_shows_no_more_than_its_time():
    portion = Portion(DAY, ("a", "b"), {"num_workers": 1})
    assert repr(portion) == "Portion(2024-01-01T00:00:00Z to 2024-01-01T23:59:59Z, 2 contacts)"

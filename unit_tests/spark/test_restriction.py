from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from pyspark.sql.datasource import (
    EqualTo,
    GreaterThan,
    GreaterThanOrEqual,
    In,
    IsNotNull,
    IsNull,
    LessThan,
    LessThanOrEqual,
    Not,
)

from source_events.spark.restriction import Restriction

pytestmark = pytest.mark.spark

WHOLE = ("2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z")
TIME, TYPE, CONTACT = ("createdAt",), ("type",), ("contactId",)
NOON = datetime(2024, 5, 5, 12, tzinfo=timezone.utc)
WITHIN = NOON + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("filter", "span", "is_all"),
    [
        (GreaterThanOrEqual(TIME, NOON), ("2024-05-05T12:00:00Z", WHOLE[1]), True),
        (GreaterThanOrEqual(TIME, WITHIN), ("2024-05-05T12:00:00Z", WHOLE[1]), False),
        (GreaterThan(TIME, NOON), ("2024-05-05T12:00:00Z", WHOLE[1]), False),
        (LessThan(TIME, NOON), (WHOLE[0], "2024-05-05T11:59:59Z"), True),
        (LessThan(TIME, WITHIN), (WHOLE[0], "2024-05-05T12:00:00Z"), False),
        (LessThanOrEqual(TIME, NOON), (WHOLE[0], "2024-05-05T12:00:00Z"), False),
        (EqualTo(TIME, WITHIN), ("2024-05-05T12:00:00Z", "2024-05-05T12:00:00Z"), False),
        (
            GreaterThanOrEqual(TIME, NOON.astimezone(timezone(timedelta(hours=2)))),
            ("2024-05-05T12:00:00Z", WHOLE[1]),
            True,
        ),
        (LessThan(TIME, NOON.replace(year=2023)), None, True),
        (GreaterThanOrEqual(TIME, NOON.replace(year=2025)), None, True),
    ],
)
def test_a_bound_narrows_the_time(filter, span, is_all):
    restriction = Restriction()
    assert restriction.take([filter]) == ([] if is_all else [filter])
    assert restriction.within(*WHOLE) == span
    assert not restriction.undated


def test_several_bounds_are_all_kept_to():
    restriction = Restriction()
    hours = [NOON + timedelta(hours=hour) for hour in (0, 1, 5, 6)]
    restriction.take([
        LessThan(TIME, hours[3]), GreaterThanOrEqual(TIME, hours[0]),
        GreaterThanOrEqual(TIME, hours[1]), LessThan(TIME, hours[2]),
    ])  # fmt: skip
    assert restriction.within(*WHOLE) == ("2024-05-05T13:00:00Z", "2024-05-05T16:59:59Z")


@pytest.mark.parametrize("filter", [
    IsNull(TIME), Not(EqualTo(TIME, NOON)), In(TIME, (NOON,)), GreaterThan(("name",), NOON),
    GreaterThan(("a", "createdAt"), NOON),
    EqualTo(TYPE, ""), EqualTo(TYPE, "a\nb"), EqualTo(TYPE, " a"), EqualTo(TYPE, None), EqualTo(CONTACT, "a"),
    IsNotNull(TYPE),
])  # fmt: skip
def test_what_it_does_not_know_is_left_to_spark(filter):
    restriction = Restriction(choosable=["type"])
    assert restriction.take([filter]) == [filter]
    assert (restriction.within(*WHOLE), restriction.choices({}), restriction.undated) == (WHOLE, {}, True)


def test_a_stream_whose_times_are_not_those_of_its_slices_is_read_as_a_whole():
    filters = [GreaterThanOrEqual(TIME, NOON), EqualTo(TYPE, "a")]
    restriction = Restriction.of({"retriever": {}})
    assert restriction.take(filters) == filters
    assert restriction.within(*WHOLE) == WHOLE


def test_only_a_stream_that_is_read_by_contacts_lets_contacts_be_chosen():
    chosen = EqualTo(CONTACT, "a")
    assert Restriction.of({"retriever": {}, "incremental_sync": {}}).take([chosen]) == [chosen]
    by_contacts = Restriction.of({"retriever": {"contacts": {}}, "incremental_sync": {}})
    assert by_contacts.take([IsNotNull(CONTACT), chosen]) == []
    assert by_contacts.choices({}) == {"contact_ids": ["a"]}


class TestChoices:
    def test_each_filter_leaves_fewer(self):
        restriction = Restriction(choosable=["type"])
        assert restriction.take([IsNotNull(TYPE), In(TYPE, ("a", "b", "c")), In(TYPE, ("b", "c", "d"))]) == []
        assert restriction.choices({}) == {"event_types": ["b", "c"]}

    def test_the_configuration_s_own_choice_is_kept_to(self):
        restriction = Restriction(choosable=["type"])
        restriction.take([In(TYPE, ("a", "b"))])
        assert restriction.choices({"event_types": ["b", "c"]}) == {"event_types": ["b"]}

    def test_nothing_may_be_left(self):
        restriction = Restriction(choosable=["type"])
        restriction.take([EqualTo(TYPE, "a")])
        assert restriction.choices({"event_types": ["b"]}) is None

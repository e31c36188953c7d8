from __future__ import annotations

from datetime import datetime

import pytest

from source_events.settings.dates import first_second, last_second, problem


@pytest.mark.parametrize(
    ("value", "first", "last"),
    [
        ("2024-01-01", datetime(2024, 1, 1), datetime(2024, 1, 1, 23, 59, 59)),
        ("2024-02-29", datetime(2024, 2, 29), datetime(2024, 2, 29, 23, 59, 59)),
        ("2024-01-01T12:34:56Z", datetime(2024, 1, 1, 12, 34, 56), datetime(2024, 1, 1, 12, 34, 56)),
        ("2024-01-01T12:34:56.000Z", datetime(2024, 1, 1, 12, 34, 56), datetime(2024, 1, 1, 12, 34, 56)),
    ],
)
def test_a_day_goes_from_its_first_second_to_its_last(value, first, last):
    assert (problem(value), first_second(value), last_second(value)) == (None, first, last)


FORM = "must be a day like 2024-01-01 or a time in UTC like 2024-01-01T00:00:00Z"
ZONE = "does not say that its time is in UTC; if it is, write "
OFFSET = "must be in UTC, without an offset; write "
FRACTION = "must not have a fraction of a second; write "
NOTATION = "is not written as it must be; write "
NONE = "is not a date that exists"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("now", FORM),
        ("yesterday", FORM),
        ("20240101", FORM),
        ("2024-1-1", FORM),
        ("01.02.2024", FORM),
        ("2024-01-01T", FORM),
        ("2024-01-01 00:00:00", f"{ZONE}2024-01-01T00:00:00Z"),
        ("2024-01-01T00:00:00", f"{ZONE}2024-01-01T00:00:00Z"),
        ("2024-01-01T12:30", f"{ZONE}2024-01-01T12:30:00Z"),
        ("2024-01-01T00:00:00+01:00", f"{OFFSET}2023-12-31T23:00:00Z"),
        ("2024-01-01 00:00:00 -0130", f"{OFFSET}2024-01-01T01:30:00Z"),
        ("2024-01-01T00:00:00+00:00", f"{OFFSET}2024-01-01T00:00:00Z"),
        ("2024-01-01T00:00:00.5Z", f"{FRACTION}2024-01-01T00:00:00Z"),
        ("2024-01-01 00:00:00Z", f"{NOTATION}2024-01-01T00:00:00Z"),
        ("2024-01-01t00:00:00z", f"{NOTATION}2024-01-01T00:00:00Z"),
        ("2024-01-01 00:00 UTC", f"{NOTATION}2024-01-01T00:00:00Z"),
        (" 2024-01-01 ", f"{NOTATION}2024-01-01"),
        ("2023-02-29", NONE),
        ("2023-02-29T00:00:00Z", NONE),
        ("2024-01-01T24:00:00Z", NONE),
        ("0000-01-01", NONE),
        ("0001-01-01T00:00:00+01:00", NONE),
    ],
)
def test_any_other_is_told_with_what_to_write(value, told):
    assert problem(value) == told


@pytest.mark.parametrize("moment", [first_second, last_second])
@pytest.mark.parametrize(
    ("value", "reason"),
    [("now", "now"), ("2023-02-29", "day is out of range"), ("2024-01-01T24:00:00Z", "does not match")],
)
def test_no_moment_is_made_of_another(moment, value, reason):
    with pytest.raises(ValueError, match=reason):
        moment(value)

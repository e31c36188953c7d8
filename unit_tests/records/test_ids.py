"""The id of an event that has none: the same for the same event, another for another."""

from __future__ import annotations

import hashlib

import pytest
from msgspec import Raw

from source_events.records.ids import synthetic_id

TIME = "2024-07-01T10:25:17.183Z"


def id_of(properties: bytes | None = b"{}", created_by: bytes | None = None, occurrence: int = 0) -> str:
    raws = [raw if raw is None else Raw(raw) for raw in (properties, created_by)]
    return synthetic_id("contact", "email_opened", TIME, raws[0], raws[1], occurrence)


def test_it_is_fixed_for_all_time() -> None:
    canonical = f'["contact","email_opened","{TIME}",{{"a":"é","b":[1,null]}},{{"id":"x"}},0]'
    expected = hashlib.sha256(canonical.encode()).hexdigest()
    assert id_of(b'{"b": [1, null], "a": "\\u00e9"}', b'{"id":"x"}') == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (b'{"a":1,"b":{"c":2,"d":3}}', b'{ "b": {"d": 3, "c": 2},\t"a": 1 }'),
        (b'{"a":"\xc3\xa9\\/"}', b'{"a":"\\u00e9/"}'),
        (b'{"a":1}', b'{"a":1.0}'),
        (b'{"a":1000}', b'{"a":1e3}'),
        (b'{"a":0.5}', b'{"a":5.0E-1}'),
        (b"null", None),
        (b"", None),
    ],
    ids=["order and spaces", "escapes", "fraction", "exponent", "notation", "null", "absent"],
)
def test_it_does_not_depend_on_how_json_is_written(one: bytes | None, other: bytes | None) -> None:
    assert id_of(one) == id_of(other)


@pytest.mark.parametrize(
    "other",
    [b'{"a":"1"}', b'{"a":[1]}', b'{"a":1,"b":null}', b'{"a":1.5}', b"[]", b'{"a":12345678901234567891}'],
)
def test_other_values_are_another_event(other: bytes) -> None:
    assert id_of(other) != id_of(b'{"a":1}')
    assert id_of(b'{"a":12345678901234567890}') != id_of(other)


def test_each_part_counts_and_none_can_take_the_place_of_another() -> None:
    event = ("contact", "type", TIME, Raw(b"{}"), Raw(b"{}"), 0)
    others = [
        ("other", *event[1:]),
        ("contact", "other", *event[2:]),
        ("contact", "type", "2024-07-01T10:25:17.184Z", *event[3:]),
        (*event[:3], None, *event[4:]),
        (*event[:4], None, 0),
        (*event[:5], 1),
        ("contacttype", "", *event[2:]),
    ]
    assert len({synthetic_id(*parts) for parts in [event, *others]}) == len(others) + 1


def test_a_number_beyond_all_bounds_is_no_obstacle() -> None:
    assert id_of(b'{"a":1e999}') != id_of(b'{"a":-1e999}')

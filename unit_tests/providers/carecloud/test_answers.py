from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from source_events.components.decoder import AnswerRefused
from source_events.providers.carecloud.answers import EventRow
from source_events.records.lines import splice
from source_events.records.times import UnreadableTime, normalize_times
from unit_tests.providers.carecloud.project import events, listed


def row_of(event: str) -> EventRow:
    return events().row(Raw(event.encode()))


def record_of(event: str) -> dict[str, Any]:
    row = row_of(event)
    normalize_times([row.envelope])
    record: dict[str, Any] = msgspec.json.decode(bytes(splice([row])))
    return record


@pytest.mark.parametrize(
    ("created_at", "utc"),
    [
        ('"2024-01-10 12:00:00"', "2024-01-10T11:00:00Z"),
        ('"2024-07-10T12:00:00"', "2024-07-10T10:00:00Z"),
        ('"2024-07-10 12:00:00.052987"', "2024-07-10T10:00:00.052987Z"),
        ('"2024-03-31 02:30:00"', "2024-03-31T01:30:00Z"),
        ('"2024-10-27 02:30:00"', "2024-10-27T00:30:00Z"),
        ('"2024-07-10T12:00:00+05:00"', "2024-07-10T07:00:00Z"),
        ('"0000-00-00 00:00:00"', None),
        ("null", None),
    ],
)
def test_local_times_become_utc(created_at: str, utc: str | None) -> None:
    record = record_of(f'{{"event_id":"e","created_at":{created_at}}}')
    assert record["createdAt"] == utc
    assert record["created_at"] == msgspec.json.decode(created_at)


@pytest.mark.parametrize(
    "data", ['"{\\"a\\": 1}"', '["a"]', '{"a":{"b":1.50}}', '"{broken"', '""', "null", "12345678901234567890"]
)
def test_data_is_untouched_whatever_it_is(data: str) -> None:
    event = f'{{"event_id":"e","data":{data},"created_at":"2024-01-10 12:00:00"}}'
    assert bytes(splice([row_of(event)])).startswith(event[:-1].encode())


def test_native_fields_with_an_envelope_name_give_way_and_numbers_are_ids_too() -> None:
    event = '{"event_id":7,"event_type_id":8,"customer_id":"","created_at":null,"id":null,"provider":"x","extra":1}'
    assert record_of(event) == {
        "event_id": 7,
        "event_type_id": 8,
        "customer_id": "",
        "created_at": None,
        "extra": 1,
        "id": "7",
        "provider": "carecloud",
        "type": "8",
        "createdAt": None,
        "organizationId": "project.example.com",
        "contactId": None,
        "unknownFields": {"extra": 1},
    }


def test_rows_and_total_are_found_under_the_name_of_the_list() -> None:
    body = b'{"data":{"customer_events":[{"event_id":"e"}],"total_items":114}}'
    answer = events("customer_events").decode_body(body)
    assert (len(answer.rows), answer.announced) == (1, 114)
    assert listed("x").decode_body(b'{"data":{"x":[]}}').announced is None
    assert listed("x").decode_body(b'{"data":{"x":[],"total_items":"many"}}').announced is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"data":{"other":[]}}', b'{"data":{"events":null,"total_items":1}}']
)
def test_anything_else_is_not_the_documented_json(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        events().decode_body(body)


def test_null_is_an_empty_list_unless_rows_are_announced() -> None:
    assert events().decode_body(b'{"data":{"events":null,"total_items":0}}').rows == []


def test_a_status_that_says_failure_is_a_refusal_whatever_else_is_there() -> None:
    with pytest.raises(AnswerRefused, match="maintenance"):
        events().decode_body(b'{"status":"fail","message":"maintenance","data":{"events":[]}}')


@pytest.mark.parametrize("field", [b"", b',"created_at":1704103200', b',"created_at":{}'])
def test_a_time_that_is_missing_or_no_text_is_reported_with_the_id_of_its_event(field: bytes) -> None:
    row = events().row(Raw(b'{"event_id":"e7"' + field + b"}"))
    with pytest.raises(UnreadableTime) as caught:
        normalize_times([row.envelope])
    assert caught.value.record_id == "e7"


def test_an_error_with_a_successful_status_is_a_refusal() -> None:
    with pytest.raises(AnswerRefused, match="broken"):
        events().decode_body(b'{"error":{"title":"Error","detail":"broken"}}')


def test_fields_that_the_schema_does_not_name_stand_there_once_more_and_the_row_is_untouched() -> None:
    event = '{"event_id":"e","created_at":null,"loyalty":{"points":1.50},"eventId":7,"data":{"a":1}}'
    assert record_of(event)["unknownFields"] == {"loyalty": {"points": 1.5}, "eventId": 7}
    assert bytes(splice([row_of(event)])).startswith(event[:-1].encode())
    assert "unknownFields" not in record_of('{"event_id":"e","created_at":null,"data":{"a":1}}')


def test_so_they_do_in_a_list() -> None:
    decoder = listed("event_types", "event_type_id", "event_types")
    rows = [
        decoder.row(Raw(row)) for row in (b'{"event_type_id":"t","novel":[1]}', b'{"event_type_id":"t","name":"n"}')
    ]
    with_novel, other = [json.loads(line) for line in splice(rows).splitlines()]
    assert with_novel["unknownFields"] == {"novel": [1]}
    assert "unknownFields" not in other

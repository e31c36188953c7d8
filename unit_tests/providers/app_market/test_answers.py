from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.decoder import AnswerRefused
from unit_tests.providers.app_market.reading import Reading, event, events


class TestAnswers:
    decoder = events()

    @pytest.mark.parametrize(
        ("body", "announced"),
        [
            ([{"id": 1}], None),
            ({"events": [{"id": 1}]}, None),
            ({"anything": [{"id": 1}], "total": 5, "count": 1, "next": None, "meta": {"list": []}}, 5),
            ({"total": "5", "items": [{"id": 1}]}, None),
            ({"events": [{"id": 1}], "errors": [], "data": {"list": []}}, None),
            ({"status": "success", "data": {"events": [{"id": 1}], "total": 5}}, 5),
            ({"total": 5, "data": {"events": [{"id": 1}]}, "warnings": []}, 5),
            ({"data": {"items": [{"id": 1}]}}, None),
        ],
    )
    def test_the_rows_are_the_list_with_their_name_or_the_only_list(self, body: Any, announced: int | None) -> None:
        answer = self.decoder.decode_body(json.dumps(body).encode())
        assert [bytes(row) for row in answer.rows] == [b'{"id": 1}']
        assert answer.announced == announced

    @pytest.mark.parametrize(
        ("body", "shape"),
        [
            ({}, "object with {}"),
            ({"a": [], "b": []}, "object with {a: list, b: list}"),
            ({"events": None, "total": 7}, "object with {events: NoneType, total: int}"),
            ({"data": {"a": ["private"], "b": []}}, "object with {data: dict}"),
            ("private", "str"),
            (None, "NoneType"),
            (
                {"a" * 51: 1} | {f"f{number}": 1 for number in range(20)},
                f"object with {{{'a' * 50}: int, {', '.join(f'f{number}: int' for number in range(19))}}}",
            ),
        ],
    )
    def test_an_unknown_form_shows_its_shape_and_no_data(self, body: Any, shape: str) -> None:
        with pytest.raises(AirbyteTracedException) as caught:
            self.decoder.decode_body(json.dumps(body).encode())
        assert caught.value.failure_type.value == "system_error"
        assert f"It is: {shape}." in str(caught.value.message)
        assert "private" not in str(caught.value.message)

    @pytest.mark.parametrize("body", [{"events": None}, {"data": {"events": None}, "total": 0}])
    def test_null_is_an_empty_list_unless_rows_are_announced(self, body: Any) -> None:
        assert self.decoder.decode_body(json.dumps(body).encode()).rows == []

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[", b'{"events": ['])
    def test_what_is_no_json_is_left_to_be_tried_again(self, body: bytes) -> None:
        with pytest.raises(msgspec.DecodeError):
            self.decoder.decode_body(body)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"status": "KO", "message": "quota"}, "quota"),
            ({"status": "fail"}, "status fail"),
            ({"status": "fail", "message": "quota", "events": []}, "quota"),
            ({"error": "closed"}, "closed"),
            ({"error": {"message": "closed"}}, "closed"),
            ({"error": True, "message": "quota"}, "quota"),
            ({"error": "closed", "message": "quota"}, "quota"),
        ],
    )
    def test_a_success_that_is_a_refusal_has_its_words(self, body: Any, words: str) -> None:
        with pytest.raises(AnswerRefused, match=f"^{words}$"):
            self.decoder.decode_body(json.dumps(body).encode())


class TestEvents:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"id": "a"}, "a"),
            ({"event_id": "a"}, "a"),
            ({"_id": "a"}, "a"),
            ({"id": 12345678901234567890}, "12345678901234567890"),
            ({"id": "a", "event_id": "b", "_id": "c"}, "a"),
            ({"id": None, "event_id": "", "_id": "c"}, "c"),
        ],
    )
    def test_the_id_is_the_first_that_is_there(self, fields: Any, expected: str) -> None:
        assert Reading().pages([event(**fields)], []).ids == [expected]

    def test_every_field_stands_in_the_record_once(self) -> None:
        native = event("a", type="t", createdAt=None, contactId=None, provider="x", organizationId="own", extra=[1])
        [record] = Reading().pages([native], []).records
        envelope = {"type": "new_order", "createdAt": "2024-01-05T00:00:00Z", "provider": "app_market"}
        assert record == {**native, **envelope, "unknownFields": {"extra": [1]}}

    def test_the_organisation_is_the_instance_where_the_event_has_none(self) -> None:
        records = Reading().pages([event("a"), event("b", organizationId=None)], []).records
        assert [record["organizationId"] for record in records] == ["007", "007"]

    @pytest.mark.parametrize("name", ["created_on", "createdAt", "created_at", "timestamp"])
    def test_the_time_is_found_under_each_name(self, name: str) -> None:
        [record] = Reading().pages([event("a", **{"created_on": None, name: "2024-01-07T00:00:00Z"})], []).records
        assert record["createdAt"] == "2024-01-07T00:00:00Z"

    @pytest.mark.parametrize(
        "time", [None, "", "yesterday", "2024-01-05", "2024-13-01T00:00:00", -5, 1e300, True, {"$date": 1}]
    )
    def test_a_time_that_cannot_be_read_is_an_error_with_the_id(self, time: Any) -> None:
        with pytest.raises(AirbyteTracedException) as caught:
            Reading().pages([event("the-id", created_on=time)])
        assert caught.value.failure_type.value == "system_error"
        assert "the-id" in str(caught.value.message)

    def test_a_row_that_is_no_object_is_an_error(self) -> None:
        with pytest.raises(AirbyteTracedException, match="Row 0"):
            Reading().pages(["text"])

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
    def test_a_zone_that_does_not_exist_is_named(self, zone: str) -> None:
        with pytest.raises(AirbyteTracedException, match="time_zone") as caught:
            events(time_zone=zone)
        assert caught.value.failure_type.value == "config_error"

    def test_fields_that_the_schema_does_not_name_stand_there_once_more(self) -> None:
        [record, other] = Reading().pages([event("a", new=[1], createdBy={"id": 5}), event("b")], []).records
        assert record["unknownFields"] == {"new": [1], "createdBy": {"id": 5}}
        assert (record["new"], record["createdBy"]) == ([1], {"id": 5})
        assert "unknownFields" not in other


class TestContacts:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"id": "a"}, "a"),
            ({"id": 7}, "7"),
            ({"contact_id": 5}, "5"),
            ({"_id": "a", "email": "e@x"}, "a"),
            ({"email": "e@x"}, "e@x"),
        ],
    )
    def test_the_id_is_the_first_that_is_there_or_the_address(self, fields: Any, expected: str) -> None:
        [record] = Reading(listed=True).pages([fields], []).records
        assert record == {**fields, "id": expected, "provider": "app_market", "organizationId": "007"}

    def test_fields_that_the_schema_does_not_name_stand_there_once_more(self) -> None:
        rows = [{"id": "a", "created_at": "2024-01-01T00:00:00", "loyalty": {"points": 5}}, {"id": "b", "name": "B"}]
        [record, other] = Reading(listed=True).pages(rows, []).records
        assert record["unknownFields"] == {"created_at": "2024-01-01T00:00:00", "loyalty": {"points": 5}}
        assert "unknownFields" not in other

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.components.decoder import AnswerRefused, Decoder
from source_events.records.lines import splice
from unit_tests.providers.swipe_one.reading import Pages, contacts, event, events, ids, read


def test_the_envelope_is_filled_in_and_what_the_event_has_is_kept() -> None:
    (record,) = read(Pages([event(1, contactId="c9", workspaceId="w9", id="theirs", more=None)]))
    assert record == {
        **event(1, more=None),
        "workspaceId": "w9",
        "id": record["id"],
        "provider": "swipe_one",
        "createdAt": "2024-07-01T10:25:17.183Z",
        "organizationId": "w9",
        "contactId": "c9",
        "unknownFields": {"more": None},
    }
    (bare,) = read(Pages([event(1, contactId=None)]))
    assert (bare["contactId"], bare["organizationId"]) == ("c1", "w1")


@pytest.mark.parametrize("time_fields", [["timestamp"], ["createdAt"], ["timestamp", "createdAt"]])
def test_the_time_is_the_timestamp_or_else_created_at(time_fields: list[str]) -> None:
    times = {"timestamp": "2024-07-01T12:25:17.183+02:00", "createdAt": "2024-07-01T10:25:17.183Z"}
    given = {"type": "email_opened", "properties": {"number": 1}} | {name: times[name] for name in time_fields}
    (record,) = read(Pages([given]))
    assert record["createdAt"] == "2024-07-01T10:25:17.183Z"
    assert {record["id"]} == ids(read(Pages([event(1)])))


@pytest.mark.parametrize("time", [None, "", "yesterday", 1719829517183])
def test_an_event_without_a_readable_time_is_named_with_its_contact_and_position(time: Any) -> None:
    with pytest.raises(AirbyteTracedException) as caught:
        read(Pages([event(number) for number in range(4)] + [{**event(4), "timestamp": time}]))
    assert caught.value.failure_type is FailureType.system_error
    assert all(word in str(caught.value.message) for word in ("contact_events", "contact c1", "Event 5"))


def test_fields_that_the_schema_does_not_name_stand_there_once_more_and_the_row_is_untouched() -> None:
    novel, plain = read(Pages([event(1, novel=[1.50], more=None), event(2)]))[::-1]
    novel, plain = sorted((novel, plain), key=lambda record: record["properties"]["number"])
    assert novel["unknownFields"] == {"novel": [1.5], "more": None}
    assert novel.items() >= event(1, novel=[1.50], more=None).items()
    assert "unknownFields" not in plain


def test_a_contact_gets_its_id_and_its_own_fields_of_these_names_give_way() -> None:
    row = contacts().row(Raw(b'{"_id":"c1","id":5,"provider":"x","tags":[1.50]}'))
    lines = splice([row])
    assert b"1.50" in lines
    expected = {"_id": "c1", "tags": [1.5], "provider": "swipe_one", "organizationId": "w1", "id": "c1"}
    assert json.loads(lines) == expected


def test_a_contacts_unknown_fields_stand_there_once_more() -> None:
    rows = [contacts().row(Raw(row)) for row in (b'{"_id":"c1","novel":{"a":1.50}}', b'{"_id":"c2","email":"e"}')]
    novel, plain = splice(rows).splitlines()
    assert novel.endswith(b',"unknownFields":{"novel":{"a":1.50}}}')
    assert b"unknownFields" not in plain


@pytest.mark.parametrize("decoder", [contacts, events])
def test_a_refusal_in_a_successful_answer_is_told_in_its_own_words(decoder: Callable[[], Decoder]) -> None:
    for body in (b'{"status":"fail","message":"no quota"}', b'{"status":"Error","message":"no quota","data":[]}'):
        with pytest.raises(AnswerRefused, match="no quota"):
            decoder().decode_body(body)


@pytest.mark.parametrize(("decoder", "rows"), [(contacts, "contacts"), (events, "events")])
def test_null_is_an_empty_list_unless_rows_are_announced(decoder: Callable[[], Decoder], rows: str) -> None:
    assert decoder().decode_body(json.dumps({"data": {rows: None}}).encode()).rows == []
    with pytest.raises(msgspec.DecodeError):
        decoder().decode_body(json.dumps({"data": {rows: None, "count": 3}}).encode())


@pytest.mark.parametrize(("value", "token"), [("s", "s"), ("", None), (None, None), (False, None), (7, "7")])
def test_the_contact_list_goes_on_where_a_token_says_so(value: Any, token: str | None) -> None:
    body = json.dumps({"data": {"contacts": [], "searchAfter": value}}).encode()
    assert contacts().decode_body(body).token == token

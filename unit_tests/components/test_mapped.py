"""Decoders that a manifest describes, row by row; a whole provider of that kind is in `providers/test_ordinary.py`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from source_events.components.decoder import AnswerRefused
from source_events.components.mapped import MappedEntityDecoder, MappedEventDecoder
from source_events.components.templates import InvalidManifest
from source_events.records.lines import splice

CONFIG = {"provider": {"provider_type": "p", "api_url": "https://api.example.com/v1", "account": "a"}}
EVENT = {"n": 1, "at": "2024-01-01T00:00:00Z", "kind": None, "who": {"id": 7}}


def events(**fields: Any) -> MappedEventDecoder:
    described = {"known": None, "id": "n", "type": "kind", "time": "at", "contact": "who.id", **fields}
    return MappedEventDecoder(CONFIG, **described)


def entities(**fields: Any) -> MappedEntityDecoder:
    return MappedEntityDecoder(CONFIG, fields.pop("known", None), **fields)


def record_of(decoder: Any, row: Any) -> dict[str, Any]:
    answer = decoder.decode(msgspec.json.encode(row if isinstance(row, dict) and "data" in row else [row]))
    [line] = splice(decoder.rows(answer)).splitlines()
    found: dict[str, Any] = msgspec.json.decode(line)
    return found


class TestEvents:
    def test_a_row_gets_what_is_at_the_paths_and_numbers_become_texts(self):
        assert record_of(events(), EVENT) == {
            **EVENT,
            "id": "1",
            "provider": "p",
            "type": None,
            "createdAt": "2024-01-01T00:00:00Z",
            "organizationId": "api.example.com",
            "contactId": "7",
        }

    def test_two_fields_may_be_at_one_path(self):
        found = record_of(events(contact="n"), EVENT)
        assert (found["id"], found["contactId"]) == ("1", "1")

    @pytest.mark.parametrize("who", [None, {"id": None}, {"id": ""}], ids=repr)
    def test_null_on_the_way_is_no_contact(self, who):
        assert record_of(events(), {**EVENT, "who": who})["contactId"] is None

    @pytest.mark.parametrize("who", [{}, {"id": [1]}, {"id": 1.5}, {"id": True}, 5], ids=repr)
    def test_what_is_not_there_or_no_text_is_an_error(self, who):
        with pytest.raises(msgspec.ValidationError, match=r"who"):
            record_of(events(), {**EVENT, "who": who})

    def test_what_may_be_missing_may(self):
        decoder = events(contact="who.id?")
        assert record_of(decoder, {**EVENT, "who": {}})["contactId"] is None
        assert record_of(decoder, {name: value for name, value in EVENT.items() if name != "who"})["contactId"] is None

    def test_a_field_of_the_record_is_taken_from_its_own_field_of_that_name(self):
        row = {"id": 5, "type": "t", "createdAt": "2024-01-01T00:00:00Z", "contactId": "c", "organizationId": "o"}
        decoder = events(id="id", type="type", time="createdAt", contact="contactId", organization="organizationId")
        assert record_of(decoder, row) == {**row, "id": "5", "provider": "p"}

    def test_unless_it_is_missing_it_stands_there_once(self):
        decoder = events(contact="contactId?")
        for own in ({}, {"contactId": "c"}, {"contactId": None}):
            answer = decoder.decode(msgspec.json.encode([{**EVENT, **own}]))
            assert splice(decoder.rows(answer)).count(b'"contactId"') == 1

    @pytest.mark.parametrize(
        "body", [b"{}", b'{"data":[1]}', b"5", b'"text"', b"[1,", b"<html>"], ids=lambda body: body.decode()
    )
    def test_an_answer_that_is_no_list_is_not_the_documented_form(self, body):
        with pytest.raises(msgspec.DecodeError):
            events().decode(body)

    def test_one_that_is_a_refusal_says_why(self):
        with pytest.raises(AnswerRefused, match="not yet"):
            events().decode(b'{"status":"error","message":"not yet"}')

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"contact": "who", "organization": "who.name"}, "`who.name` leads through a value"),
            ({"contact": "who.name", "organization": "who"}, "`who` asks for an object as a whole"),
            ({"contact": "."}, "is no path"),
            ({"contact": "a..b"}, "is no path"),
            ({"contact": "$.a"}, "is no path"),
            ({"next": "next"}, "say where its `rows` are"),
            ({"known": ["n", "at", "kind"]}, "The schema does not name `who`"),
        ],
    )
    def test_what_cannot_be_read_that_way_is_a_mistake_of_the_manifest(self, fields, message):
        with pytest.raises(InvalidManifest, match=message):
            events(**fields)


ROW = {**EVENT, "metric": {"type": "m", "id": 3}}


@pytest.mark.parametrize("body", [b'{"data":null}', b'{"data":{}}', b'{"data":{"list":null}}', b"{}"])
def test_null_is_an_empty_list_but_not_where_the_list_would_be_within(body):
    decoder = events(rows="data.list.rows")
    assert decoder.decode(b'{"data":{"list":{"rows":null}}}').rows == []
    with pytest.raises(msgspec.ValidationError, match=r"Object missing required field `data\.list\.rows`"):
        decoder.decode(body)


class TestIncluded:
    @staticmethod
    def body(row: dict[str, Any], *included: dict[str, Any]) -> dict[str, Any]:
        return {"data": [row], "more": list(included)}

    def decoder(self, path: str) -> MappedEventDecoder:
        return events(rows="data", included="more", type=f"metric > {path}")

    def test_a_name_is_found_by_type_and_id(self):
        others = {"type": "n", "id": 3, "says": {"name": "b"}}, {"type": "m", "id": "3", "says": {"name": "a"}}
        assert record_of(self.decoder("says.name"), self.body(ROW, *others))["type"] == "a"

    @pytest.mark.parametrize("named", [3, "3"])
    def test_a_row_may_name_its_id_alone(self, named):
        others = {"id": "4", "says": {"name": "b"}}, {"id": 3, "type": "its own", "says": {"name": "a"}}
        row = {**EVENT, "metric": named}
        assert record_of(self.decoder("says.name"), self.body(row, *others))["type"] == "a"

    @pytest.mark.parametrize(
        "included", [[], [{"id": 4, "name": "a"}], [{"id": 3, "type": kind, "name": kind} for kind in ("m", "n")]]
    )
    def test_an_id_alone_that_none_has_or_several_have_is_an_error(self, included):
        with pytest.raises(msgspec.ValidationError, match=r"nothing is included at `name` of 3$"):
            record_of(self.decoder("name"), self.body({**EVENT, "metric": 3}, *included))

    def test_a_row_that_names_none_has_none(self):
        assert record_of(self.decoder("says.name"), self.body({**ROW, "metric": None}))["type"] is None
        assert record_of(self.decoder("says.name"), self.body({**ROW, "metric": ""}))["type"] is None

    @pytest.mark.parametrize("included", [[], [{"type": "m", "id": "3"}], [{"type": "m", "id": "4", "name": "a"}]])
    def test_one_that_is_not_there_is_an_error_unless_it_may_be_missing(self, included):
        with pytest.raises(msgspec.ValidationError, match="nothing is included at `name` of m 3"):
            record_of(self.decoder("name"), self.body(ROW, *included))
        assert record_of(self.decoder("name?"), self.body(ROW, *included))["type"] is None


class TestEntities:
    def test_an_id_is_added(self):
        found = record_of(entities(id="_id", organization="{{ config['provider']['account'] }}"), {"_id": 1, "id": "x"})
        assert found == {"_id": 1, "id": "1", "provider": "p", "organizationId": "a"}

    def test_a_key_is_the_rows_own(self):
        assert record_of(entities(key="k"), {"k": 1, "id": "x"}) == {
            "k": 1,
            "id": "x",
            "provider": "p",
            "organizationId": "api.example.com",
        }

    @pytest.mark.parametrize("row", [{}, {"k": None}, {"k": ""}], ids=repr)
    def test_one_without_its_key_is_an_error(self, row):
        with pytest.raises(msgspec.ValidationError, match="`k`"):
            record_of(entities(key="k"), row)

    @pytest.mark.parametrize("fields", [{}, {"id": "a", "key": "a"}], ids=["neither", "both"])
    def test_it_has_either(self, fields):
        with pytest.raises(InvalidManifest, match="needs either an `id` or a `key`"):
            entities(**fields)

    @pytest.mark.parametrize(
        ("created", "expected"), [("2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00Z"), ("soon", None), (None, None)]
    )
    def test_the_time_of_its_creation_is_known_where_it_can_be_read(self, created, expected):
        row = entities(id="n", created="at").row(Raw(msgspec.json.encode({"n": 1, "at": created})))
        assert getattr(row, "created_at", "") == expected

    def test_where_it_must_be_it_is_not_missed_in_silence(self):
        with pytest.raises(msgspec.ValidationError, match="`at`"):
            entities(id="n", created="at").row(Raw(b'{"n":1}'))

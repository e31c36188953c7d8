from __future__ import annotations

import json
import re
from itertools import product
from typing import Any

import msgspec
import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from source_events.components.decoder import AnswerRefused
from source_events.providers.cloud4wi.answers import ContactDecoder, EventDecoder
from source_events.records.lines import splice
from source_events.records.rows import ENVELOPE_FIELDS
from unit_tests.decoders import decoder_of
from unit_tests.providers.cloud4wi import responses
from unit_tests.schemas import names_in

DECODER: EventDecoder = decoder_of("cloud4wi", "feed", {"provider": {"organization_id": "configured"}}, "events")
KNOWN = names_in("cloud4wi", "events")
EVENTS = responses.example()["events"]


def record(native: Any) -> bytes:
    """The line that a row becomes; the row is JSON already, or made such."""
    row = native if isinstance(native, bytes) else json.dumps(native, separators=(",", ":")).encode()
    answer = DECODER.decode(b'{"events":[' + row + b"]}")
    [line] = splice(map(DECODER.row, answer.rows)).splitlines()
    return bytes(line)


def flat(**fields: Any) -> dict[str, Any]:
    """An event in the form of the published schema."""
    return {
        "organizationId": "own",
        "customerId": "c",
        "id": "e",
        "type": "visit",
        "visit": {"duration": 15},
        "when": {"createdAt": "2024-01-01T00:00:00Z"},
        **fields,
    }


class TestAnswers:
    @pytest.mark.parametrize(
        ("body", "token"),
        [
            ({"events": []}, None),
            ({"events": [], "scrollId": None}, None),
            ({"events": [], "scrollId": ""}, None),
            ({"events": [], "scrollId": False}, None),
            ({"events": [], "scrollId": "s"}, "s"),
            ({"events": [], "scrollId": 7}, "7"),
        ],
        ids=["no scroll", "null", "empty", "false", "a scroll", "a number"],
    )
    def test_a_scroll_id_leads_on(self, body, token):
        assert DECODER.decode_body(json.dumps(body).encode()).token == token

    @pytest.mark.parametrize(("body", "announced"), [({}, None), ({"count": None}, None), ({"count": 20}, 20)])
    def test_the_count_is_what_is_announced(self, body, announced):
        assert DECODER.decode_body(json.dumps({"events": [], **body}).encode()).announced == announced

    @pytest.mark.parametrize("status", ["KO", "ko", "fail", "error"])
    @pytest.mark.parametrize(
        ("message", "words"), [("suspended", "suspended"), (None, "status {}"), ("", "status {}")], ids=repr
    )
    def test_a_success_that_is_a_refusal_has_its_message(self, status, message, words):
        body = json.dumps({"status": status, "message": message, "events": []}).encode()
        with pytest.raises(AnswerRefused, match=f"^{words.format(status)}$"):
            DECODER.decode_body(body)

    @pytest.mark.parametrize("status", ["OK", "ok", None])
    def test_any_other_status_is_none(self, status):
        assert DECODER.decode_body(json.dumps({"status": status, "events": []}).encode()).rows == []

    @pytest.mark.parametrize(
        "body", [b"", b"<html>", b"[]", b"{}", b'{"events":null,"count":20}', b'{"events":{}}', b'{"events":[']
    )
    def test_anything_else_is_not_the_documented_form(self, body):
        with pytest.raises(msgspec.DecodeError):
            DECODER.decode_body(body)

    @pytest.mark.parametrize("body", [b'{"events":null}', b'{"events":null,"count":0}'])
    def test_null_is_an_empty_list_unless_rows_are_announced(self, body):
        assert DECODER.decode_body(body).rows == []

    def test_unknown_fields_do_not_matter(self):
        assert DECODER.decode_body(b'{"events":[1],"new":{"a":[1]}}').rows == [Raw(b"1")]


class TestExample:
    """The published example, 19 events of which the answer announces 20."""

    @pytest.mark.parametrize("native", EVENTS, ids=[f"{e['event']['type']}-{e['event']['id'][:6]}" for e in EVENTS])
    def test_an_event_comes_out_byte_for_byte_with_the_envelope_behind_it(self, native):
        envelope = {
            "id": native["event"]["id"],
            "provider": "cloud4wi",
            "type": native["event"]["type"],
            "createdAt": native["when"]["createdAt"],
            **({} if "organizationId" in native else {"organizationId": "configured"}),
            "contactId": native["customerId"],
        }
        own, common = (json.dumps(each, separators=(",", ":"), ensure_ascii=False) for each in (native, envelope))
        row = own.encode()
        assert record(row).decode() == own[:-1] + "," + common[1:]

    def test_its_own_bytes_come_out_line_by_line(self):
        published = responses.EXAMPLE_FILE.read_bytes()
        on_one_line = published.replace(b"\n", b"")
        answer = DECODER.decode_body(on_one_line)
        assert (len(answer.rows), answer.announced, answer.token) == (19, 20, None)
        lines = splice(map(DECODER.row, answer.rows)).splitlines()
        rows = [bytes(raw) for raw in DECODER.decode_body(on_one_line).rows]
        assert all(line.startswith(row[:-1] + b",") for row, line in zip(rows, lines, strict=True))

    def test_the_local_time_is_passed_through_as_it_is(self):
        native = EVENTS[0]["when"]
        assert json.loads(record(EVENTS[0]))["when"] == native
        assert native["createdAtLocal"].endswith("Z")


class TestForms:
    def test_the_published_schemas_form_is_read_too(self):
        found = json.loads(record(flat()))
        assert found == {**flat(), "provider": "cloud4wi", "createdAt": "2024-01-01T00:00:00Z", "contactId": "c"}

    def test_its_fields_appear_once(self):
        line = record(flat(provider="mine", createdAt="mine", contactId="mine"))
        for name in ENVELOPE_FIELDS:
            assert len(re.findall(rb'"%b":' % name.encode(), line.replace(b'"when":{"createdAt"', b""))) == 1
        assert b"mine" not in line

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            *product(("id", "type", "provider", "createdAt", "contactId"), ("native", None)),
            *product(("provider", "createdAt", "contactId"), (5, {"a": 1})),
        ],
    )
    def test_a_field_of_the_envelope_beside_the_wrapper_gives_way(self, name, value):
        line = record({**responses.event("e"), name: value})
        pairs = json.loads(line, object_pairs_hook=list)
        assert [key for key, _ in pairs].count(name) == 1
        assert json.loads(line)[name] != value

    @pytest.mark.parametrize(
        ("own", "expected"),
        [({}, "configured"), ({"organizationId": None}, "configured"), ({"organizationId": "own"}, "own")],
        ids=["absent", "null", "its own"],
    )
    def test_the_organisation_is_the_configured_one_where_the_event_has_none(self, own, expected):
        native = {key: value for key, value in responses.event("e").items() if key != "organizationId"}
        line = record({**native, **own})
        assert json.loads(line)["organizationId"] == expected
        assert line.count(b'"organizationId"') == 1

    def test_an_empty_organisation_is_filled_in_once(self):
        assert record({**responses.event("e"), "organizationId": ""}).count(b'"organizationId"') == 1

    @pytest.mark.parametrize("native", [responses.event("e"), flat()], ids=["wrapped", "flat"])
    def test_a_missing_contact_is_null(self, native):
        without = {key: value for key, value in native.items() if key != "customerId"}
        assert json.loads(record(without))["contactId"] is None
        assert json.loads(record({**native, "customerId": None}))["contactId"] is None

    @pytest.mark.parametrize("event", [{"id": "e"}, {"id": "e", "type": None}, {"id": "e", "type": ""}], ids=repr)
    def test_a_missing_type_is_null(self, event):
        assert json.loads(record({**responses.event("e"), "event": event}))["type"] is None

    @pytest.mark.parametrize("event", [{}, {"id": None}, {"id": ""}], ids=repr)
    def test_an_event_without_an_id_is_none(self, event):
        with pytest.raises(msgspec.DecodeError, match="`id`"):
            record({**responses.event("e"), "event": event})

    def test_an_unknown_type_and_unknown_fields_pass(self):
        native = {**responses.event("e", event_type="unheard_of"), "new": [1, {"a": None}]}
        assert json.loads(record(native)).items() >= native.items()

    @pytest.mark.parametrize("native", [responses.event("e"), flat()], ids=["wrapped", "flat"])
    def test_fields_that_the_schema_does_not_name_stand_there_once_more_and_the_row_is_untouched(self, native):
        row = json.dumps({**native, "new": [1.50], "": None}, separators=(",", ":"))
        found = json.loads(record(row.encode()))
        assert found.items() >= {**native, "new": [1.5], "": None}.items()
        assert found["unknownFields"] == {"new": [1.5], "": None}

    @pytest.mark.parametrize("native", [responses.event("e"), flat(), *EVENTS[:3]])
    def test_where_there_are_none_there_is_no_such_field(self, native):
        assert b"unknownFields" not in record(native)

    @pytest.mark.parametrize("native", [responses.event("e"), flat()], ids=["wrapped", "flat"])
    def test_half_a_surrogate_pair_as_cut_off_texts_have_it_loses_no_event(self, native):
        assert json.loads(record({**native, "where": {"locationName": "\ud83d"}}))["id"] == "e"

    def test_an_organisation_that_stays_is_not_in_the_envelope(self):
        assert DECODER.row(Raw(json.dumps(responses.event("e")).encode())).envelope.organizationId is UNSET


VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=3)


@given(
    fields=st.dictionaries(st.text() | st.sampled_from(["provider", "createdAt", "contactId", "count"]), VALUES),
    organization=st.sampled_from([{}, {"organizationId": None}, {"organizationId": "own"}]),
    contact=st.none() | st.text(),
    wrapped=st.booleans(),
)
def test_any_event_becomes_the_union_of_itself_and_its_envelope(fields, organization, contact, wrapped):
    reserved = ("event", "when", "id", "type", "customerId", "organizationId")
    native: dict[str, Any] = {name: value for name, value in fields.items() if name not in reserved}
    native |= {"customerId": contact, "when": {"createdAt": "2024-01-01T00:00:00.5Z"}, **organization}
    native |= {"event": {"id": "e", "type": "visit"}} if wrapped else {"id": "e", "type": "visit"}
    unknown = {name: value for name, value in native.items() if name not in KNOWN}
    assert json.loads(record(native)) == native | ({"unknownFields": unknown} if unknown else {}) | {
        "id": "e",
        "provider": "cloud4wi",
        "type": "visit",
        "createdAt": "2024-01-01T00:00:00.5Z",
        "organizationId": organization.get("organizationId") or "configured",
        "contactId": contact,
    }


class TestContacts:
    @staticmethod
    def decoded(body: Any) -> Any:
        provider = {"provider_type": "cloud4wi", "organization_id": "o", "api_url": "https://example.com"}
        fields = {"id": "cid", "next": "sid?", "total": "count?", "organization": "{{ 'o' }}"}
        decoder = ContactDecoder({"provider": provider}, names_in("cloud4wi", "contacts"), **fields)
        answer = decoder.decode(json.dumps(body).encode())
        return answer, [json.loads(line) for line in splice(decoder.rows(answer)).splitlines()]

    @pytest.mark.parametrize("name", ["contacts", "customers", "data", "users"])
    def test_the_one_list_has_them_whatever_it_is_called(self, name):
        answer, [contact] = self.decoded({"status": "OK", "count": 7, name: [{"cid": "c", "new": 1}], "sid": "s"})
        assert (answer.token, answer.announced) == ("s", 7)
        assert (contact["id"], contact["cid"], contact["unknownFields"]) == ("c", "c", {"new": 1})

    def test_an_empty_list_is_none(self):
        answer, contacts = self.decoded({"customers": [], "sid": "s"})
        assert (answer.rows, answer.token, contacts) == ([], "s", [])

    def test_of_many_lists_with_long_names_some_are_told(self):
        body = {"n" * 51: []} | {f"l{number}": [] for number in range(20)}
        told = ", ".join(["n" * 50, *(f"l{number}" for number in range(19))])
        with pytest.raises(AirbyteTracedException, match=rf"several lists \({told}\)"):
            self.decoded(body)

    def test_several_lists_are_an_error_that_names_them(self):
        with pytest.raises(AirbyteTracedException, match=r"several lists \(customers, segments\)"):
            self.decoded({"customers": [{"cid": "c"}], "segments": []})

    def test_a_refusal_is_told_in_its_own_words(self):
        with pytest.raises(AnswerRefused, match="no quota"):
            self.decoded({"status": "KO", "message": "no quota"})

    @pytest.mark.parametrize("body", [{"status": "OK"}, [1], "text"], ids=["no list", "a bare list", "a text"])
    def test_another_form_is_no_answer(self, body):
        with pytest.raises(msgspec.DecodeError):
            self.decoded(body)

    @pytest.mark.parametrize("row", [{}, {"cid": ""}, {"cid": None}], ids=repr)
    def test_one_without_an_id_is_an_error(self, row):
        with pytest.raises(msgspec.DecodeError):
            self.decoded({"customers": [row]})

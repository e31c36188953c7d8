from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from source_events.records.lines import splice, without_fields
from source_events.records.rows import ENVELOPE_FIELDS, Envelope, Identity, Row


def envelope(event_id: str = "e", created_at: str = "2024-01-01T00:00:00Z", **fields: Any) -> Envelope:
    return Envelope(**{"id": event_id, "provider": "cloud4wi", "type": "visit", "createdAt": created_at, **fields})


def line(row: bytes, native: tuple[str, ...] = (), **fields: Any) -> bytes:
    return bytes(splice([Row(Raw(row), envelope(**fields), native)]))


class TestSplicing:
    def test_the_envelope_is_appended_to_the_rows_own_bytes(self):
        assert line(b'{"native":1}', organizationId="o", contactId="c") == (
            b'{"native":1,"id":"e","provider":"cloud4wi","type":"visit","createdAt":"2024-01-01T00:00:00Z",'
            b'"organizationId":"o","contactId":"c"}\n'
        )

    def test_lines_follow_one_another(self):
        lines = splice(Row(Raw(b'{"n":1}'), envelope(event_id)) for event_id in ("a", "b"))
        assert [json.loads(each)["id"] for each in lines.splitlines()] == ["a", "b"]

    def test_an_unset_field_leaves_the_rows_own_as_it_is(self):
        record = line(b'{"organizationId":"native"}', organizationId=UNSET)
        assert record.count(b'"organizationId"') == 1
        assert json.loads(record)["organizationId"] == "native"

    def test_a_null_contact_and_a_null_type_are_written(self):
        assert b'"type":null' in line(b'{"n":1}', type=None, contactId=None)
        assert b'"contactId":null' in line(b'{"n":1}', type=None, contactId=None)

    @pytest.mark.parametrize(
        "value",
        [
            pytest.param(b"123456789012345678901234567890", id="an integer beyond 64 bits"),
            pytest.param(b"-9223372036854775809", id="one below the least of 64 bits"),
            pytest.param(b"1.0", id="a float that is whole"),
            pytest.param(b"1", id="an integer"),
            pytest.param(b"1E+400", id="a float beyond any double"),
            pytest.param(b"0.1000000000000000055511151231257827", id="more digits than a double has"),
            pytest.param(b"-0.0", id="minus zero"),
            pytest.param(rb'"\u00e9\ud83d\ude00\/\"\\\n"', id="escapes"),
            pytest.param('"é😀\u2028"'.encode(), id="the same without escapes"),
            pytest.param(b'{"a":1,"a":2}', id="a name twice within"),
            pytest.param(b'{ "a" :\t[ ] }', id="white space"),
            pytest.param(b"[" * 500 + b"]" * 500, id="nested 500 deep"),
            pytest.param(b'"{\\"id\\":1}}"', id="JSON within a string"),
        ],
    )
    @pytest.mark.parametrize("native", [(), ("contactId",)], ids=["without", "with a field of the envelope"])
    def test_a_value_stays_byte_for_byte(self, value, native):
        own = b'"contactId":"old",' if native else b""
        record = line(b"{" + own + b'"value":' + value + b"}", native)
        assert b'"value":' + value + b"," in record
        assert b"old" not in record

    def test_a_name_that_occurs_twice_in_a_row_stays_twice(self):
        assert line(b'{"a":1,"a":2}').startswith(b'{"a":1,"a":2,')

    @pytest.mark.parametrize("name", ENVELOPE_FIELDS)
    def test_a_field_that_the_row_has_itself_appears_once_with_the_envelopes_value(self, name):
        record = line(b'{"first":1,"%b":"native","last":2}' % name.encode(), (name,), organizationId="o")
        assert record.count(b'"%b":' % name.encode()) == 1
        assert json.loads(record)[name] != "native"
        assert (json.loads(record)["first"], json.loads(record)["last"]) == (1, 2)

    def test_a_name_in_escapes_is_the_same_name(self):
        assert line(rb'{"\u0069d":"native","n":1}', ("id",)).startswith(b'{"n":1,"id":"e",')

    @pytest.mark.parametrize(
        ("row", "native"),
        [(b"{}", ()), (b'{"id":"native"}', ("id",))],
        ids=["an empty row", "a row with nothing but the envelope's fields"],
    )
    def test_a_row_without_fields_of_its_own_becomes_the_envelope(self, row, native):
        assert json.loads(line(row, native))["id"] == "e"

    def test_a_head_and_a_tail_stand_around_each(self):
        rows = [Row(Raw(b'{"n":1}'), Identity("p", "o"))] * 2
        assert splice(rows, b"<", b">") == b'<{"n":1,"provider":"p","organizationId":"o"}>' * 2

    def test_records_that_are_no_events_get_an_identity(self):
        rows = [Row(Raw(row), Identity("cloud4wi", "o")) for row in (b'{"id":"native"}', b'{"id":"other"}')]
        assert [json.loads(each) for each in splice(rows).splitlines()] == [
            {"id": "native", "provider": "cloud4wi", "organizationId": "o"},
            {"id": "other", "provider": "cloud4wi", "organizationId": "o"},
        ]

    def test_fields_that_nobody_named_stand_there_once_more_as_they_came(self):
        unknown = {"new": Raw(b"1.50"), "ü": Raw(b'{"a":1,"a":2}')}
        record = line('{"new":1.50,"ü":{"a":1,"a":2}}'.encode(), unknownFields=unknown)
        assert record.startswith('{"new":1.50,"ü":{"a":1,"a":2},"id":"e",'.encode())
        assert record.endswith(',"unknownFields":{"new":1.50,"ü":{"a":1,"a":2}}}\n'.encode())

    @pytest.mark.parametrize("native", [(), ("id",)], ids=["without", "with a field of the envelope"])
    def test_a_rows_own_field_of_that_name_stands_within_and_the_name_once(self, native):
        record = line(b'{"unknownFields":1.50,"n":1}', native, unknownFields={"unknownFields": Raw(b"1.50")})
        assert record.startswith(b'{"n":1,"id":"e",')
        assert record.endswith(b',"unknownFields":{"unknownFields":1.50}}\n')

    def test_where_there_are_none_there_is_no_such_field(self):
        assert b"unknownFields" not in line(b'{"n":1}')


def test_an_object_without_some_fields_keeps_the_others_byte_for_byte():
    assert without_fields(["b"], Raw(b'{"a":1.0,"b":2,"c":"\\u00e9"}')) == b'{"a":1.0,"c":"\\u00e9"}'


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text(), values, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(ENVELOPE_FIELDS) | st.text()


@given(
    row=st.dictionaries(NAMES, JSON_VALUES, max_size=8).map(lambda row: {**row, "native": 1}),
    escaped=st.booleans(),
    organization=st.none() | st.text(),
    contact=st.none() | st.text(),
)
def test_any_row_becomes_the_union_of_itself_and_its_envelope(row, escaped, organization, contact):
    common = envelope(organizationId=UNSET if organization is None else organization, contactId=contact)
    fields = {
        "id": "e",
        "provider": "cloud4wi",
        "type": "visit",
        "createdAt": "2024-01-01T00:00:00Z",
        "contactId": contact,
    } | ({} if organization is None else {"organizationId": organization})
    native = tuple(name for name in row if name in fields)
    lines = splice([Row(Raw(json.dumps(row, ensure_ascii=escaped).encode("utf-8", "replace")), common, native)])
    assert lines.count(b"\n") == 1
    pairs = json.loads(lines, object_pairs_hook=lambda pairs: pairs)
    assert len({name for name, _ in pairs}) == len(pairs)
    expected = json.loads(json.dumps(row, ensure_ascii=escaped).encode("utf-8", "replace")) | fields
    assert json.loads(lines) == expected

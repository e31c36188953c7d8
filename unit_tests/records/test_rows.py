"""What is read of a row, and which of its fields its stream's schema does not name."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw, Struct

from source_events.records.rows import ABSENT, ENVELOPE_FIELDS, RowFields, fields_of, own


class Needed(Struct):
    key: str = msgspec.field(name="_id")
    time: str | None = None
    type: Raw = ABSENT


KNOWN = ("_id", "time", "type", "content", "not a name", "class")


def decoded(row: bytes, known: Any = KNOWN) -> tuple[Needed, Any]:
    return RowFields(Needed, known).decode(Raw(row))


class TestUnknownFields:
    def test_a_row_that_has_none_says_so(self):
        needed, unknown = decoded(b'{"_id":"a","content":{"x":1},"not a name":2,"class":3}')
        assert (needed.key, needed.time, unknown) == ("a", None, UNSET)

    def test_those_that_the_schema_does_not_name_are_there_byte_for_byte(self):
        needed, unknown = decoded(b'{"new":1.50,"_id":"a","time":"t","other":{"a":1,"a":2},"type":"v"}')
        assert (needed.key, needed.time, bytes(needed.type)) == ("a", "t", b'"v"')
        assert {name: bytes(value) for name, value in unknown.items()} == {"new": b"1.50", "other": b'{"a":1,"a":2}'}

    def test_what_is_within_a_field_that_the_schema_names_is_not_looked_at(self):
        assert decoded(b'{"_id":"a","content":{"new":1}}')[1] is UNSET

    @pytest.mark.parametrize("row", [b'{"_id":"a","time":"t","type":1}', b'{"_id":"a","time":"t","type":1,"new":1}'])
    def test_what_is_needed_is_unknown_all_the_same_where_the_schema_does_not_name_it(self, row):
        needed, unknown = decoded(row, known=("_id",))
        assert (needed.time, bytes(needed.type)) == ("t", b"1")
        assert list(unknown)[:2] == ["time", "type"]

    def test_what_is_needed_and_not_there_is_not_unknown(self):
        assert decoded(b'{"_id":"a"}', known=("_id",))[1] is UNSET

    def test_a_name_in_escapes_is_the_same_name(self):
        needed, unknown = decoded(rb'{"\u005fid":"a","c\u006fntent":1,"n\u0065w":2}')
        assert (needed.key, list(unknown)) == ("a", ["new"])

    def test_null_is_a_value(self):
        assert list(decoded(b'{"_id":"a","new":null}')[1]) == ["new"]

    def test_without_a_schema_nobody_asks(self):
        needed, unknown = decoded(b'{"_id":"a","new":1}', known=None)
        assert (needed.key, unknown) == ("a", UNSET)

    @pytest.mark.parametrize(
        "row", [b'{"_id":5}', b"{}", b'{"new":1}', b'{"_id":"a","time":1}', b"[]", b"5", b"null"], ids=repr
    )
    @pytest.mark.parametrize("known", [KNOWN, (), None])
    def test_a_needed_field_that_is_missing_or_of_another_type_is_an_error(self, row, known):
        with pytest.raises(msgspec.DecodeError):
            decoded(row, known)


VALUES = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers(), max_size=3)


@given(fields=st.dictionaries(st.sampled_from(KNOWN[3:]) | st.text(), VALUES, max_size=8), ascii=st.booleans())
def test_whatever_a_row_has_is_needed_known_or_unknown(fields, ascii):
    native = {**fields, "_id": "a"}
    row = json.dumps(native, ensure_ascii=ascii).encode("utf-8", "replace")
    native = json.loads(row)
    native.pop("time", None)
    native.pop("type", None)
    _, unknown = decoded(json.dumps(native, ensure_ascii=ascii).encode("utf-8", "replace"))
    found = {} if unknown is UNSET else {name: json.loads(bytes(value)) for name, value in unknown.items()}
    assert found == {name: value for name, value in native.items() if name not in KNOWN}


def test_the_envelope_that_every_event_has_is_without_them():
    assert ENVELOPE_FIELDS == ("id", "provider", "type", "createdAt", "organizationId", "contactId")


def test_the_fields_of_an_object_are_its_bytes():
    assert fields_of(b'{"a":1.0,"b":[1, 2]}') == {"a": Raw(b"1.0"), "b": Raw(b"[1, 2]")}


def test_a_rows_own_fields_are_those_that_are_there():
    assert own({"id": Raw(b"null"), "provider": ABSENT}) == ["id"]
    assert own({"type": None, "createdAt": UNSET}, UNSET) == ["type"]

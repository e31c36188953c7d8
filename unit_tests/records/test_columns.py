from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from source_events.records.columns import ROWS, Columns
from source_events.records.rows import Envelope, Event, Identity, Row

SCHEMA = {
    "properties": {
        "id": {"type": "string"},
        "provider": {"type": "string"},
        "type": {"type": ["null", "string"]},
        "createdAt": {"type": ["null", "string"], "airbyte_type": "timestamp_with_timezone"},
        "organizationId": {"type": "string"},
        "unknownFields": {"type": ["null", "object"]},
        "name": {"type": ["null", "string"]},
        "state": {"type": ["null", "integer"]},
        "sum": {"type": ["null", "number"]},
        "valid": {"type": ["null", "boolean"]},
        "changed": {"type": ["null", "string"], "airbyte_type": "timestamp_with_timezone"},
        "local": {"type": ["null", "string"], "airbyte_type": "timestamp_without_timezone"},
        "where": {"type": ["null", "object"]},
        "tags": {"type": ["null", "array"]},
        "value": {"type": ["null", "string", "number"]},
        "contactId": {"type": ["null", "string"]},
    }
}
ENVELOPE = ("id", "provider", "type", "createdAt", "organizationId", "contactId")
NATIVE = ("name", "state", "sum", "valid", "changed", "local", "where", "tags", "value")
COLUMNS, PLAIN = Columns(SCHEMA), Columns(SCHEMA, plain_json=True)
JSON_COLUMNS = ("where", "tags", "value", "unknownFields")


def row(fields: dict | bytes, **envelope) -> Event:
    raw = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    own = msgspec.json.decode(raw, type=dict[str, Raw])
    unknown = {name: value for name, value in own.items() if name not in (*ENVELOPE, *NATIVE)}
    given = {"id": "a", "provider": "p", "type": "t", "createdAt": "2024-01-01T00:00:00Z", "organizationId": "o"}
    made = Envelope(**{**given, **envelope}, unknownFields=unknown or UNSET)
    native = [name for name in ENVELOPE if name in own and getattr(made, name) is not UNSET]
    return Row(Raw(raw), made, native)


def one(fields: dict | bytes, **envelope) -> dict:
    """The row's values; those of JSON columns decoded."""
    [found] = COLUMNS.batch([row(fields, **envelope)]).to_pylist()
    return {name: json.loads(value) if name in JSON_COLUMNS and value else value for name, value in found.items()}


class TestSchema:
    def test_the_envelope_comes_first_and_the_unknown_fields_last(self):
        assert COLUMNS.schema.names == [*ENVELOPE, *NATIVE, "unknownFields"]

    def test_each_type_has_its_column(self):
        types = {field.name: field.type for field in COLUMNS.schema}
        assert [types[name] for name in ("id", "state", "sum", "valid")] == [
            pa.string(), pa.int64(), pa.float64(), pa.bool_(),
        ]  # fmt: skip
        assert types["createdAt"] == types["changed"] == pa.timestamp("us", "UTC")
        assert types["local"] == pa.timestamp("us")
        assert {types[name] for name in JSON_COLUMNS} == {pa.json_()}

    def test_json_can_be_plain_text(self):
        assert {PLAIN.schema.field(name).type for name in JSON_COLUMNS} == {pa.string()}
        [found] = PLAIN.batch([row({"where": {"a": [1]}})]).to_pylist()
        assert found["where"] == '{"a": [1]}'
        assert PLAIN.batch([row({})]).column("tags").type == pa.string()


class TestChosenColumns:
    def test_they_are_in_the_order_in_which_they_are_named(self):
        chosen = Columns(SCHEMA, only=["state", "id", "where"])
        fields = {"state": 1, "where": {"a": 1}, "name": 2, "other": 3}
        assert chosen.schema.names == ["state", "id", "where"]
        assert chosen.batch([row(fields)]).to_pylist() == [{"state": 1, "id": "a", "where": '{"a": 1}'}]

    def test_what_is_not_chosen_is_not_decoded(self):
        broken = b'{"state":1,"sum":1e999999,"name":"x"}'
        assert Columns(SCHEMA, only=["state"]).batch([row(broken)]).to_pylist() == [{"state": 1}]

    def test_the_unknown_fields_are_the_same_whatever_is_chosen_beside_them(self):
        chosen = Columns(SCHEMA, only=["unknownFields"])
        fields = {"state": "no number", "other": 3}
        [found] = chosen.batch([row(fields)]).to_pylist()
        assert json.loads(found["unknownFields"]) == one(fields)["unknownFields"] == fields

    def test_the_envelope_need_not_be_chosen(self):
        assert Columns(SCHEMA, only=["name"]).batch([row({"name": "n", "type": "own"})]).to_pylist() == [{"name": "n"}]


class TestValues:
    def test_each_value_is_in_its_column(self):
        found = one({
            "name": "Zoë \x1f\x1e\n\x00", "state": -(2**63), "sum": 0.1, "valid": False, "where": {"b": None},
            "changed": "2024-01-01T01:00:00.5+01:00", "local": "2024-01-01 01:00:00", "tags": [], "value": "1",
        })  # fmt: skip
        assert [found[name] for name in ENVELOPE] == [
            "a", "p", "t", datetime(2024, 1, 1, tzinfo=timezone.utc), "o", None,
        ]  # fmt: skip
        assert [found[name] for name in NATIVE] == [
            "Zoë \x1f\x1e\n\x00", -(2**63), 0.1, False, datetime(2024, 1, 1, 0, 0, 0, 500_000, timezone.utc),
            datetime(2024, 1, 1, 1), {"b": None}, [], "1",
        ]  # fmt: skip
        assert found["unknownFields"] is None

    def test_a_text_that_looks_like_what_stands_for_none_is_itself(self):
        names = ["\x1e", None, "\x1f", "", None, "a\x1fb"]
        batch = COLUMNS.batch([row({} if name is None else {"name": name}) for name in names])
        assert batch.column("name").to_pylist() == names
        batch = COLUMNS.batch([row({"name": "\x1e"}), row({})])
        assert batch.column("name").to_pylist() == ["\x1e", None]

    def test_absent_and_null_are_null(self):
        nulls = dict.fromkeys(NATIVE)
        batch = COLUMNS.batch([row({}), row(nulls)])
        assert [batch.column(name).null_count for name in (*NATIVE, "unknownFields")] == [2] * 10

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("name", "5"),
            ("name", '{"a":1}'),
            ("state", '"5"'),
            ("state", "1.5"),
            ("state", "9223372036854775808"),
            ("state", "true"),
            ("sum", '"1"'),
            ("sum", "9007199254740993"),
            ("sum", "1" + "0" * 30),
            ("sum", "1e400"),
            ("sum", "1" * 5000),
            ("valid", "1"),
            ("changed", '"2024-01-01T00:00:00"'),
            ("changed", '"2024-01-01T00:00:00.1234567Z"'),
            ("changed", '"0000-00-00 00:00:00"'),
            ("changed", '"0000-01-01T00:00:00Z"'),
            ("changed", '""'),
            ("changed", "1704067200"),
            ("local", '"2024-01-01T00:00:00Z"'),
            ("other", "[1]"),
        ],
    )
    def test_a_value_of_another_type_is_among_the_unknown_fields(self, name, value):
        good = row({"name": "n", "state": 1, "sum": 1.5, "valid": True, "changed": "2024-01-01T00:00:00Z"})
        bad = row(b'{"tags":[2],"%b":%b}' % (name.encode(), value.encode()))
        batch = COLUMNS.batch([good, bad, good])
        raw = msgspec.json.decode(batch.column("unknownFields")[1].as_py(), type=dict[str, Raw])
        assert {key: bytes(found).decode() for key, found in raw.items()} == {name: value}
        assert batch.column("unknownFields").null_count == 2
        assert batch.column("tags").to_pylist() == [None, "[2]", None]
        if name != "other":
            assert [batch.column(name).is_valid()[place].as_py() for place in range(3)] == [
                name != "local",
                False,
                name != "local",
            ]

    def test_a_field_that_gives_way_is_not_looked_at(self):
        found = one({"id": 5, "type": [1], "state": "x"})
        assert (found["id"], found["type"], found["unknownFields"]) == ("a", "t", {"state": "x"})

    def test_a_field_that_the_envelope_leaves_is_the_row_s_own(self):
        batch = COLUMNS.batch([
            row({"organizationId": "own"}, organizationId=UNSET),
            row({"organizationId": 7}, organizationId=UNSET),
            row({}),
        ])  # fmt: skip
        assert batch.column("organizationId").to_pylist() == ["own", None, "o"]
        assert batch.column("unknownFields").to_pylist() == [None, '{"organizationId":7}', None]

    def test_an_event_may_have_no_time(self):
        assert one({}, createdAt=None)["createdAt"] is None

    def test_of_a_field_that_comes_twice_the_last_counts(self):
        assert one(b'{"state":1,"state":2}')["state"] == 2

    def test_rows_that_are_no_events_have_their_own_envelope(self):
        columns = Columns(
            {"properties": {name: {"type": "string"} for name in ("id", "provider", "organizationId", "name")}}
        )
        rows = [Row(Raw(b'{"id":"x","name":"n"}'), Identity("p", "o")), Row(Raw(b"{}"), Identity("p", "o", "y"))]
        assert columns.batch(rows).to_pylist() == [
            {"id": "x", "provider": "p", "organizationId": "o", "name": "n", "unknownFields": None},
            {"id": "y", "provider": "p", "organizationId": "o", "name": None, "unknownFields": None},
        ]

    def test_a_field_of_the_envelope_that_the_schema_does_not_name_is_among_the_unknown_fields(self):
        columns = Columns({"properties": {"provider": {"type": "string"}, "organizationId": {"type": "string"}}})
        rows = [Row(Raw(b"{}"), Identity("p", "o")), Row(Raw(b"{}"), Identity("p", "o", "y"))]
        assert columns.batch(rows).column("unknownFields").to_pylist() == [None, '{"id":"y"}']

    def test_a_batch_has_a_bounded_number_of_rows(self):
        rows = [row({"state": number}) for number in range(2 * ROWS + 1)]
        batches = list(COLUMNS.batches(rows))
        assert [batch.num_rows for batch in batches] == [ROWS, ROWS, 1]
        assert [value for batch in batches for value in batch.column("state").to_pylist()] == [*range(2 * ROWS + 1)]

    def test_pandas_is_not_imported(self):
        code = """
import sys
from msgspec import Raw
from source_events.records.columns import Columns
from source_events.records.rows import Identity, Row
properties = {name: {"type": name} for name in ("string", "integer", "number", "boolean", "object")}
row = Row(Raw(b'{"string": "a", "integer": 1, "number": 0.5, "boolean": true, "object": {}}'), Identity("p", "o"))
columns = Columns({"properties": {"provider": {"type": "string"}, "organizationId": {"type": "string"}, **properties}})
assert columns.batch([row, row]).column("string").null_count == 0
sys.exit("pandas" in sys.modules)
"""
        subprocess.run([sys.executable, "-c", code], check=True)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda nested: st.lists(nested, max_size=3) | st.dictionaries(TEXTS, nested, max_size=3),
    max_leaves=8,
)
TIMES = st.datetimes(timezones=st.just(timezone.utc)).map(datetime.isoformat)
ROW = st.fixed_dictionaries(
    {},
    optional={
        name: ANYTHING | TEXTS | TIMES | st.integers() for name in (*NATIVE, *ENVELOPE, "extra", "unknownFields")
    },
)


def expected_of(event: Event, fields: dict) -> dict:
    """What a read gives: the row's own fields, and the envelope over them."""
    given = {name: getattr(event.envelope, name) for name in ENVELOPE if getattr(event.envelope, name) is not UNSET}
    return {name: value for name, value in {**fields, **given}.items() if value is not None}


def plain(name: str, value: object) -> object:
    """A value as its column gives it back: times are instants."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if name in ("createdAt", "changed", "local") and isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment
    return value


def test_the_first_moment_that_there_is_stays_one():
    found = one({"local": "0001-01-01T00:00:00", "changed": "0001-01-01T00:00:00Z"})
    assert found["local"] == datetime(1, 1, 1)
    assert found["changed"] == datetime(1, 1, 1, tzinfo=timezone.utc)
    assert found["unknownFields"] is None


@given(st.lists(st.tuples(ROW, st.booleans()), min_size=1, max_size=5))
def test_the_columns_and_the_unknown_fields_give_any_row_back(rows):
    events = [row(fields, organizationId=UNSET if own else "o") for fields, own in rows]
    for (fields, _), event, found in zip(rows, events, COLUMNS.batch(events).to_pylist(), strict=True):
        unknown = json.loads(found.pop("unknownFields") or "{}")
        columns = {
            name: json.loads(value) if name in JSON_COLUMNS else value
            for name, value in found.items()
            if value is not None
        }
        assert not columns.keys() & unknown.keys()
        together = {name: value for name, value in {**columns, **unknown}.items() if value is not None}
        wanted = expected_of(event, fields)
        assert {name: plain(name, value) for name, value in together.items()} == {
            name: plain(name, value) for name, value in wanted.items()
        }

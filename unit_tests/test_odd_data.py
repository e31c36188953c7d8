"""Hostile and odd data against every decoder: what comes out is valid and native, or one clear error says why not.

`odd_data/` has bodies that were once answered wrongly, each as the API might send it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import example, given
from hypothesis import strategies as st

from source_events.components.decoder import AnswerRefused
from source_events.components.selection import Selection, SliceSelection
from source_events.components.windows import Slice
from source_events.providers.app_market.selection import Occurrences
from source_events.providers.carecloud import answers as carecloud
from source_events.providers.carecloud.property_records import PropertyRecords, PropertyRecordSelection
from source_events.providers.swipe_one import answers as swipe_one
from source_events.providers.swipe_one import twins
from source_events.records.lines import splice
from source_events.records.rows import ENVELOPE_FIELDS, UNKNOWN_FIELDS, Row
from source_events.runtime import Runtime
from unit_tests.odd import Case
from unit_tests.parts import completed
from unit_tests.providers.carecloud.odd_data import PROVIDER as CARECLOUD
from unit_tests.registered import of_each

EXPECTED = (msgspec.DecodeError, AnswerRefused, AirbyteTracedException)
"""An error for people, and what the requester turns into one."""


CASES: dict[str, Case] = {
    name: case
    for cases in of_each("unit_tests.providers.NAME.odd_data", "CASES").values()
    for name, case in cases.items()
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def odd(request: pytest.FixtureRequest) -> Case:
    found: Case = request.param
    return found


class Identified(SliceSelection):
    """Takes all rows, and gives ids to those that have none."""

    def identify(self, rows: list[Row[Any]]) -> list[Row[Any]]:
        Occurrences().identify(rows)
        twins.identify(row for row in rows if isinstance(row, swipe_one.EventRow))
        return rows


STREAM = Runtime(1).stream("s")
YEAR = Slice("2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z")


def lines_of(case: Case, body: bytes) -> bytes:
    """The finished records of an answer with this body, by the components that make them in a sync."""
    answer = case.decoder.decode(body)
    return bytes(splice(Identified(Selection(completed({}), STREAM), YEAR).page_of(answer, case.decoder).rows))


def strictly_parsed(lines: bytes) -> list[dict[str, Any]]:
    """The records; an error of the test if a line is no JSON by the letter of the standard."""

    def refused(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    records = []
    for line in lines.decode("utf-8").split("\n")[:-1]:
        record = json.loads(line, parse_constant=refused, parse_float=str, parse_int=str)
        assert isinstance(record, dict)
        line.encode("utf-8")
        json.dumps(record, ensure_ascii=False).encode("utf-8")
        records.append(record)
    return records


def records_or_error(case: Case, body: bytes) -> list[dict[str, Any]] | None:
    """The strictly parsed records; nothing where there is one of the expected errors, with a message of some lines."""
    try:
        lines = lines_of(case, body)
    except EXPECTED as error:
        message = str(error)
    else:
        return strictly_parsed(lines)
    assert len(message) < 2000
    return None


def row_with(case: Case, value: bytes, name: bytes = b"odd") -> bytes:
    return json.dumps(case.row).encode()[:-1] + b',"' + name + b'":' + value + b"}"


# --- values


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b"123456789012345678901234567890", id="an integer beyond 64 bits"),
        pytest.param(b"1" + b"0" * 5000, id="an integer of 5001 digits"),
        pytest.param(b"0.1000000000000000055511151231257827", id="more digits than a double has"),
        pytest.param(b"1E+400", id="a number beyond any double"),
        pytest.param(b"-0.0", id="minus zero"),
        pytest.param(b'{"a":1,"a":2}', id="a name twice"),
        pytest.param(b'"' + b"x" * 3_000_000 + b'"', id="3 MB of text"),
        pytest.param(b"[" * 800 + b"]" * 800, id="800 levels"),
        pytest.param(rb'"\u0000\u001f\u007f"', id="control characters in escapes"),
        pytest.param(b'"\x7f\xc2\x85\xe2\x80\xa8"', id="line breaks of Unicode"),
        pytest.param(rb'"\ud83d\ude00"', id="a surrogate pair"),
        pytest.param(rb'"</script>\/\\"', id="slashes"),
    ],
)
@pytest.mark.parametrize("name", [b"odd", b"", b"properties", b"content"])
def test_a_value_of_a_field_that_nobody_knows_stays_byte_for_byte(odd, value, name):
    [line] = lines_of(odd, odd.body(row_with(odd, value, name))).split(b"\n")[:-1]
    assert b'"%b":%b' % (name, value) in line
    if len(value) < 4000:
        assert strictly_parsed(line + b"\n")


@pytest.mark.parametrize(
    ("value", "readable"),
    [
        pytest.param(b'"caf\xc3"', '"caf\ufffd"', id="a text that is cut off within a character"),
        pytest.param(b'"\xff\xfe"', '"\ufffd\ufffd"', id="no UTF-8"),
        pytest.param(b'"\xed\xa0\x80"', '"\ufffd\ufffd\ufffd"', id="half a pair as bytes"),
        pytest.param(rb'"\ud800"', r'"\ufffd"', id="half a pair as an escape"),
        pytest.param(rb'"\udc00\ud800"', r'"\ufffd\ufffd"', id="a pair the wrong way round"),
    ],
)
@pytest.mark.parametrize("name", [b"odd", b"type", b"provider"])
def test_what_is_no_text_is_replaced_where_it_stands_and_the_record_comes(odd, value, readable, name):
    row = json.dumps({field: native for field, native in odd.row.items() if field.encode() != name}).encode()
    row = row[:-1] + b',"' + name + b'":' + value + b"}"
    [record] = strictly_parsed(lines_of(odd, odd.body(row)))
    if name == b"odd":
        assert record["odd"] == json.loads(readable)


def test_a_byte_order_mark_is_no_part_of_the_answer(odd):
    row = json.dumps(odd.row).encode()
    assert lines_of(odd, b"\xef\xbb\xbf" + odd.body(row)) == lines_of(odd, odd.body(row)) != b""


@pytest.mark.parametrize(
    "value", [b"NaN", b"Infinity", b"-Infinity", b"01", b"1.", b"'a'", b'"a\x00b"', b'"a\tb"', rb'"\q"', b"undefined"]
)
def test_what_is_no_json_is_said_so_with_its_place(odd, value):
    with pytest.raises(msgspec.DecodeError, match="byte"):
        lines_of(odd, odd.body(row_with(odd, value)))


@pytest.mark.parametrize("levels", [20_000, 200_000])
def test_thousands_of_levels_are_one_clear_error(odd, levels):
    with pytest.raises(AirbyteTracedException) as caught:
        lines_of(odd, odd.body(row_with(odd, b"[" * levels + b"]" * levels)))
    assert "nested too deeply" in str(caught.value)
    assert len(str(caught.value)) < 300


# --- rows


@pytest.mark.parametrize("row", [b"null", b'"text"', b"[]", b"5", b"true", b"[{}]"])
def test_a_row_that_is_no_object_is_an_error_that_names_its_position(odd, row):
    good = json.dumps(odd.row).encode()
    with pytest.raises(AirbyteTracedException, match="Row 1 of an answer cannot be read"):
        lines_of(odd, odd.body(good, row, good))


@pytest.mark.parametrize("value", ["absent", None, ""])
def test_a_row_without_an_id_or_a_time_is_an_error_that_says_where(odd, value):
    for path in odd.required:
        row = json.loads(json.dumps(odd.row))
        holder = row
        for name in path[:-1]:
            holder = holder[name]
        holder[path[-1]] = value
        if value == "absent":
            del holder[path[-1]]
        if path == ("created_at",) and value is None:
            continue  # It is how CareCloud writes an event without a time.
        with pytest.raises(AirbyteTracedException) as caught:
            lines_of(odd, odd.body(json.dumps(odd.row).encode(), json.dumps(row).encode()))
        assert "Row 1 " in str(caught.value) or f"Record {odd.id} " in str(caught.value)


@pytest.mark.parametrize("value", [b"5", b"1.5", b"123456789012345678901234567890", b"true", b"[]", b"{}", b"1e400"])
def test_an_id_that_is_no_text_is_a_text_or_an_error(odd, value):
    paths = [path for path in odd.required or (("id",),) if path[-1].endswith("id")]
    for path in paths:
        native = json.loads(json.dumps(odd.row))
        holder = native
        for name in path[:-1]:
            holder = holder[name]
        holder[path[-1]] = "ODD"
        records = records_or_error(odd, odd.body(json.dumps(native).encode().replace(b'"ODD"', value)))
        assert all(isinstance(record.get("id", ""), str) for record in records or ())


def test_an_empty_answer_has_no_rows(odd):
    assert lines_of(odd, odd.body()) == b""


def test_a_time_or_an_id_of_a_megabyte_makes_no_message_of_a_megabyte():
    odd = CASES["cloud4wi"]
    row = {"event": {"id": "e" * 1_000_000}, "when": {"createdAt": ["x" * 1_000_000]}}
    with pytest.raises(AirbyteTracedException) as caught:
        lines_of(odd, odd.body(json.dumps(row).encode()))
    assert len(str(caught.value)) < 500


def test_a_row_of_a_reference_list_has_each_name_once():
    odd = CASES["carecloud reference list"]
    [line] = lines_of(odd, odd.body(b'{"event_type_id":"t","provider":"native","organizationId":5}')).splitlines()
    assert line.count(b'"provider"') == line.count(b'"organizationId"') == 1
    assert json.loads(line)["provider"] == "carecloud"


@pytest.mark.parametrize("total", [b"1" + b"0" * 5000, b"-1", b"1.5", b'"many"', b"null", b"{}", b"1e400"])
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("cloud4wi", b'{"count":%b,"events":[]}'),
        ("swipe_one", b'{"data":{"count":%b,"events":[]}}'),
        ("app_market", b'{"total":%b,"events":[]}'),
        ("carecloud", b'{"data":{"total_items":%b,"events":[]}}'),
    ],
)
def test_a_total_that_is_none_is_not_believed(name, body, total):
    # A number that Python cannot hold makes an answer that is said not to be JSON of the documented form.
    assert records_or_error(CASES[name], body % total) in ([], None if b"0" * 400 in total or b"e" in total else [])


@pytest.mark.parametrize("time", ["9" * 5000, "1" * 30, "99999-01-01T00:00:00Z", "0000-00-00T00:00:00Z"])
def test_a_time_beyond_all_times_is_named_with_its_record(time):
    odd = CASES["app_market"]
    with pytest.raises(AirbyteTracedException, match=r"^Record e has a time that cannot be read: "):
        lines_of(odd, odd.body(json.dumps({"id": "e", "created_on": time}).encode()))


def test_property_records_without_any_id_are_not_taken_for_one_another():
    decoder = carecloud.EventDecoder({"provider": CARECLOUD}, (), "data.events")
    body = {
        "data": {"events": [{"event_id": "e", "created_at": "2024-01-01 00:00:00", "property_records": [{"x": 1}]}]}
    }
    runtime, config = Runtime(1), completed(CARECLOUD)
    selection = PropertyRecordSelection(config, runtime, runtime.stream("s"), (), records=None)  # type: ignore[arg-type]
    with pytest.raises(AirbyteTracedException, match="neither `property_id` nor `property_record_id`"):
        PropertyRecords(selection, YEAR).page_of(decoder.decode(json.dumps(body).encode()), decoder)


# --- any data

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(
    (
        "id",
        "type",
        "event",
        "when",
        "customerId",
        "timestamp",
        "created_on",
        "count",
        "status",
        "data",
        *ENVELOPE_FIELDS,
    )
)


@pytest.mark.parametrize("odd", CASES.values(), ids=CASES.keys())
@given(fields=st.dictionaries(FIELDS | st.text(), VALUES, max_size=6), ascii=st.booleans())
def test_any_object_is_itself_with_the_envelope_or_one_clear_error(odd, fields, ascii):
    native = {**fields, **odd.row}
    body = odd.body(json.dumps(native, ensure_ascii=ascii).encode("utf-8", "surrogatepass"))
    if records_or_error(odd, body) is None:
        return
    [record] = [json.loads(line) for line in lines_of(odd, body).splitlines()]
    for name in native:
        if name not in odd.added | {UNKNOWN_FIELDS}:
            assert record[name] == native[name] or "\ufffd" in json.dumps(record[name], ensure_ascii=False)
    assert set(native) <= set(record)


JUNK = st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("odd", CASES.values(), ids=CASES.keys())
@given(junk=JUNK, where=st.integers(0, 400), replaced=st.integers(0, 60))
@example(junk=b"\xff", where=20, replaced=0)
@example(junk=b"[" * 5000, where=0, replaced=0)
def test_any_bytes_are_records_or_one_clear_error(odd, junk, where, replaced):
    row = row_with(odd, b'{"nested":[1,"two",null]}')
    body = odd.body(row, row)
    body = body[:where] + junk + body[where + replaced :]
    records_or_error(odd, body)


CORPUS = sorted((Path(__file__).parent / "odd_data").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_what_was_once_answered_wrongly(odd, path):
    records_or_error(odd, path.read_bytes())


def test_pages_that_alternate_are_no_endless_contact():
    odd = CASES["swipe_one"]

    def page(*seconds: int) -> twins.EventPage:
        rows = [msgspec.json.encode({"timestamp": f"2024-01-01T00:00:{second:02}Z"}) for second in seconds]
        return twins.EventPage([odd.decoder.row(msgspec.Raw(row)) for row in rows], 100)

    reading = twins.Reading([page(9, 8), page(7, 6)])
    assert not reading.repeats()
    reading.pages.append(page(9, 8))
    assert reading.repeats()

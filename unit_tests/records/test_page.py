from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from source_events.records.page import (
    ENVELOPE_FIELDS,
    PAGE,
    Answer,
    Draft,
    Envelope,
    Identity,
    Page,
    Row,
    are_normal,
    finish,
    normalize_times,
    page_of,
    splice,
)
from source_events.records.times import UnreadableTime


def envelope(event_id: str = "e", created_at: str = "2024-01-01T00:00:00Z", **fields: Any) -> Envelope:
    return Envelope(**{"id": event_id, "provider": "cloud4wi", "type": "visit", "createdAt": created_at, **fields})


def line(row: bytes, native: tuple[str, ...] = (), **fields: Any) -> bytes:
    return bytes(splice([Row(Raw(row), envelope(**fields), native)]))


def draft(*envelopes: Envelope, token: str | None = None, announced: int | None = None) -> Draft:
    rows = [Row(Raw(b'{"native":1}'), each) for each in envelopes]
    return Draft(Answer([row.raw for row in rows], token, announced, reservation=object()), rows)


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


class TestTimes:
    @pytest.mark.parametrize("time", ["yesterday", "", "2022-07-21T18:41:09", "2022-02-30T00:00:00Z"])
    def test_a_page_names_the_record_whose_time_is_none(self, time):
        with pytest.raises(UnreadableTime) as caught:
            normalize_times([envelope("before"), envelope("broken", time), envelope("after")])
        assert (caught.value.record_id, caught.value.time) == ("broken", time)

    def test_a_page_may_mix_notations(self):
        page = [
            envelope(created_at="2022-07-21T18:41:09Z"),
            envelope(created_at="2022-07-21t18:41:09z"),
            envelope(created_at="2022-07-21T18:41:09.25+02:00"),
            envelope(created_at="2022-07-21T18:41:09+0200"),
        ]
        normalize_times(page)
        assert [each.createdAt for each in page] == [
            "2022-07-21T18:41:09Z",
            "2022-07-21T18:41:09Z",
            "2022-07-21T16:41:09.25Z",
            "2022-07-21T16:41:09Z",
        ]

    @pytest.mark.parametrize(
        ("times", "normal"),
        [
            ([], True),
            (["2024-01-01T00:00:00Z"], True),
            (["2024-01-01T00:00:00Z", "2024-02-29T23:59:59Z"], True),
            (["2024-01-01T00:00:00.5Z", "2024-01-01T00:00:01.0Z"], True),
            (["2024-01-01T00:00:00.123456Z"], True),
            (["2024-01-01T00:00:00.1234567Z"], False),
            (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z"], False),
            (["2024-01-01T00:00:00Z", "2024-01-01 00:00:00Z"], False),
            (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00z"], False),
            (["2024-01-01T00:00:00Z", "2024-02-30T00:00:00Z"], False),
            (["2024-01-01T00:00:00+00:00"], False),
            (["2024-01-01T00:00:00"], False),
            (["00:00T:00:00:00:00:Z"], False),
            ([""], False),
        ],
    )
    def test_times_are_normal_as_a_page_or_looked_at_one_by_one(self, times, normal):
        assert are_normal(times) is normal

    def test_an_envelope_without_a_time_keeps_none(self):
        page = [envelope("a", None), envelope("b", "2022-07-21T18:41:09+02:00")]
        normalize_times(page)
        assert [each.createdAt for each in page] == [None, "2022-07-21T16:41:09Z"]


class TestFinishing:
    def test_a_page_knows_what_it_has_and_what_the_answer_had(self):
        page = finish(
            draft(
                envelope("a", "2024-01-01T00:00:02Z", contactId="x"),
                envelope("b", "2024-01-01T00:00:03Z", contactId="y"),
                envelope("c", "2024-01-01T00:00:01Z", contactId=None),
                token="next",
                announced=20,
            ),
            lambda rows: [row for row in rows if row.envelope.id != "b"],
        )
        assert (page.count, page.received, page.announced, page.token) == (2, 3, 20, "next")
        assert page.latest == "2024-01-01T00:00:02Z"
        assert page.contacts == frozenset()
        assert [json.loads(each)["id"] for each in splice(page.rows).splitlines()] == ["a", "c"]

    def test_a_page_may_tell_the_contacts_in_the_place_of_the_records(self):
        page = finish(
            draft(envelope("a", contactId="x"), envelope("b", contactId=None), envelope("c", contactId="z")),
            lambda rows: rows[:2],
            contacts_only=True,
        )
        assert (page.contacts, page.rows, page.count, page.kept, page.received) == ({"x"}, (), 0, 2, 3)

    def test_without_a_choice_every_row_is_kept(self):
        assert finish(draft(envelope("a"), envelope("b"))).count == 2

    def test_records_without_a_time_are_kept_and_counted_but_are_not_the_latest(self):
        page = finish(draft(envelope("a", None), envelope("b", "2024-01-01T00:00:02Z")))
        assert (page.count, page.latest) == (2, "2024-01-01T00:00:02Z")
        assert finish(draft(envelope("a", None))).latest is None

    def test_records_that_are_no_events_get_an_identity_and_are_always_kept(self):
        rows = [Row(Raw(row), Identity("cloud4wi", "o")) for row in (b'{"id":"native"}', b'{"id":"other"}')]
        page = finish(Draft(Answer([row.raw for row in rows]), rows), lambda rows: [])
        assert [json.loads(each) for each in splice(page.rows).splitlines()] == [
            {"id": "native", "provider": "cloud4wi", "organizationId": "o"},
            {"id": "other", "provider": "cloud4wi", "organizationId": "o"},
        ]
        assert (page.latest, page.contacts) == (None, frozenset())

    def test_pages_of_such_records_are_told_apart_by_their_bytes(self):
        def fingerprint(*rows: bytes) -> int:
            drafted = [Row(Raw(row), Identity("cloud4wi", "o")) for row in rows]
            return finish(Draft(Answer([row.raw for row in drafted]), drafted)).fingerprint

        assert fingerprint(b'{"a":1}') == fingerprint(b'{"a":1}') != fingerprint(b'{"a":2}')

    def test_a_page_of_which_nothing_is_kept_has_no_latest_time(self):
        page = finish(draft(envelope("a")), lambda rows: [])
        assert (page.count, page.latest, page.rows, page.received) == (0, None, [], 1)

    def test_the_choice_sees_normal_times(self):
        seen = []
        page = draft(envelope(created_at="2024-01-01T01:00:00+01:00"))
        finish(page, lambda rows: seen.extend(row.envelope.createdAt for row in rows) or rows)
        assert seen == ["2024-01-01T00:00:00Z"]

    def test_equal_rows_have_an_equal_fingerprint_also_where_nothing_is_kept(self):
        kept = finish(draft(envelope("a"), envelope("b")))
        left_out = finish(draft(envelope("a"), envelope("b")), lambda rows: [])
        other = finish(draft(envelope("b"), envelope("a")))
        assert kept.fingerprint == left_out.fingerprint != other.fingerprint

    @pytest.mark.parametrize("number", [1, 2, 199, 200, 201, 450, 10_000])
    def test_the_fingerprint_of_a_page_of_any_size_has_its_first_and_its_last_row(self, number):
        ids = [str(position) for position in range(number)]

        def fingerprint(names: list[str]) -> int:
            return finish(draft(*map(envelope, names))).fingerprint

        assert fingerprint(ids) == fingerprint(ids)
        assert fingerprint(ids) != fingerprint(["other", *ids[1:]])
        assert fingerprint(ids) != fingerprint([*ids[:-1], "other"])
        assert fingerprint(ids) != fingerprint([*ids, "other"])

    def test_a_finished_draft_keeps_neither_rows_nor_memory(self):
        pending = draft(envelope("a"))
        page = finish(pending)
        assert (pending.rows, pending.answer.rows, pending.answer.reservation) == ([], [], None)
        assert page.reservation is not None

    def test_taking_the_records_leaves_a_page_without_records_and_memory(self):
        page = finish(draft(envelope("a")))
        assert json.loads(splice(page.take()))["id"] == "a"
        assert (page.rows, page.reservation, page.count) == ((), None, 1)

    def test_a_page_is_found_in_the_data_that_carries_it(self):
        page = finish(draft(envelope("a")))
        assert page_of({PAGE: page}) is page

    @pytest.mark.parametrize("data", [{}, {PAGE: {"native": "field"}}, {PAGE: None}], ids=["none", "a field", "null"])
    def test_a_record_with_a_field_of_that_name_carries_no_page(self, data):
        assert page_of(data) is None
        assert not isinstance(data.get(PAGE), Page)

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.components.selection import EventSelection, Selection, unreadable_time
from source_events.components.windows import Slice
from source_events.providers.cloud4wi.answers import EventDecoder
from source_events.records.lines import splice
from source_events.records.page import Page
from source_events.records.rows import Envelope, Identity, Row
from source_events.records.times import UnreadableTime
from source_events.runtime import Runtime, StreamRun
from unit_tests.parts import completed
from unit_tests.providers.cloud4wi import responses

CONFIG = completed({"organization_id": "o"})
DAY = Slice("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")


@pytest.fixture
def stream() -> StreamRun:
    return Runtime(1).stream("org_events")


def page_of(rows: list[Any], stream: StreamRun | None = None, **answer: Any) -> Page:
    """The page of an answer with these rows."""
    decoder = EventDecoder(CONFIG, (), "events", "scrollId?", "count?")
    body = json.dumps({"events": rows, **answer}).encode()
    selection = EventSelection(CONFIG, stream or Runtime(1).stream("org_events"))
    return selection.begin(DAY).page_of(decoder.decode(body), decoder)


class Held:
    """Memory that says whether it has been released."""

    released = False

    def release(self) -> None:
        self.released = True


class TestAnswers:
    def test_an_answer_becomes_one_page_with_all_its_rows(self):
        page = page_of([responses.event(str(position)) for position in range(3)])
        assert [row.envelope.id for row in page.rows] == ["0", "1", "2"]

    def test_a_page_knows_what_the_answer_said(self):
        page = page_of([responses.event("a")], scrollId="s", count=20)
        assert (page.count, page.received, page.token, page.announced) == (1, 1, "s", 20)

    def test_an_answer_without_rows_becomes_a_page_without_records(self):
        page = page_of([], scrollId="s", count=20)
        assert (page.count, page.received, page.token, page.announced) == (0, 0, "s", 20)

    @pytest.mark.parametrize(
        "row",
        [
            pytest.param(5, id="no object"),
            pytest.param({**responses.event("a"), "event": {"id": 5}}, id="an id that is a number"),
            pytest.param({**responses.event("a"), "event": {"type": "visit"}}, id="no id"),
            pytest.param({**responses.event("a"), "event": {"id": ""}}, id="an empty id"),
        ],
    )
    def test_a_row_that_is_no_event_fails_loudly(self, row):
        with pytest.raises(AirbyteTracedException, match=r"^Row 1 of an answer cannot be read") as caught:
            page_of([responses.event("a"), row])
        assert caught.value.failure_type is FailureType.system_error

    @pytest.mark.parametrize("when", [None, {}, {"createdAt": None}, {"createdAt": 5}], ids=repr)
    def test_an_event_without_a_time_fails_with_its_id(self, when):
        with pytest.raises(AirbyteTracedException, match="Record the-id ") as caught:
            page_of([{**responses.event("the-id"), "when": when}])
        assert caught.value.failure_type is FailureType.system_error


def filtered(
    times: list[str | None],
    *,
    first: str = "2024-01-01T00:00:00Z",
    last: str = "2024-01-01T23:59:59Z",
    end_date: str = "2024-12-31T23:59:59Z",
    event_types: list[str] | None = None,
    types: list[str | None] | None = None,
    undated: bool = True,
    stream: StreamRun | None = None,
) -> tuple[list[str], Page]:
    """The ids of the events that are kept (their positions), and the page."""
    rows = [
        Row(Raw(b'{"native":1}'), Envelope(str(position), "cloud4wi", kind, time))
        for position, (time, kind) in enumerate(zip(times, types or ["visit"] * len(times), strict=True))
    ]
    config = {**CONFIG, "end_date": end_date, "event_types": event_types or []}
    selection = EventSelection(config, stream or Runtime(1).stream("org_events"))
    page = selection.begin(Slice(first, last, undated=undated)).page_of_rows(rows)
    return [json.loads(line)["id"] for line in splice(page.rows).splitlines()], page


class TestWindow:
    @pytest.mark.parametrize(
        ("time", "wanted"),
        [
            ("2023-12-31T23:59:59Z", False),
            ("2023-12-31T23:59:59.999999Z", False),
            ("2024-01-01T00:00:00Z", True),
            ("2024-01-01T00:00:00.000Z", True),
            ("2024-01-01T00:00:00.000001Z", True),
            ("2024-01-01T23:59:59Z", True),
            ("2024-01-01T23:59:59.999999Z", True),
            ("2024-01-01T23:59:59.9999999Z", True),
            ("2024-01-02T00:00:00Z", False),
            ("2024-01-02T00:00:00.000Z", False),
            ("2024-01-01T01:00:00+02:00", False),
            ("2024-01-02T01:00:00+02:00", True),
        ],
    )
    def test_a_slice_has_its_first_and_its_last_second_entirely(self, time, wanted):
        ids, page = filtered([time])
        assert (ids == ["0"]) is wanted
        assert page.received == 1

    def test_neighbouring_slices_neither_lose_nor_repeat_an_event(self):
        seconds = ("2024-01-01T11:59:59", "2024-01-01T12:00:00")
        times = [f"{second}{fraction}Z" for second in seconds for fraction in ("", ".5", ".999")]
        before, _ = filtered(times, last="2024-01-01T11:59:59Z")
        after, _ = filtered(times, first="2024-01-01T12:00:00Z")
        assert before + after == ["0", "1", "2", "3", "4", "5"]

    @pytest.mark.parametrize(
        ("time", "wanted"),
        [
            ("2024-01-01T11:59:59.999999Z", True),
            ("2024-01-01T12:00:00Z", True),
            pytest.param("2024-01-01T12:00:00.000Z", True),
            pytest.param("2024-01-01T12:00:00.0000009Z", True),
            ("2024-01-01T12:00:00.000001Z", False),
            ("2024-01-01T12:00:00.5Z", False),
            ("2024-01-01T12:00:01Z", False),
        ],
    )
    def test_the_end_date_is_inclusive_and_exact(self, time, wanted):
        end = "2024-01-01T12:00:00Z"
        ids, _ = filtered([time], last=end, end_date=end)
        assert (ids == ["0"]) is wanted

    def test_a_slice_of_one_second_has_that_second(self):
        second = "2024-01-01T12:00:00Z"
        times = ["2024-01-01T11:59:59Z", second, "2024-01-01T12:00:00.3Z", "2024-01-01T12:00:01Z"]
        ids, _ = filtered(times, first=second, last=second)
        assert ids == ["1", "2"]

    @pytest.mark.parametrize("undated", [True, False])
    def test_an_event_without_a_time_belongs_to_the_slice_that_is_for_those(self, undated):
        ids, page = filtered([None, "2024-01-01T12:00:00Z"], undated=undated)
        assert ids == (["0", "1"] if undated else ["1"])
        assert page.latest == "2024-01-01T12:00:00Z"


class TestTypes:
    TYPES = ("visit", "login", "geo_visit", None, "VISIT")

    @pytest.mark.parametrize(
        ("wanted", "ids"),
        [
            pytest.param(["visit"], ["0"], id="one"),
            pytest.param(["visit", "geo_visit"], ["0", "2"], id="two"),
            pytest.param(["unheard_of"], [], id="one that does not occur"),
            pytest.param([], ["0", "1", "2", "3", "4"], id="none named"),
            pytest.param(None, ["0", "1", "2", "3", "4"], id="nothing configured"),
        ],
    )
    def test_only_the_named_types_are_kept(self, wanted, ids):
        kept, page = filtered(["2024-01-01T12:00:00Z"] * 5, event_types=wanted, types=list(self.TYPES))
        assert kept == ids
        assert page.received == 5


class TestLatest:
    def test_it_is_the_time_of_the_latest_kept_event(self):
        _, page = filtered(["2024-01-01T10:00:00Z", "2024-01-01T11:00:00.75Z", "2024-01-02T00:00:00Z"])
        assert page.latest == "2024-01-01T11:00:00.75Z"

    def test_a_page_of_which_nothing_is_wanted_has_none(self):
        ids, page = filtered(["2024-01-02T00:00:00Z"])
        assert (ids, page.count, page.received, page.latest) == ([], 0, 1, None)

    def test_events_without_a_time_are_kept_and_have_none(self):
        ids, page = filtered([None])
        assert (ids, page.count, page.latest) == (["0"], 1, None)

    def test_the_choice_sees_normal_times(self):
        _, page = filtered(["2024-01-01T01:00:00+01:00"], last="2024-01-01T00:00:00Z")
        assert page.latest == "2024-01-01T00:00:00Z"

    @pytest.mark.parametrize(
        ("time", "said"),
        [
            *(("yesterday", ""), ("", ""), ("2024-02-30T12:00:00", ""), ("2024-01-01T12:00:00Z+1", "")),
            ("2024-01-01T12:00:00", " It has no time zone, and none is given for it."),
        ],
        ids=["words", "empty", "no day", "two zones", "no zone"],
    )
    def test_a_time_that_cannot_be_read_fails_with_the_records_id(self, time, said):
        with pytest.raises(AirbyteTracedException) as caught:
            filtered(["2024-01-01T12:00:00Z", time])
        assert caught.value.failure_type is FailureType.system_error
        assert caught.value.message == f"Record 1 has a time that cannot be read: {time!r}.{said}"

    def test_no_more_than_a_hundred_characters_of_each_are_told(self):
        error = unreadable_time(UnreadableTime("x" * 101, "i" * 101))
        assert error.message == f"Record {'i' * 100} has a time that cannot be read: '{'x' * 100}'."

    def test_it_fails_also_where_the_record_is_of_no_wanted_type(self):
        with pytest.raises(AirbyteTracedException, match="Record 0 "):
            filtered(["yesterday"], event_types=["login"])


class TestFingerprint:
    def test_equal_rows_have_an_equal_one_also_where_nothing_is_kept(self):
        times = ["2024-01-01T10:00:00Z", "2024-01-01T11:00:00Z"]
        _, kept = filtered(times)
        _, left_out = filtered(times, first="2024-06-01T00:00:00Z")
        _, other = filtered([*times, times[0]])
        assert (kept.count, left_out.count) == (2, 0)
        assert kept.fingerprint == left_out.fingerprint != other.fingerprint


class TestCounts:
    def test_all_rows_are_counted_and_those_that_are_left_out_by_the_reason(self, stream):
        times = ["2024-01-01T12:00:00Z", "2024-01-01T12:00:00Z", "2024-01-02T00:00:00Z"]
        filtered(times, types=["visit", "login", "visit"], event_types=["visit"], stream=stream)
        counted = stream.counts.now
        assert (counted.received, counted.left_out) == (
            3,
            Counter({"outside the slice of time": 1, "of other types": 1}),
        )

    def test_rows_that_only_tell_something_are_counted_nowhere(self, stream):
        filtered(["2024-01-01T12:00:00Z"], stream=stream.uncounted())
        assert stream.counts.now.received == 0


class TestMemory:
    @staticmethod
    def selected(rows: list[Any]) -> Held:
        decoder, memory = EventDecoder(CONFIG, (), "events", "scrollId?", "count?"), Held()
        answer = decoder.decode(json.dumps({"events": rows}).encode())
        answer.memory = memory
        try:
            page = EventSelection(CONFIG, Runtime(1).stream("org_events")).begin(DAY).page_of(answer, decoder)
        finally:
            assert answer.memory is None or memory is answer.memory
        assert page.memory in (memory, None)
        return memory

    def test_it_goes_from_the_answer_to_the_page(self):
        assert self.selected([responses.event("a")]).released is False

    @pytest.mark.parametrize(
        "rows", [[], [responses.event("a", "2020-01-01T00:00:00Z")]], ids=["no rows", "no records"]
    )
    def test_a_page_without_records_has_none(self, rows):
        assert self.selected(rows).released is True

    @pytest.mark.parametrize(
        "row",
        [5, responses.event("a", "yesterday"), {**responses.event("a"), "when": None}],
        ids=["no row", "no time", "none"],
    )
    def test_a_row_that_cannot_be_read_releases_it(self, row):
        decoder, memory = EventDecoder(CONFIG, (), "events", "scrollId?", "count?"), Held()
        answer = decoder.decode(json.dumps({"events": [row]}).encode())
        answer.memory = memory
        with pytest.raises(AirbyteTracedException):
            EventSelection(CONFIG, Runtime(1).stream("org_events")).begin(DAY).page_of(answer, decoder)
        assert memory.released is True


def test_a_row_keeps_the_words_of_the_decoder_about_what_is_wrong():
    with pytest.raises(AirbyteTracedException) as caught:
        page_of([{**responses.event("a"), "customerId": 5}])
    assert "`$.customerId`" in str(caught.value.message)
    assert isinstance(caught.value.__cause__, msgspec.DecodeError)


def test_of_records_that_are_no_events_all_are_kept_and_have_no_time(stream):
    row = Row(Raw(b'{"name":"n"}'), Identity("cloud4wi", "o", id="i"))
    page = Selection(CONFIG, stream).begin(DAY).page_of_rows([row])
    assert (page.latest, page.received) == (None, 1)
    assert json.loads(splice(page.rows)) == {"name": "n", "provider": "cloud4wi", "organizationId": "o", "id": "i"}


def test_pages_of_such_records_are_told_apart_by_their_bytes(stream):
    def fingerprint(*rows: bytes) -> int:
        drafted = [Row(Raw(row), Identity("cloud4wi", "o")) for row in rows]
        return Selection(CONFIG, stream).begin(DAY).page_of_rows(drafted).fingerprint

    assert fingerprint(b'{"a":1}') == fingerprint(b'{"a":1}') != fingerprint(b'{"a":2}')

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.http.request_window_split_exception import RequestWindowSplitRequiredException
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.components.selection import EntityFilter, EventFilter, PageExtractor
from source_events.providers.cloud4wi.components import EventDecoder
from source_events.records.page import PAGE, Answer, Draft, Envelope, Identity, Page, Row, splice
from source_events.transport.connection import Connection, PageResponse
from unit_tests.exchange import Response
from unit_tests.providers.cloud4wi import responses

CONNECTION = Connection(1, None)
CONFIG = {"provider": {"organization_id": "o"}, "connection": CONNECTION}


def extract(answer: Response, page_limit: int | None = None) -> list[Any]:
    extractor = PageExtractor(EventDecoder(CONFIG), CONFIG, {}, page_limit)
    response = PageResponse()
    response.status_code = answer.status
    response._content = answer.body
    return list(extractor.extract_records(response))


def some_events(number: int) -> list[Any]:
    return [responses.event(str(position)) for position in range(number)]


class TestExtraction:
    def test_an_answer_becomes_one_record_with_all_its_rows(self):
        [record] = extract(responses.page(some_events(3)))
        assert [row.envelope.id for row in record[PAGE].rows] == ["0", "1", "2"]

    def test_an_answer_without_rows_becomes_no_record(self):
        assert extract(responses.empty()) == []

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
            extract(responses.page([responses.event("a"), row]))
        assert caught.value.failure_type is FailureType.system_error

    @pytest.mark.parametrize("when", [None, {}, {"createdAt": None}, {"createdAt": 5}], ids=repr)
    def test_an_event_without_a_time_fails_with_its_id(self, when):
        with pytest.raises(AirbyteTracedException, match="Record the-id ") as caught:
            extract(responses.page([{**responses.event("the-id"), "when": when}]))
        assert caught.value.failure_type is FailureType.system_error


class TestPageLimit:
    @pytest.mark.parametrize(
        ("rows", "announced"),
        [
            pytest.param(500, None, id="at the limit"),
            pytest.param(500, 500, id="at the limit and announced as complete"),
            pytest.param(501, None, id="above the limit"),
            pytest.param(500, 501, id="at the limit with more announced"),
            pytest.param(100, 101, id="capped at 100"),
            pytest.param(400, 1000, id="capped at 400"),
        ],
    )
    def test_what_may_be_cut_off_is_read_in_two_halves(self, rows, announced):
        with pytest.raises(RequestWindowSplitRequiredException):
            extract(responses.page(some_events(rows), count=announced), page_limit=500)

    @pytest.mark.parametrize(
        ("rows", "announced"),
        [
            pytest.param(499, None, id="one below the limit"),
            pytest.param(499, 500, id="one below the limit and one announced"),
            pytest.param(19, 20, id="the published example, which announces 20 and lists 19"),
            pytest.param(99, 200, id="below any cap that a server would have"),
            pytest.param(150, 200, id="no round number"),
            pytest.param(300, 300, id="a round number that is announced"),
            pytest.param(300, 20, id="less announced than listed"),
            pytest.param(300, None, id="a round number of which nothing is announced"),
        ],
    )
    def test_what_is_complete_is_used(self, rows, announced):
        [record] = extract(responses.page(some_events(rows), count=announced), page_limit=500)
        assert len(record[PAGE].rows) == rows

    def test_an_endpoint_with_pages_has_no_limit(self):
        assert len(extract(responses.page(some_events(500), count=1000))) == 1

    def test_an_empty_answer_is_not_split_whatever_it_announces(self):
        assert extract(responses.page([], count=100), page_limit=500) == []


def filtered(
    times: list[str | None],
    *,
    first: str = "2024-01-01T00:00:00Z",
    last: str = "2024-01-01T23:59:59Z",
    end_date: str = "2024-12-31T23:59:59Z",
    event_types: list[str] | None = None,
    types: list[str | None] | None = None,
) -> tuple[list[str], Page, str]:
    """The ids of the events that are kept (their positions), the page and its cursor."""
    rows = [
        Row(Raw(b'{"native":1}'), Envelope(str(position), "cloud4wi", kind, time))
        for position, (time, kind) in enumerate(zip(times, types or ["visit"] * len(times), strict=True))
    ]
    config = {**CONFIG, "start_date": "2023-06-01T00:00:00Z", "end_date": end_date, "event_types": event_types}
    record = {PAGE: Draft(Answer([row.raw for row in rows]), rows)}
    window = StreamSlice(partition={}, cursor_slice={"start_time": first, "end_time": last})
    [kept] = EventFilter({}, config).filter_records([record], {}, window)
    return [json.loads(line)["id"] for line in splice(kept[PAGE].rows).splitlines()], kept[PAGE], kept["createdAt"]


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
        ids, page, _ = filtered([time])
        assert (ids == ["0"]) is wanted
        assert page.received == 1

    def test_neighbouring_slices_neither_lose_nor_repeat_an_event(self):
        seconds = ("2024-01-01T11:59:59", "2024-01-01T12:00:00")
        times = [f"{second}{fraction}Z" for second in seconds for fraction in ("", ".5", ".999")]
        before, _, _ = filtered(times, last="2024-01-01T11:59:59Z")
        after, _, _ = filtered(times, first="2024-01-01T12:00:00Z")
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
        ids, _, _ = filtered([time], last=end, end_date=end)
        assert (ids == ["0"]) is wanted

    def test_a_slice_of_one_second_has_that_second(self):
        second = "2024-01-01T12:00:00Z"
        times = ["2024-01-01T11:59:59Z", second, "2024-01-01T12:00:00.3Z", "2024-01-01T12:00:01Z"]
        ids, _, _ = filtered(times, first=second, last=second)
        assert ids == ["1", "2"]

    def test_an_event_is_read_in_slices_or_not_at_all(self):
        with pytest.raises(ValueError, match="in slices"):
            next(iter(EventFilter({}, {"end_date": "2024-12-31T23:59:59Z"}).filter_records([], {})))

    def test_an_event_without_a_time_is_left_out_of_no_slice(self):
        ids, page, cursor = filtered([None])
        assert (ids, page.latest) == (["0"], None)
        assert cursor <= "2024-01-01T00:00:00Z"


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
        kept, page, _ = filtered(["2024-01-01T12:00:00Z"] * 5, event_types=wanted, types=list(self.TYPES))
        assert kept == ids
        assert page.received == 5


class TestCursor:
    def test_the_cursor_is_the_second_of_the_latest_kept_event(self):
        _, _, cursor = filtered(["2024-01-01T10:00:00Z", "2024-01-01T11:00:00.75Z", "2024-01-02T00:00:00Z"])
        assert cursor == "2024-01-01T11:00:00Z"

    def test_a_page_of_which_nothing_is_wanted_goes_on_without_moving_the_cursor(self):
        ids, page, cursor = filtered(["2024-01-02T00:00:00Z"])
        assert (ids, page.count, page.received) == ([], 0, 1)
        assert cursor <= "2024-01-01T00:00:00Z"

    @pytest.mark.parametrize("time", ["yesterday", "", "2024-01-01T12:00:00"], ids=["words", "empty", "no zone"])
    def test_a_time_that_cannot_be_read_fails_with_the_records_id(self, time):
        with pytest.raises(AirbyteTracedException) as caught:
            filtered(["2024-01-01T12:00:00Z", time])
        assert caught.value.failure_type is FailureType.system_error
        assert caught.value.message == f"Record 1 has a time that cannot be read: {time!r}."

    def test_it_fails_also_where_the_record_is_of_no_wanted_type(self):
        with pytest.raises(AirbyteTracedException, match="Record 0 "):
            filtered(["yesterday"], event_types=["login"])


def test_a_row_keeps_the_words_of_the_decoder_about_what_is_wrong():
    with pytest.raises(AirbyteTracedException) as caught:
        extract(responses.page([{**responses.event("a"), "customerId": 5}]))
    assert "`$.customerId`" in str(caught.value.message)
    assert isinstance(caught.value.__cause__, msgspec.DecodeError)


def test_of_records_that_are_no_events_all_are_kept_and_have_no_time():
    row = Row(Raw(b'{"name":"n"}'), Identity("cloud4wi", "o", id="i"))
    [record] = EntityFilter({}, CONFIG).filter_records([{PAGE: Draft(Answer([row.raw]), [row])}], {})
    assert list(record) == [PAGE]
    assert json.loads(splice(record[PAGE].rows)) == {
        "name": "n",
        "provider": "cloud4wi",
        "organizationId": "o",
        "id": "i",
    }

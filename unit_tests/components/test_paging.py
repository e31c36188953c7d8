from __future__ import annotations

import copy
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.paging import PageToken, TokenPagination, growth
from source_events.records.page import PAGE, Answer, Page
from source_events.transport.connection import PageResponse, Totals


class Paging:
    """Pages as they follow one another, up to the one that ends them."""

    def __init__(self) -> None:
        self.totals = Totals()
        connection = type("Connection", (), {"totals": self.totals})()
        self.strategy = TokenPagination({"connection": connection}, {})
        self.token: Any = self.strategy.initial_token
        self.slice = StreamSlice(partition={}, cursor_slice={})

    def after(
        self,
        rows: tuple[str, ...],
        token: str | None = None,
        announced: int | None = None,
        *,
        records: int | None = None,
    ) -> Any:
        """The token for the page after an answer with these rows."""
        record = None
        if rows:
            count = len(rows) if records is None else records
            page = Page((), count, None, frozenset(), hash(rows), len(rows), announced, token)
            record = Record({PAGE: page}, "org_events", StreamSlice(partition={}, cursor_slice={}))
        response = PageResponse()
        response.stream, response.answer = "org_events", Answer([], token, announced)
        self.token = self.strategy.next_page_token(response, len(rows), record, self.token, None, self.slice)
        return self.token

    @property
    def counted(self) -> tuple[int, int | None]:
        """The rows that came of slices that announced a total, and these totals."""
        totals = self.totals.of("org_events")
        return totals.answered, totals.announced


@pytest.fixture
def paging() -> Paging:
    return Paging()


def test_the_first_page_has_no_token(paging):
    assert paging.strategy.initial_token is None


def test_no_page_size_is_announced_because_short_pages_do_not_end_anything(paging):
    assert paging.strategy.get_page_size() is None


def test_the_token_of_the_newest_answer_leads_on(paging):
    assert paging.after(("a",), "t1") == "t1"
    assert paging.after(("b",), "t2") == "t2"


@pytest.mark.parametrize("token", [None, ""], ids=["missing", "empty"])
def test_an_answer_without_a_token_is_the_last(paging, token):
    paging.after(("a",), "t1")
    assert paging.after(("b",), token) is None


def test_an_answer_without_rows_is_the_last_also_with_a_token(paging):
    paging.after(("a",), "t1")
    assert paging.after((), "t2") is None


def test_an_empty_first_answer_is_the_last(paging):
    assert paging.after((), "t1") is None


def test_a_short_page_is_not_the_last(paging):
    paging.after(("a", "b", "c"), "t1")
    assert paging.after(("d",), "t1") == "t1"


def test_the_same_token_with_new_rows_goes_on(paging):
    for rows in (("a",), ("b",), ("c",)):
        assert paging.after(rows, "always the same") == "always the same"


@pytest.mark.parametrize("announced", [0, 1, 2], ids=["nothing", "less", "as many as came"])
def test_the_announced_total_ends_nothing(paging, announced):
    assert paging.after(("a", "b"), "t1", announced) == "t1"
    assert paging.after(("c",), "t1", announced) == "t1"


@pytest.mark.parametrize(
    ("pages", "received"),
    [
        pytest.param([("a",), ("a",)], 2, id="at once"),
        pytest.param([("a", "b"), ("c",), ("a", "b")], 5, id="after others"),
        pytest.param([("a",), ("b",), ("b",)], 3, id="the last one"),
    ],
)
@pytest.mark.parametrize("token", ["the same", None], ids=["with a token", "with none"])
def test_rows_that_repeat_are_an_error_and_no_endless_loop(paging, pages, received, token):
    for position, rows in enumerate(pages[:-1]):
        paging.after(rows, f"t{position}")
    with pytest.raises(AirbyteTracedException, match=f"repeats a page after {received} rows") as caught:
        paging.after(pages[-1], token)
    assert caught.value.failure_type is FailureType.transient_error


def test_the_same_rows_in_another_order_are_another_page(paging):
    paging.after(("a", "b"), "t1")
    assert paging.after(("b", "a"), "t2") == "t2"


def test_slices_do_not_share_what_they_have_seen(paging):
    assert paging.after(("a",), "t1") == "t1"
    paging.token = None
    assert paging.after(("a",), "t1") == "t1"


class TestTotals:
    def test_rows_and_the_first_announcement_are_added_at_the_end_of_a_slice(self, paging):
        paging.after(("a", "b"), "t1", 20)
        assert paging.counted == (0, None)
        paging.after(("c",), "t2", 18)
        paging.after((), "t3")
        assert paging.counted == (3, 20)

    def test_the_last_page_counts_also_if_it_has_rows(self, paging):
        paging.after(("a", "b"), "t1", 3)
        paging.after(("c",), None, 3)
        assert paging.counted == (3, 3)

    def test_slices_without_an_announcement_are_finished_without_one(self, paging):
        paging.after(("a",), None)
        assert paging.counted == (0, None)
        assert paging.totals.of("org_events").finished == 1

    def test_slices_add_up(self, paging):
        for rows in (("a",), ("b", "c")):
            paging.token = None
            paging.after(rows, None, 5)
        assert paging.counted == (3, 10)

    def test_rows_that_are_announced_and_do_not_come_at_all_are_counted(self, paging):
        paging.after((), None, 5)
        assert paging.counted == (0, 5)

    def test_a_slice_that_only_tells_the_contacts_does_not_count(self, paging):
        paging.slice = StreamSlice(partition={}, cursor_slice={}, extra_fields={"counts": False})
        paging.after(("a",), None, 5)
        assert (paging.counted, paging.totals.estimates()) == ((0, None), ())

    def test_the_first_answer_of_a_slice_tells_how_many_records_to_expect(self, paging):
        paging.after(("a", "b"), "t1", 20)
        assert paging.totals.estimates() == [("org_events", 20)]
        paging.after(("c",), "t2", 40)
        assert paging.totals.estimates() == ()

    def test_of_rows_that_become_more_records_or_fewer_it_expects_as_many_as_of_the_first_page(self, paging):
        paging.after(("a", "b"), "t1", 20, records=3)
        assert paging.totals.estimates() == [("org_events", 30)]

    def test_where_nothing_is_announced_nothing_is_expected(self, paging):
        paging.after(("a", "b"), "t1")
        assert paging.totals.estimates() == ()


class TestGrowth:
    @pytest.mark.parametrize(
        ("before", "total", "end", "rows", "pages", "expected"),
        [
            pytest.param(100, 100, 80, 40, 2, 0, id="the same"),
            pytest.param(100, 97, 80, 40, 2, -3, id="less"),
            pytest.param(100, 103, 80, 40, 2, 3, id="more"),
            pytest.param(81, 80, 80, 0, 2, -1, id="an empty page, because what was on it has moved"),
            pytest.param(None, 97, 40, 40, 1, 0, id="the first page"),
            pytest.param(100, None, 80, 40, 2, 0, id="none announced any more"),
            pytest.param(0, 0, 80, 40, 2, 0, id="zeros"),
            pytest.param(40, 13, 53, 13, 2, 0, id="the rows of a page"),
            pytest.param(13, 0, 53, 0, 2, 0, id="the rows of an empty page"),
            pytest.param(200, 160, 80, 40, 2, 0, id="the rows to come"),
            pytest.param(100, 60, 60, 20, 2, 0, id="a page less"),
        ],
    )
    def test_it_is_made_out_where_the_numbers_are_totals(self, before, total, end, rows, pages, expected):
        assert growth(before, total, end=end, rows=rows, pages=pages) == expected


def test_a_token_survives_the_copies_that_are_made_of_parameters():
    token = PageToken("t", frozenset({1}), 5, 20)
    copied = copy.deepcopy({"scrollId": token})["scrollId"]
    assert copied is token
    assert (copied, copied.fingerprints, copied.received, copied.announced) == ("t", {1}, 5, 20)

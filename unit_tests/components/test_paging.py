from __future__ import annotations

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.paging import (
    CutOff,
    Moved,
    NumberPaging,
    OffsetPaging,
    PageParameters,
    Pages,
    Paging,
    SinglePage,
    TokenPaging,
)
from source_events.records.page import Page

TOKENS = {"t": "t1"}


def after(
    pages: Pages, rows: tuple[str, ...], token: str | None = None, announced: int | None = None
) -> PageParameters | None:
    """What is asked for behind an answer with these rows."""
    return pages.next(Page((), None, len(rows), announced, token, hash(rows)))


@pytest.fixture
def pages() -> Pages:
    return TokenPaging("t").begin()


class TestTokens:
    def test_the_first_page_has_no_token(self, pages):
        assert pages.first == {}

    def test_the_token_of_the_newest_answer_leads_on(self, pages):
        assert after(pages, ("a",), "t1") == {"t": "t1"}
        assert after(pages, ("b",), "t2") == {"t": "t2"}

    @pytest.mark.parametrize("token", [None, ""], ids=["missing", "empty"])
    def test_an_answer_without_a_token_is_the_last(self, pages, token):
        after(pages, ("a",), "t1")
        assert after(pages, ("b",), token) is None

    def test_an_answer_without_rows_is_the_last_also_with_a_token(self, pages):
        after(pages, ("a",), "t1")
        assert after(pages, (), "t2") is None

    def test_an_empty_first_answer_is_the_last(self, pages):
        assert after(pages, (), "t1") is None

    def test_a_short_page_is_not_the_last(self, pages):
        after(pages, ("a", "b", "c"), "t1")
        assert after(pages, ("d",), "t1") == TOKENS

    def test_a_full_first_page_without_the_expected_token_is_an_error_and_a_later_one_the_last(self):
        with pytest.raises(AirbyteTracedException, match=r"^The first answer has 2 rows and no `t`") as caught:
            after(TokenPaging("t", expected_behind=2).begin(), ("a", "b"))
        assert caught.value.failure_type is FailureType.system_error
        assert after(TokenPaging("t", expected_behind=2).begin(), ("a",)) is None
        pages = TokenPaging("t", expected_behind=2).begin()
        assert after(pages, ("a", "b"), "t1") == TOKENS
        assert after(pages, ("c", "d")) is None

    def test_the_same_token_with_new_rows_goes_on(self, pages):
        for rows in (("a",), ("b",), ("c",)):
            assert after(pages, rows, "always the same") == {"t": "always the same"}


class TestEnd:
    """Which page is the last one, of an endpoint whose answers announce how many rows there are."""

    @pytest.mark.parametrize("announced", [0, 1, 2], ids=["nothing", "less", "as many as came"])
    def test_the_announced_total_alone_ends_nothing(self, pages, announced):
        assert after(pages, ("a", "b"), "t1", announced) == TOKENS
        assert after(pages, ("c", "d"), "t1", announced) == TOKENS

    def test_a_page_that_completes_what_is_announced_and_is_not_full_is_the_last(self, pages):
        assert after(pages, ("a", "b"), "t1", 3) == TOKENS
        assert after(pages, ("c",), "t2", 3) is None

    @pytest.mark.parametrize("announced", [0, 1, 2], ids=["nothing", "the rows of the page", "less"])
    def test_a_number_that_is_less_than_what_came_is_no_total(self, pages, announced):
        assert after(pages, ("a", "b"), "t1", 2) == TOKENS
        assert after(pages, ("c",), "t1", announced) == TOKENS

    def test_so_it_is_where_the_fullest_page_was_another_slices(self):
        paging = TokenPaging("t")
        after(paging.begin(), ("a", "b"), "t1", 4)
        assert after(paging.begin(), ("c",), "t1", 1) is None

    def test_a_page_that_is_not_full_is_not_the_last_while_more_is_announced(self, pages):
        assert after(pages, ("a", "b"), "t1", 4) == TOKENS
        assert after(pages, ("c",), "t1", 4) == TOKENS
        assert after(pages, ("d",), "t1", 4) is None

    def test_a_page_as_full_as_the_fullest_is_not_the_last_whatever_is_announced(self, pages):
        assert after(pages, ("a", "b"), "t1", 4) == TOKENS
        assert after(pages, ("c", "d"), "t1", 4) == TOKENS

    def test_endpoints_do_not_share_their_fullest_page(self):
        after(TokenPaging("t").begin(), ("a", "b"), "t1", 4)
        assert after(TokenPaging("t").begin(), ("c",), "t1", 1) == TOKENS

    def test_a_documented_total_ends_with_the_page_that_completes_it(self):
        pages = OffsetPaging(total=True).begin()
        assert after(pages, ("a", "b"), announced=4) == {"offset": 2}
        assert after(pages, ("c", "d"), announced=4) is None

    def test_a_documented_total_that_is_more_than_what_comes_ends_with_the_empty_page(self):
        pages = OffsetPaging(total=True).begin()
        assert after(pages, ("a", "b"), announced=20) == {"offset": 2}
        assert after(pages, (), announced=20) is None

    def test_where_it_is_not_announced_it_ends_with_the_empty_page(self):
        pages = OffsetPaging(total=True).begin()
        assert after(pages, ("a", "b")) == {"offset": 2}
        assert after(pages, ("c",)) == {"offset": 3}
        assert after(pages, ()) is None


class TestRepeats:
    @pytest.mark.parametrize(
        ("earlier", "received"),
        [
            pytest.param([("a",), ("a",)], 2, id="at once"),
            pytest.param([("a", "b"), ("c",), ("a", "b")], 5, id="after others"),
            pytest.param([("a",), ("b",), ("b",)], 3, id="the last one"),
        ],
    )
    @pytest.mark.parametrize("token", ["the same", None], ids=["with a token", "with none"])
    def test_rows_that_repeat_are_an_error_and_no_endless_loop(self, pages, earlier, received, token):
        for position, rows in enumerate(earlier[:-1]):
            after(pages, rows, f"t{position}")
        with pytest.raises(AirbyteTracedException, match=f"repeats a page after {received} rows") as caught:
            after(pages, earlier[-1], token)
        assert caught.value.failure_type is FailureType.transient_error

    def test_the_same_rows_in_another_order_are_another_page(self, pages):
        after(pages, ("a", "b"), "t1")
        assert after(pages, ("b", "a"), "t2") == {"t": "t2"}

    def test_slices_do_not_share_what_they_have_seen(self):
        paging = TokenPaging("t")
        assert after(paging.begin(), ("a",), "t1") == TOKENS
        assert after(paging.begin(), ("a",), "t1") == TOKENS


class TestCounts:
    def test_the_first_announcement_is_kept_and_the_rows_are_added(self, pages):
        after(pages, ("a", "b"), "t1", 20)
        after(pages, ("c",), "t2", 18)
        after(pages, (), "t3", 17)
        assert (pages.received, pages.announced, pages.total, pages.number) == (3, 20, 17, 2)

    def test_an_answer_that_announces_rows_and_has_none_is_counted(self, pages):
        assert after(pages, (), None, 5) is None
        assert (pages.received, pages.announced) == (0, 5)


class TestGrowth:
    @pytest.mark.parametrize(
        ("before", "total", "end", "rows", "number", "expected"),
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
            pytest.param(41, 40, 53, 13, 2, 0, id="fewer than have come"),
        ],
    )
    def test_it_is_made_out_where_the_numbers_are_totals(self, pages, before, total, end, rows, number, expected):
        """`end`: the rows up to the end of the newest page, which has `rows` and is the page of this number."""
        pages.total, pages.received = before, end - rows
        pages.number = number - 1 if rows else number
        assert pages.growth(Page((), received=rows, announced=total)) == expected


class TestOffsets:
    def test_it_goes_on_behind_the_rows_that_came_until_none_come(self):
        pages = OffsetPaging().begin()
        assert pages.first == {}
        assert after(pages, ("a", "b")) == {"offset": 2}
        assert after(pages, ("c",)) == {"offset": 3}
        assert after(pages, ()) is None

    @pytest.mark.parametrize("grows_in_front", [False, True])
    def test_a_total_that_shrinks_begins_the_slice_anew(self, grows_in_front):
        pages = OffsetPaging(grows_in_front=grows_in_front).begin()
        after(pages, ("a", "b"), announced=6)
        with pytest.raises(Moved):
            after(pages, ("d", "e"), announced=5)

    def test_a_total_that_grows_does_so_only_where_new_rows_come_in_front(self):
        pages = OffsetPaging().begin()
        after(pages, ("a", "b"), announced=6)
        assert after(pages, ("c", "d"), announced=7) == {"offset": 4}
        pages = OffsetPaging(grows_in_front=True).begin()
        after(pages, ("a", "b"), announced=6)
        with pytest.raises(Moved):
            after(pages, ("b", "c"), announced=7)

    def test_a_total_that_is_never_the_same_ends_being_believed(self):
        pages = OffsetPaging().begin(3)
        after(pages, ("a", "b"), announced=6)
        assert after(pages, ("d", "e"), announced=5) == {"offset": 4}


class TestNumbers:
    @pytest.mark.parametrize("first", [0, 1])
    def test_one_number_follows_the_other_until_a_page_is_empty(self, first):
        pages = NumberPaging("p", first).begin()
        assert pages.first == {"p": first}
        assert after(pages, ("a", "b")) == {"p": first + 1}
        assert after(pages, ("c",)) == {"p": first + 2}
        assert after(pages, ()) is None


class TestSinglePage:
    @staticmethod
    def following(rows: int, announced: int | None, limit: int | None = 500) -> PageParameters | None:
        paging: Paging = SinglePage(limit)
        return paging.begin().next(Page((), received=rows, announced=announced))

    @pytest.mark.parametrize(
        ("rows", "announced"),
        [
            pytest.param(500, None, id="at the limit"),
            pytest.param(500, 500, id="at the limit and announced as complete"),
            pytest.param(501, None, id="above the limit"),
            pytest.param(500, 501, id="at the limit with more announced"),
            pytest.param(100, 101, id="capped at 100"),
            pytest.param(400, 1000, id="capped at 400"),
            pytest.param(300, None, id="a round number of which nothing is announced"),
        ],
    )
    def test_what_may_be_cut_off_must_be_divided(self, rows, announced):
        with pytest.raises(CutOff, match=f"^{rows} rows and no next page$"):
            self.following(rows, announced)

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
            pytest.param(99, None, id="below any cap, and nothing is announced"),
            pytest.param(150, None, id="no round number, and nothing is announced"),
            pytest.param(0, 100, id="an empty answer, whatever it announces"),
        ],
    )
    def test_what_is_complete_is_used(self, rows, announced):
        assert self.following(rows, announced) is None

    def test_an_endpoint_without_a_limit_is_never_cut_off(self):
        assert self.following(500, 1000, limit=None) is None

    def test_what_may_be_cut_off_is_not_taken_for_complete_after_a_fuller_page(self):
        paging = SinglePage(500)
        paging.begin().next(Page((), received=499))
        for rows in (500, 501):
            with pytest.raises(CutOff):
                paging.begin().next(Page((), received=rows, announced=rows))

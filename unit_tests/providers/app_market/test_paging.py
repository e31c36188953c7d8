from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from unit_tests.providers.app_market.reading import Reading, event


class TestPaging:
    def test_it_goes_on_behind_the_rows_that_came_until_none_come(self) -> None:
        reading = Reading().pages([event("a"), event("b")], [event("c")], [])
        assert reading.offsets == [0, 2, 3]
        assert reading.ids == ["a", "b", "c"]

    def test_a_page_of_which_nothing_is_wanted_does_not_end_it(self) -> None:
        reading = Reading().pages([event("a", created_on="2020-01-01T00:00:00")], [event("b")], [])
        assert reading.ids == ["b"]

    def test_the_first_page_again_is_the_end_where_it_is_not_full(self) -> None:
        rows = [event(), event("b")]
        assert len(Reading().pages(rows, rows).ids) == 2

    def test_a_full_page_again_is_an_error(self) -> None:
        rows = [event(number) for number in range(100)]
        with pytest.raises(AirbyteTracedException, match="ignores `offset`") as caught:
            Reading().pages(rows, rows)
        assert caught.value.failure_type.value == "system_error"

    def test_twins_without_an_id_may_fill_several_pages_where_a_total_is_announced(self) -> None:
        page = {"total": 200, "events": [event()] * 100}
        reading = Reading().pages(page, page, {"total": 200, "events": []})
        assert len(set(reading.ids)) == 200
        assert reading.offsets == [0, 100, 200]

    @pytest.mark.parametrize(
        "rows", [[event(), event("b")], [event("a"), event("a")], [event()]], ids=["others", "with an id", "one row"]
    )
    def test_a_page_again_of_which_more_is_announced_is_an_error(self, rows: list[Any]) -> None:
        page = {"total": 20, "events": rows}
        with pytest.raises(AirbyteTracedException, match=f"fewer than {len(rows)} events"):
            Reading().pages(page, page)

    def test_any_other_page_again_is_an_error(self) -> None:
        with pytest.raises(AirbyteTracedException, match="after 2 rows"):
            Reading().pages([event("a")], [event("b")], [event("b")])

    def test_what_was_announced_and_what_came_is_counted(self) -> None:
        reading = Reading().pages({"total": 5, "events": [event("a")]}, {"total": 6, "events": []})
        counted = reading.stream.counts.now
        assert (counted.announced, counted.answered, counted.expected) == (5, 1, 5)

    def test_that_an_offset_is_ignored_is_said_once(self, log: Any) -> None:
        reading = Reading()
        for _ in range(2):
            reading.pages([event("a")], [event("a")])
        assert log.text == (
            "The API ignores `offset`. Answers with fewer rows than were asked for are taken as complete."
        )

    def test_neither_a_short_page_nor_a_total_ends_it(self) -> None:
        full = {"total": 101, "events": [event(number) for number in range(100)]}
        reading = Reading().pages(full, {"total": 101, "events": [event("last")]}, {"total": 101, "events": []})
        assert reading.offsets == [0, 100, 101]

    @pytest.mark.parametrize("total", [4, 6], ids=["less", "more"])
    def test_a_total_that_changes_begins_the_slice_anew(self, total: int) -> None:
        pages = [{"total": 5, "events": [event("a"), event("b")]}, {"total": total, "events": [event("c"), event("d")]}]
        anew = [
            {"total": total, "events": [event("b"), event("c")]},
            {"total": total, "events": [event("d"), event("e")]},
            {"total": total, "events": []},
        ]
        reading = Reading().pages(*pages, *anew)
        assert reading.offsets == [0, 2, 0, 2, 4]
        assert reading.ids == ["a", "b", "b", "c", "d", "e"]

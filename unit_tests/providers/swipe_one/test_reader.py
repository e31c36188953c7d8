"""How a contact's pages are read, against pages made up here."""

from __future__ import annotations

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.selection import OTHER_TYPES, OUTSIDE
from source_events.providers.swipe_one.reader import ROWS_AT_ONCE
from unit_tests.parts import Endpoint
from unit_tests.providers.swipe_one.reading import Json, Pages, event, events, numbers, read


def test_the_range_is_inclusive_and_types_are_chosen_here() -> None:
    times = ["2024-12-31T23:59:59.001Z", "2024-12-31T23:59:59Z", "2024-05-05T05:05:05.999Z", "2024-05-05T05:05:05Z"]
    events = [event(number, time) for number, time in enumerate([*times, "2024-05-05T05:05:04.999Z"])]
    assert numbers(read(Pages(events), start="2024-05-05T05:05:05Z")) == [1, 2, 3]
    events[2]["type"] = "link_clicked"
    assert numbers(read(Pages(events), event_types=["link_clicked"])) == [2]


def test_pages_are_read_to_an_empty_one_where_nothing_true_is_announced() -> None:
    for count in (lambda events: 0, lambda events: None, lambda events: 10**6, lambda events: len(events) - 1):
        pages = Pages([event(number) for number in range(7)], length=3)
        pages.count = count
        assert numbers(read(pages)) == list(range(7))
        assert pages.numbers == [1, 2, 3, 4]


def test_paging_stops_at_the_first_page_that_is_older_than_the_start() -> None:
    pages = Pages([event(number, f"2024-07-{20 - number:02d}T00:00:00Z") for number in range(10)])
    assert numbers(read(pages, start="2024-07-17T00:00:00Z")) == [0, 1, 2, 3]
    assert pages.numbers == [1, 2, 3]


def test_what_is_older_or_of_another_type_is_counted_as_left_out() -> None:
    pages = Pages([event(number, f"2024-07-{20 - number:02d}T00:00:00Z") for number in range(7)], length=7)
    pages.events[0]["type"] = "link_clicked"
    assert numbers(read(pages, start="2024-07-17T00:00:00Z", event_types=["email_opened"])) == [1, 2, 3]
    assert pages.counts is not None
    assert (pages.counts.now.received, pages.counts.now.left_out) == (7, {OUTSIDE: 3, OTHER_TYPES: 1})


def test_where_a_few_are_enough_it_asks_for_no_more() -> None:
    pages = Pages([event(number, f"2024-07-{20 - number:02d}T00:00:00Z") for number in range(10)])
    pages.most_pages = 2
    assert numbers(read(pages)) == [0, 1, 2, 3]
    assert pages.numbers == [1, 2]


class Deaf(Pages):
    """Knows no page beyond `last`: asked for one, it answers that."""

    last = 1

    def page(self, number: int) -> Json:
        return super().page(min(number, self.last))


def test_a_server_that_takes_no_notice_of_the_page_is_an_error_and_no_endless_loop() -> None:
    with pytest.raises(AirbyteTracedException, match="repeats a page"):
        read(Deaf([event(number, f"2024-07-0{9 - number}T00:00:00Z") for number in range(4)]))


def test_a_server_that_repeats_the_last_page_for_ever_is_read_to_the_announced_total() -> None:
    pages = Deaf([event(number) for number in range(4)])
    pages.last = 2
    assert numbers(read(pages)) == [0, 1, 2, 3]


def test_an_event_of_the_future_is_left_out_and_does_not_hide_others() -> None:
    events = [event(1, "2099-01-01T00:00:00Z"), event(2), event(3, "2024-01-01T00:00:00Z")]
    assert numbers(read(Pages(events), start="2024-06-01T00:00:00Z")) == [2]


def test_a_contact_that_has_disappeared_has_no_events() -> None:
    assert read(Endpoint(events(), [None])) == []


def test_one_that_disappears_while_it_is_read_keeps_those_that_came() -> None:
    page = {"data": {"events": [event(1), event(2)], "count": 4}}
    assert numbers(read(Endpoint(events(), [page, None]))) == [1, 2]


def test_a_page_that_completes_what_is_announced_and_is_not_full_is_the_last() -> None:
    pages = Pages([event(number) for number in range(7)], length=3)
    assert numbers(read(pages)) == list(range(7))
    assert pages.numbers == [1, 2, 3]


@pytest.mark.parametrize("number", [ROWS_AT_ONCE, ROWS_AT_ONCE + 1, 3 * ROWS_AT_ONCE])
def test_a_contact_with_many_events_is_handed_over_in_pieces(number: int) -> None:
    assert numbers(read(Pages([event(each) for each in range(number)], length=100))) == list(range(number))


def test_a_request_that_fails_leaves_no_memory() -> None:
    with pytest.raises(RuntimeError):
        read(Endpoint(events(), [{"data": {"events": [event(1)], "count": 9}}, RuntimeError("the API is down")]))

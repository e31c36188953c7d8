from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_events.providers.swipe_one.twins import overlap
from unit_tests.providers.swipe_one.reading import Json, Pages, event, ids, numbers, read


@pytest.mark.parametrize("length", [1, 2, 3, 7, 100])
def test_twins_are_kept_apart_with_ids_that_do_not_depend_on_page_borders(length: int) -> None:
    events = [event(number) for number in (1, 1, 2, 3, 3, 3, 1)]
    assert ids(read(Pages(events, length))) == ids(read(Pages(events)))


def test_a_new_twin_leaves_the_ids_of_the_others() -> None:
    assert ids(read(Pages([event(1)] * 2))) < ids(read(Pages([event(1)] * 3)))


def insert_once(events: list[Json], request: int) -> None:
    if request == 2:
        events.insert(0, event(100))


def insert_always(events: list[Json], request: int) -> None:
    if request > 1:
        events.insert(0, event(100 + request))


@pytest.mark.parametrize("count", [len, lambda events: 0, lambda events: None], ids=["counted", "zero", "no count"])
@pytest.mark.parametrize("change", [insert_once, insert_always])
def test_events_that_arrive_while_paging_make_no_false_twins(
    change: Callable[[list[Json], int], None], count: Callable[[list[Json]], int | None]
) -> None:
    stable = [event(number) for number in range(9)]
    pages = Pages(list(stable), 3, change)
    pages.count = count
    found = read(pages)
    assert ids(found) >= ids(read(Pages(stable)))
    assert len(set(numbers(found))) == len(found)
    assert pages.numbers.count(1) == 2


@given(
    stable=st.lists(st.integers(0, 2), max_size=14),
    arriving=st.lists(st.sampled_from([None, 0, 1, 2, 3]), max_size=12),
    length=st.integers(2, 5),
    lie=st.integers(0, 1),
)
@settings(max_examples=300, deadline=None)
def test_whenever_events_arrive_those_that_were_there_come_and_none_too_often(
    stable: list[int], arriving: list[int | None], length: int, lie: int
) -> None:
    def arrive(events: list[Json], request: int) -> None:
        new = arriving[request - 2] if 1 < request < len(arriving) + 2 else None
        if new is not None:
            events.insert(0, event(new))

    pages = Pages([event(number) for number in stable], length, arrive)
    pages.count = lambda events: len(events) + lie
    found = Counter(numbers(read(pages)))
    assert Counter(stable) <= found <= Counter(numbers(pages.events))


def test_a_contact_that_moved_is_read_again_and_complete() -> None:
    def remove_once(events: list[Json], request: int) -> None:
        if request == 2:
            del events[0]

    pages = Pages([event(number) for number in range(6)], 2, remove_once)
    assert numbers(read(pages)) == [1, 2, 3, 4, 5]
    # Five rows of the first reading, which has missed one, and five of the second.
    assert pages.counts
    assert pages.counts.now.received == 10


@pytest.mark.parametrize("count", [len, lambda events: 0], ids=["counted", "zero"])
def test_twins_at_a_page_border_stay_twins(count: Callable[[list[Json]], int | None]) -> None:
    pages = Pages([event(number) for number in (1, 2, 2, 3)], 2)
    pages.count = count
    assert numbers(read(pages)) == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("before", "page", "most", "found"),
    [
        ([1, 2, 3], [3, 4], 1, 1),
        ([1, 2, 3], [2, 3, 4], 2, 2),
        ([1, 2, 3], [3, 4], 2, 1),
        ([1, 2, 3], [3, 4], 0, 0),
        ([1, 2, 3, 4], [2, 3], 3, 2),
        ([1, 2, 3], [4, 5], 2, 0),
    ],
)
def test_an_overlap_is_what_new_events_can_have_pushed_on(
    before: list[int], page: list[int], most: int, found: int
) -> None:
    assert overlap(before, page, most) == found

from __future__ import annotations

import pytest
from msgspec import Raw

from source_events.records.rows import Identity, Row
from source_events.transport.memory import (
    MEMORY_FOR_ANSWERS,
    MEMORY_PER_BYTE,
    SIZE_BEFORE_ANY_ANSWER,
    Closed,
    Memory,
)
from unit_tests.background import Background


@pytest.fixture
def memory() -> Memory:
    """For answers of a hundred bytes."""
    return Memory(100 * MEMORY_PER_BYTE)


def test_answers_within_the_bound_do_not_wait(memory):
    kept = [memory.reserve(50), memory.reserve(50)]
    assert [memory.used, len(kept)] == [100 * MEMORY_PER_BYTE, 2]


def test_an_answer_beyond_the_bound_waits_until_an_earlier_one_is_released(memory):
    first = memory.reserve(60)
    second = Background(lambda: memory.reserve(41))
    assert second.is_waiting()
    first.release()
    assert second.ends()
    assert memory.used == 41 * MEMORY_PER_BYTE


def test_an_answer_larger_than_the_bound_goes_alone(memory):
    huge = memory.reserve(1000)
    second = Background(lambda: memory.reserve(1))
    assert second.is_waiting()
    huge.release()
    assert second.ends()


def test_the_real_size_takes_the_place_of_the_announced_one(memory):
    first = memory.reserve(1)
    first.resize(60)
    second = Background(lambda: memory.reserve(60))
    assert second.is_waiting()
    first.resize(40)
    assert second.ends()
    assert memory.used == 100 * MEMORY_PER_BYTE


def test_a_resized_reservation_releases_what_it_has_at_the_end(memory):
    first = memory.reserve(100)
    first.resize(30)
    assert memory.used == 30 * MEMORY_PER_BYTE
    first.release()
    assert memory.used == 0


def test_to_release_twice_is_as_good_as_once(memory):
    first, second = memory.reserve(10), memory.reserve(20)
    first.release()
    first.release()
    assert memory.used == 20 * MEMORY_PER_BYTE
    second.release()


def test_what_an_owner_forgets_is_released_all_the_same(memory):
    memory.reserve(10)
    assert memory.used == 0


def test_rows_take_what_their_bytes_do(memory):
    rows = [Row(Raw(b'{"a":1}'), Identity("p", "o")), Row(Raw(b"{}"), Identity("p", "o"))]
    reservation = memory.reserve_for(rows)
    assert memory.used == 9 * MEMORY_PER_BYTE
    reservation.release()


def test_closing_ends_all_waiting(memory):
    held = memory.reserve(100)
    waiting = [Background(lambda: memory.reserve(1)) for _ in range(3)]
    assert all(each.is_waiting() for each in waiting)
    memory.close()
    assert all(each.ends() for each in waiting)
    assert {type(each.error) for each in waiting} == {Closed}
    held.release()
    assert memory.used == 0


def test_nothing_is_reserved_after_closing(memory):
    memory.close()
    with pytest.raises(Closed, match="The read has been abandoned"):
        memory.reserve(1)
    assert memory.used == 0


def test_what_was_reserved_before_closing_can_be_resized_and_released(memory):
    held = memory.reserve(50)
    memory.close()
    held.resize(60)
    held.release()
    assert memory.used == 0


def test_the_largest_of_the_recent_answers_is_expected(memory):
    for size in (5, 3):
        memory.note(size)
    assert memory.expected == SIZE_BEFORE_ANY_ANSWER
    for _ in range(18):
        memory.note(2)
    assert memory.expected == 5
    memory.note(2)
    assert memory.expected == 3


def test_the_bound_is_48_mib():
    assert MEMORY_FOR_ANSWERS == 48 * 2**20
    memory = Memory()
    held = memory.reserve(16 * 2**20)
    second = Background(lambda: memory.reserve(1))
    assert second.is_waiting()
    held.release()
    assert second.ends()

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from source_events.records.page import Answer, Page, fingerprint, joined, released_if_it_fails
from source_events.records.rows import Envelope, Identity, Row


def event(event_id: str = "e", created_at: str | None = "2024-01-01T00:00:00Z") -> Row[Envelope]:
    return Row(Raw(b'{"native":1}'), Envelope(event_id, "cloud4wi", "visit", created_at))


class Held:
    """Memory that counts how often it is released."""

    def __init__(self) -> None:
        self.released = 0

    def release(self) -> None:
        self.released += 1


def page(*times: str | None, **fields: Any) -> Page:
    rows = [event(str(number), time) for number, time in enumerate(times)]
    return Page(rows, max((time for time in times if time), default=None), len(rows), **fields)


class TestRelease:
    @pytest.mark.parametrize("owner", [Answer([]), page("2024-01-01T00:00:00Z")], ids=["answer", "page"])
    def test_memory_is_released_once(self, owner):
        memory = owner.memory = Held()
        owner.release()
        owner.release()
        assert (memory.released, owner.memory) == (1, None)

    def test_the_records_go_and_their_number_stays(self):
        released = page("2024-01-01T00:00:00Z")
        released.release()
        assert (released.rows, released.count, released.received) == ((), 1, 1)

    def test_a_page_without_memory_keeps_its_records(self):
        held = page("2024-01-01T00:00:00Z", memory=Held())
        memory, rows = held.memory, held.rows
        assert held.without_memory() is held
        assert (memory.released, held.memory, held.rows, held.count) == (1, None, rows, 1)

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit])
    def test_what_fails_before_it_is_handed_over_is_released(self, error):
        failing = page("2024-01-01T00:00:00Z", memory=Held())
        memory = failing.memory
        with pytest.raises(error), released_if_it_fails(failing):
            raise error
        assert (memory.released, failing.memory) == (1, None)

    def test_what_does_not_fail_is_not(self):
        memory = Held()
        with released_if_it_fails(page(memory=memory)):
            pass
        assert memory.released == 0


class TestKeeping:
    TIMES = ("2024-01-01T00:00:01Z", "2024-01-01T00:00:02Z", "2024-01-01T00:00:02.5Z", "2024-01-01T00:00:03Z")

    def test_only_what_is_before_a_time_is_kept(self):
        kept = page(*self.TIMES, memory=Held())
        kept.keep_before("2024-01-01T00:00:02Z")
        assert ([row.envelope.id for row in kept.rows], kept.count, kept.latest) == (["0"], 1, self.TIMES[0])
        assert (kept.received, kept.memory.released) == (4, 0)

    def test_a_fraction_of_the_second_is_not_before_it(self):
        """As texts, `02.5Z` is before `02Z`."""
        kept = page(*self.TIMES)
        kept.keep_before("2024-01-01T00:00:02Z")
        assert [row.envelope.createdAt for row in kept.rows] == ["2024-01-01T00:00:01Z"]

    def test_what_has_no_time_stays_where_it_came(self):
        kept = page(None, *self.TIMES)
        kept.keep_before("2024-01-01T00:00:02Z")
        assert [row.envelope.createdAt for row in kept.rows] == [None, self.TIMES[0]]

    def test_a_page_that_nobody_wants_has_neither_records_nor_memory(self):
        memory = Held()
        dropped = page(*self.TIMES, memory=memory)
        dropped.drop()
        assert (len(dropped.rows), dropped.count, dropped.latest, dropped.received) == (0, 0, None, 4)
        assert memory.released == 1


class TestJoined:
    def test_several_pages_become_one_without_memory(self):
        pages = [page("2024-01-01T00:00:02Z"), page(None), page("2024-01-01T00:00:01Z", "2024-01-01T00:00:00Z")]
        one = joined(pages)
        assert (one.count, one.received, one.latest, one.memory) == (4, 4, "2024-01-01T00:00:02Z", None)

    def test_where_nothing_is_dated_there_is_no_latest_time(self):
        assert joined([page(None)]).latest is None


class TestFingerprint:
    def test_equal_rows_have_an_equal_one_in_the_same_order_only(self):
        one, other = [event("a"), event("b")], [event("b"), event("a")]
        assert fingerprint(one) == fingerprint(list(one)) != fingerprint(other)

    @pytest.mark.parametrize("number", [1, 2, 199, 200, 201, 450, 10_000])
    def test_that_of_a_page_of_any_size_has_its_first_and_its_last_row(self, number):
        ids = [str(position) for position in range(number)]

        def of(names: list[str]) -> int:
            return fingerprint([event(name) for name in names])

        assert of(ids) == of(ids)
        assert of(ids) != of(["other", *ids[1:]])
        assert of(ids) != of([*ids[:-1], "other"])
        assert of(ids) != of([*ids, "other"])

    def test_rows_that_are_no_events_are_told_apart_by_their_bytes(self):
        def of(*rows: bytes) -> int:
            return fingerprint([Row(Raw(row), Identity("cloud4wi", "o")) for row in rows])

        assert of(b'{"a":1}') == of(b'{"a":1}') != of(b'{"a":2}')

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.components.errors import Expired
from source_events.components.paging import OffsetPaging, Paging, SinglePage, TokenPaging
from source_events.components.reader import PageReader
from source_events.components.selection import EventSelection, Selection
from source_events.components.windows import Slice
from source_events.providers.cloud4wi.answers import EventDecoder
from source_events.records.page import Page
from source_events.records.rows import Row
from source_events.runtime import Runtime, StreamRun
from unit_tests.parts import Endpoint, completed, records
from unit_tests.providers.cloud4wi import responses

CONFIG = completed({"organization_id": "o"})
HOUR = Slice("2024-01-01T00:00:00Z", "2024-01-01T00:59:59Z")
EXPIRED = Expired("The scroll has expired (410 Gone)")


def answer(*ids: str, minute: int = 0, scroll: str | None = None, count: int | None = None) -> dict[str, Any]:
    events = [responses.event(each, f"2024-01-01T00:{minute:02}:00Z") for each in ids]
    return {"events": events, "scrollId": scroll, "count": count}


class Reading:
    """An hour of an endpoint with these answers, read page by page."""

    def __init__(self, *answers: Any, paging: Paging | None = None) -> None:
        self.runtime = Runtime(1)
        self.stream: StreamRun = self.runtime.stream("org_events")
        self.endpoint = Endpoint(
            EventDecoder(CONFIG, (), "events", "scrollId?", "count?"), answers, self.runtime.memory
        )
        self.selection = EventSelection(CONFIG, self.stream)
        self.reader = PageReader(
            self.stream,
            self.endpoint,  # type: ignore[arg-type]
            self.selection,
            paging or TokenPaging("scrollId"),
        )

    def pages(self, part: Slice = HOUR) -> Iterator[Page]:
        return self.reader.read(part)

    def ids(self) -> list[str]:
        found = [record["id"] for record in records(self.pages())]
        assert self.runtime.memory.used == 0
        return found

    @property
    def minutes(self) -> list[tuple[str, str]]:
        """The bounds of what was asked for, request by request."""
        return [(part.first[14:19], part.last[14:19]) for part in self.endpoint.slices]


class TestPages:
    def test_where_a_few_are_enough_it_asks_for_no_more_also_if_nothing_is_wanted(self):
        hour_before = [f"2023-12-31T23:{minute}:00Z" for minute in range(10, 13)]
        pages = [{"events": [responses.event(time, time)], "scrollId": "s"} for time in hour_before]
        reading = Reading(*pages)
        reading.endpoint.most_pages = 2
        assert reading.ids() == []
        assert len(reading.endpoint.asked) == 2

    def test_they_come_one_by_one_and_the_next_is_asked_for_when_one_is_taken(self):
        reading = Reading(answer("a", scroll="s1"), answer("b", scroll="s2"), answer("c"))
        pages = reading.pages()
        assert [row.envelope.id for row in next(pages).rows] == ["a"]
        assert reading.endpoint.asked == [{}]
        assert [row.envelope.id for page in pages for row in page.rows] == ["b", "c"]
        assert reading.endpoint.asked == [{}, {"scrollId": "s1"}, {"scrollId": "s2"}]

    def test_one_without_records_is_not_handed_over_and_ends_nothing(self):
        strange = {"events": [responses.event("x", "2020-01-01T00:00:00Z")], "scrollId": "s1"}
        assert Reading(strange, answer("a")).ids() == ["a"]

    def test_a_contact_that_is_gone_has_none_and_is_not_counted_as_read(self):
        reading = Reading(None)
        assert (reading.ids(), reading.stream.counts.now.announced) == ([], None)

    def test_the_end_of_the_slice_is_counted_with_what_was_announced_first(self):
        reading = Reading(answer("a", scroll="s", count=20), answer("b", count=18))
        assert reading.stream.counts.now.finished == 0
        reading.ids()
        counted = reading.stream.counts.now
        assert (counted.received, counted.finished, counted.announced, counted.answered) == (2, 2, 20, 2)

    def test_a_slice_without_an_announcement_is_finished_without_one(self):
        reading = Reading(answer("a"))
        reading.ids()
        counted = reading.stream.counts.now
        assert (counted.finished, counted.announced, counted.answered, counted.expected) == (1, None, 0, 0)

    def test_slices_add_up(self):
        reading = Reading(answer("a", count=5), answer("b", "c", count=5))
        reading.ids()
        reading.ids()
        counted = reading.stream.counts.now
        assert (counted.answered, counted.announced) == (3, 10)

    def test_rows_that_are_announced_and_do_not_come_at_all_are_counted(self):
        reading = Reading(answer(count=5))
        reading.ids()
        assert (reading.stream.counts.now.answered, reading.stream.counts.now.announced) == (0, 5)

    def test_the_first_answer_of_a_slice_tells_how_many_records_to_expect(self):
        reading = Reading(answer("a", "b", scroll="s", count=20), answer("c", count=40))
        pages = reading.pages()
        next(pages)
        assert reading.stream.counts.now.expected == 20
        next(pages)
        assert reading.stream.counts.now.expected == 20

    def test_of_rows_that_become_fewer_records_it_expects_as_many_as_of_the_first_page(self):
        page = answer("a", "b", count=20)
        page["events"][1]["when"]["createdAt"] = "2020-01-01T00:00:00Z"
        reading = Reading(page)
        reading.ids()
        assert reading.stream.counts.now.expected == 10


class TestExpiredScroll:
    def test_its_slice_is_read_again_in_two_halves(self, log):
        first, second = answer("a", minute=10, scroll="s1"), answer("b", minute=40)
        reading = Reading(first, EXPIRED, answer("a", minute=10), second)
        assert reading.ids() == ["a", "a", "b"]
        assert reading.minutes == [("00:00", "59:59")] * 2 + [("00:00", "29:59"), ("30:00", "59:59")]
        assert (
            "org_events: The scroll has expired (410 Gone). The slice from 2024-01-01T00:00:00Z to "
            "2024-01-01T00:59:59Z is read in two halves." in log.text
        )
        counted = reading.stream.counts.now
        assert (counted.received, counted.finished, counted.repeated) == (3, 2, 1)

    def test_a_half_may_be_halved_again(self):
        reading = Reading(
            answer("a", minute=10, scroll="s1"),
            EXPIRED,
            answer("a", minute=10, scroll="s2"),
            EXPIRED,
            answer("a", minute=10),
            answer("b", minute=20),
            answer("c", minute=40),
        )
        assert reading.ids() == ["a", "a", "a", "b", "c"]
        assert reading.minutes[4:] == [("00:00", "14:59"), ("15:00", "29:59"), ("30:00", "59:59")]

    def test_within_a_second_it_is_a_passing_error(self):
        second = Slice("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z")
        with pytest.raises(AirbyteTracedException) as caught:
            list(Reading(EXPIRED).pages(second))
        assert caught.value.failure_type is FailureType.transient_error
        assert caught.value.message == (
            "The scroll has expired (410 Gone), also within a single second (2024-01-01T00:00:00Z). Choose a shorter "
            "window_size, or fewer workers if the scrolls expire while others are read."
        )


class TestExpiredScrollOfAList:
    """A list has no time, so that two halves of it would be the whole twice."""

    def reading(self, *answers: Any, paging: Paging | None = None) -> Reading:
        reading = Reading(*answers, paging=paging)
        selection = Selection(CONFIG, reading.stream)
        reading.reader = PageReader(
            reading.stream,
            reading.endpoint,  # type: ignore[arg-type]
            selection,
            paging or TokenPaging("scrollId"),
        )
        return reading

    def test_it_is_read_anew(self, log):
        reading = self.reading(answer("a", scroll="s1"), EXPIRED, answer("a", scroll="s2"), answer("b"))
        assert reading.ids() == ["a", "a", "b"]
        assert reading.endpoint.asked == [{}, {"scrollId": "s1"}, {}, {"scrollId": "s2"}]
        assert set(reading.minutes) == {("00:00", "59:59")}
        assert "org_events: The scroll has expired (410 Gone). The list is read anew." in log.text

    def test_one_that_expires_again_and_again_is_a_passing_error(self):
        reading = self.reading(*[answer("a", scroll="s"), EXPIRED] * 4)
        with pytest.raises(AirbyteTracedException) as caught:
            reading.ids()
        assert len(reading.endpoint.asked) == 2 * 4
        assert caught.value.failure_type is FailureType.transient_error
        assert caught.value.message == (
            "The scroll has expired (410 Gone), and a list cannot be divided. Try again later, with fewer workers."
        )

    def test_an_answer_of_it_that_may_be_cut_off_is_an_error_at_once(self):
        reading = self.reading(answer("a", "b"), paging=SinglePage(2))
        with pytest.raises(AirbyteTracedException, match=r"^2 rows and no next page, and a list cannot be divided"):
            reading.ids()
        assert len(reading.endpoint.asked) == 1


class TestCutOff:
    def test_an_answer_that_may_lack_rows_is_read_again_in_two_halves(self):
        reading = Reading(answer("a", "b"), answer("a", minute=10), answer("b", minute=40), paging=SinglePage(2))
        assert reading.ids() == ["a", "b"]
        assert reading.minutes == [("00:00", "59:59"), ("00:00", "29:59"), ("30:00", "59:59")]

    def test_within_a_second_it_is_an_error(self):
        second = Slice("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z")
        with pytest.raises(AirbyteTracedException, match=r"^2 rows and no next page, also within a single second"):
            list(Reading(answer("a", "b"), paging=SinglePage(2)).pages(second))


class TestMoved:
    def test_rows_that_move_between_pages_let_the_slice_begin_anew(self, log):
        reading = Reading(
            answer("a", "b", count=5),
            answer("d", "e", count=4),
            answer("b", "c", count=4),
            answer("d", "e", count=4),
            paging=OffsetPaging(total=True),
        )
        assert reading.ids() == ["a", "b", "b", "c", "d", "e"]
        assert reading.endpoint.asked == [{}, {"offset": 2}, {}, {"offset": 2}]
        assert "org_events: rows have moved while a slice was read, so it is read anew." in log.text
        assert reading.stream.counts.now.expected == 5

    def test_a_total_that_is_never_the_same_is_not_believed_for_ever(self):
        answers = []
        for total in range(40, 40 - 2 * 3, -2):
            answers += [answer("a", "b", count=total), answer("d", "e", count=total - 1)]
        last = [answer("a", "b", count=4), answer("c", "d", count=3), answer()]
        reading = Reading(*answers, *last, paging=OffsetPaging())
        assert reading.ids()[-4:] == ["a", "b", "c", "d"]


class TestMemory:
    """Whoever takes a page owns its memory; on every way out, all other memory is released."""

    def test_what_is_handed_over_is_the_takers_to_release(self):
        reading = Reading(answer("a", scroll="s"), answer("b"))
        held = list(reading.pages())
        assert all(page.memory is not None for page in held)
        assert reading.runtime.memory.used == 6
        for page in held:
            page.release()
        assert reading.runtime.memory.used == 0

    def test_a_page_whose_making_fails_releases_it(self):
        reading = Reading(answer("a", scroll="s"), {"events": [responses.event("b", "yesterday")]})
        with pytest.raises(AirbyteTracedException):
            reading.ids()
        assert reading.runtime.memory.used == 0

    @pytest.mark.parametrize(
        ("paging", "error"),
        [(TokenPaging("scrollId"), AirbyteTracedException), (SinglePage(1), AirbyteTracedException)],
        ids=["a page that repeats", "one that is cut off within a second"],
    )
    def test_a_page_that_paging_refuses_releases_it(self, paging, error):
        second = Slice("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z")
        reading = Reading(answer("a", scroll="s"), answer("a", scroll="s"), paging=paging)
        with pytest.raises(error):
            records(reading.pages(second))
        assert reading.runtime.memory.used == 0

    def test_a_page_that_has_moved_releases_it(self):
        answers = answer("a", "b", count=5), answer("d", "e", count=4), answer("b", count=1)
        reading = Reading(*answers, paging=OffsetPaging(total=True))
        assert reading.ids() == ["a", "b", "b"]

    def test_a_request_that_fails_leaves_none(self):
        reading = Reading(answer("a", scroll="s"), RuntimeError("the API is down"))
        with pytest.raises(RuntimeError):
            reading.ids()
        assert reading.runtime.memory.used == 0

    def test_a_reader_who_leaves_within_a_page_releases_it(self):
        """The page that was being handed over is nobody's: who has left may never have got it."""
        reading = Reading(answer("a", scroll="s"), answer("b"))
        pages = reading.pages()
        next(pages)
        pages.close()  # type: ignore[attr-defined]
        assert reading.runtime.memory.used == 0
        assert reading.endpoint.asked == [{}]

    def test_an_error_thrown_into_the_reader_releases_it(self):
        reading = Reading(answer("a", scroll="s"), answer("b"))
        pages = reading.pages()
        next(pages)
        with pytest.raises(KeyboardInterrupt):
            pages.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
        assert reading.runtime.memory.used == 0

    def test_a_decoder_that_breaks_releases_it(self):
        class Broken(EventDecoder):
            def row(self, raw: Raw) -> Row[Any]:
                raise ZeroDivisionError

        reading = Reading(answer("a"))
        reading.endpoint.decoder = Broken(CONFIG, (), "events")
        with pytest.raises(ZeroDivisionError):
            reading.ids()
        assert reading.runtime.memory.used == 0

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec import Raw

from source_events.components.contacts import ROWS_AT_ONCE, BatchReader, Contact, ContactList, FeedContacts
from source_events.components.windows import Slice
from source_events.records.page import Page
from source_events.records.rows import Envelope, Row
from source_events.runtime import Runtime
from unit_tests.parts import Slices, completed, rows

START, END = "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"


class NoList(ContactList):
    def contacts(self, start: str, end: str) -> Iterator[Contact]:
        raise AssertionError("nobody asks for the list while a batch is read")


class Batch:
    """A batch of contacts whose events are what `pages` gives for each."""

    def __init__(self, *counts: int, contacts: int = 1) -> None:
        """Each contact has pages with so many records."""
        self.runtime = Runtime(2)
        self.stream = self.runtime.stream("contact_events")
        self.given: list[Page] = []
        self.counts = counts
        self.events = Slices(self._pages)
        self.starts = {f"c{number}": START for number in range(contacts)}
        self.reader = BatchReader(self.runtime, self.stream, NoList(), self.events)

    def _pages(self, part: Slice) -> Iterator[Page]:
        for count in self.counts:
            self.given.append(Page(rows(count), f"2024-02-0{len(self.given) % 9 + 1}T00:00:00Z", count))
            self.given[-1].memory = self.runtime.memory.reserve(count)
            yield self.given[-1]

    def pages(self) -> Iterator[Page]:
        return self.reader.read(self.starts, END)


class TestBatches:
    def test_contacts_are_read_one_after_the_other_from_their_own_start(self):
        batch = Batch(1)
        batch.starts = {"a/b c": START, "ü": "2024-01-31T00:00:00Z"}
        list(batch.pages())
        assert batch.events.asked == [Slice(START, END, "a/b c"), Slice("2024-01-31T00:00:00Z", END, "ü")]
        assert batch.stream.counts.now.read == 2

    @pytest.mark.parametrize(
        ("contacts", "events_each", "handed_over"),
        [
            *((3, 1, [3]), (3, 0, []), (5, 80, [240, 160]), (1, 10_000, [10_000])),
            *((2, 200, [200, 200]), (2, 199, [398]), (2, 100, [200])),
        ],
    )
    def test_the_few_events_of_many_contacts_are_handed_over_together(self, contacts, events_each, handed_over):
        batch = Batch(*[events_each] if events_each else [], contacts=contacts)
        pages = list(batch.pages())
        assert [page.count for page in pages] == [len(page.rows) for page in pages] == handed_over

    def test_a_page_of_several_has_their_latest_time_and_the_number_of_their_rows(self):
        [page] = Batch(1, contacts=4).pages()
        assert (page.latest, page.received) == ("2024-02-04T00:00:00Z", 4)

    def test_no_contact_is_read_before_what_is_ready_has_been_taken(self):
        batch = Batch(ROWS_AT_ONCE, contacts=2)
        next(batch.pages())
        assert [part.contact for part in batch.events.asked] == ["c0"]


class TestMemory:
    def test_what_is_held_back_takes_none_from_others_until_it_is_handed_over(self):
        batch = Batch(1, contacts=2)
        pages = batch.pages()
        [page] = pages
        assert [each.memory for each in batch.given] == [None, None]
        assert batch.runtime.memory.used == 3 * 2 * len(b"{}")
        page.release()
        assert batch.runtime.memory.used == 0

    def test_who_leaves_while_some_is_held_back_leaves_none(self):
        batch = Batch(1, ROWS_AT_ONCE)
        pages = batch.pages()
        next(pages).release()
        pages.close()  # type: ignore[attr-defined]
        assert batch.runtime.memory.used == 0

    def test_a_contact_that_fails_leaves_none(self):
        batch = Batch(1, contacts=2)

        def fails(part: Slice) -> Iterator[Page]:
            if part.contact == "c1":
                raise RuntimeError("the API is down")
            yield from batch._pages(part)

        batch.events._pages = fails
        with pytest.raises(RuntimeError):
            list(batch.pages())
        assert batch.runtime.memory.used == 0


class TestFeed:
    def test_it_is_read_window_by_window_and_its_pages_let_go(self):
        runtime = Runtime(2)
        given: list[Page] = []

        def pages(window: Slice) -> Iterator[Page]:
            for found in (["a", "b", None], ["b"]):
                envelopes = [Envelope("e", "p", None, START, contactId=contact) for contact in found]
                page = Page([Row(Raw(b"{}"), envelope) for envelope in envelopes], memory=runtime.memory.reserve(1))
                given.append(page)
                yield page

        end = "2024-01-31T00:00:00Z"
        feed = Slices(pages)
        contacts = FeedContacts(completed({}, window_size="P30D"), feed).contacts(START, end)
        assert sorted(contact.id for contact in contacts) == ["a", "a", "b", "b", "b", "b"]
        assert feed.asked == [Slice(START, "2024-01-30T23:59:59Z"), Slice(end, end)]
        assert not any(page.rows for page in given)
        assert runtime.memory.used == 0

    def test_the_rows_of_a_list_that_tells_contacts_are_none_of_the_stream(self):
        assert FeedContacts.counts_rows is False

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import InMemoryMessageRepository
from airbyte_cdk.sources.types import Record, StreamSlice
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from source_events.components import contacts
from source_events.components.contacts import (
    BATCH_SIZE,
    MOST_CONTACTS_IN_STATE,
    ROWS_AT_ONCE,
    Contact,
    ContactCursor,
    ContactRetriever,
    ContactRouter,
    FeedContactRetriever,
    windows,
)
from source_events.records.page import PAGE, Identity, Page, Row
from source_events.records.times import format_time
from source_events.transport.connection import Connection, Reservation
from unit_tests.reading import stream_state

START, END = "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"
SECOND = timedelta(seconds=1)


def moment(time: str) -> datetime:
    return datetime.fromisoformat(time.replace("Z", "+00:00"))


class TestWindows:
    @staticmethod
    def bounds(start: str, end: str, size: timedelta) -> list[tuple[str, str]]:
        return [(each["start_time"], each["end_time"]) for each in windows(start, end, size)]

    @pytest.mark.parametrize(
        ("end", "bounds"),
        [
            pytest.param("00:00:00", [("00:00:00", "00:00:00")], id="a second"),
            pytest.param("00:59:59", [("00:00:00", "00:59:59")], id="as long as a window"),
            pytest.param("01:00:00", [("00:00:00", "00:59:59"), ("01:00:00", "01:00:00")], id="a second longer"),
            pytest.param("01:30:00", [("00:00:00", "00:59:59"), ("01:00:00", "01:30:00")], id="one and a half"),
        ],
    )
    def test_the_last_window_ends_with_the_end(self, end, bounds):
        day = "2024-01-01T"
        found = self.bounds(f"{day}00:00:00Z", f"{day}{end}Z", timedelta(hours=1))
        assert found == [(f"{day}{first}Z", f"{day}{last}Z") for first, last in bounds]

    def test_there_is_none_when_the_end_is_before_the_start(self):
        assert self.bounds("2024-01-02T00:00:00Z", "2024-01-01T00:00:00Z", timedelta(days=1)) == []

    @given(
        st.datetimes(datetime(2000, 1, 1), datetime(2030, 1, 1)),
        st.integers(0, 10_000_000),
        st.integers(60_000, 100_000_000),
    )
    def test_every_second_is_in_exactly_one_window(self, start, length, size):
        first = start.replace(microsecond=0, tzinfo=timezone.utc)
        last = first + timedelta(seconds=length)
        found = self.bounds(format_time(first), format_time(last), timedelta(seconds=size))
        assert (found[0][0], found[-1][1]) == (format_time(first), format_time(last))
        assert all(moment(before[1]) + SECOND == moment(after[0]) for before, after in pairwise(found))
        assert all(moment(low) <= moment(high) < moment(low) + timedelta(seconds=size) for low, high in found)


class Listed(ContactRetriever):
    """Contacts that are known from a list."""

    known: tuple[str | Contact, ...] = ()
    asked: list[tuple[str, str]]

    def list_contacts(self, start: str, end: str) -> Iterable[Contact]:
        self.asked = [*getattr(self, "asked", []), (start, end)]
        return (Contact(known) if isinstance(known, str) else known for known in self.known)


class Events:
    """Answers with one page for each contact, and notes for which slices."""

    def __init__(self, count: int = 1) -> None:
        self.slices: list[StreamSlice] = []
        self.count = count

    def read_records(self, schema: Mapping[str, Any], stream_slice: StreamSlice) -> Iterable[Record]:
        self.slices.append(stream_slice)
        yield Record({PAGE: page({"x"}, self.count), "createdAt": START}, "contact_events", stream_slice)


class Read:
    """A partition that has been read."""

    def __init__(self, stream_slice: StreamSlice) -> None:
        self._slice = stream_slice

    def to_slice(self) -> StreamSlice:
        return self._slice


def page(found: set[str], count: int = 1) -> Page:
    rows = [Row(Raw(b"{}"), Identity("p", "o"))] * count
    return Page(rows, count, START, frozenset(found), 1, count, None, None, reservation=object())


def configured(**fields: Any) -> dict[str, Any]:
    return {
        "start_date": START,
        "end_date": END,
        "lookback_window": "P1D",
        "window_size": "P30D",
        "contact_ids": [],
        "connection": Connection(2, None),
        **fields,
    }


class Sync:
    """A sync of `contact_events`, batch by batch."""

    def __init__(self, *known: str | Contact, state: Mapping[str, Any] | None = None, **config: Any) -> None:
        self.config = configured(**config)
        self.retriever = Listed("contact_events", self.config, {}, ContactRouter(self.config, {}), Events())
        self.retriever.known = known
        self.repository = InMemoryMessageRepository()
        manager = ConnectorStateManager(stream_state("contact_events", state) if state is not None else [])
        self.cursor = ContactCursor("contact_events", self.config, self.retriever, self.repository, manager)

    @property
    def state(self) -> dict[str, Any]:
        return dict(self.cursor.state)

    @property
    def emitted(self) -> list[dict[str, Any]]:
        return [dict(vars(message.state.stream.stream_state)) for message in self.repository.consume_queue()]

    def batches(self) -> list[StreamSlice]:
        return list(self.cursor.stream_slices())

    def starts(self) -> dict[str, str]:
        return {contact: start for batch in self.batches() for contact, start in batch.partition["contacts"].items()}

    def close(self, batch: StreamSlice, latest: str | None = None) -> None:
        if latest:
            self.cursor.observe(Record({"createdAt": latest}, "contact_events", batch))
        self.cursor.close_partition(Read(batch))


def many(number: int) -> list[str]:
    return [f"c{position}" for position in range(number)]


class TestBatches:
    @pytest.mark.parametrize(
        ("number", "sizes"), [(0, []), (1, [1]), (BATCH_SIZE, [BATCH_SIZE]), (BATCH_SIZE + 1, [BATCH_SIZE, 1])]
    )
    def test_contacts_come_in_batches(self, number, sizes):
        assert [len(batch.partition["contacts"]) for batch in Sync(*many(number)).batches()] == sizes

    def test_each_contact_is_read_once_however_often_it_is_seen(self):
        sync = Sync(*many(30), *many(40), *many(10))
        assert sorted(sync.starts()) == sorted(many(40))
        assert sum(len(batch.partition["contacts"]) for batch in sync.batches()) == 40

    def test_listed_contacts_are_read_once_and_nothing_else_is_asked_for(self):
        sync = Sync("known", contact_ids=["a", "b", "a"])
        assert list(sync.starts()) == ["a", "b"]
        assert not hasattr(sync.retriever, "asked")

    def test_all_batches_end_with_the_end_date(self):
        assert {batch["end_time"] for batch in Sync(*many(60)).batches()} == {END}

    def test_contacts_are_looked_for_from_the_cursor_less_the_lookback(self):
        sync = Sync("a", state={"createdAt": "2024-02-01T00:00:00Z"})
        sync.batches()
        assert sync.retriever.asked == [("2024-01-31T00:00:00Z", END)]

    def test_a_contact_is_listed_before_the_next_is_known(self):
        def endless() -> Iterable[Contact]:
            yield from map(Contact, many(BATCH_SIZE))
            raise AssertionError("asked for more than a batch")

        sync = Sync()
        sync.retriever.list_contacts = lambda start, end: endless()
        assert len(next(iter(sync.cursor.stream_slices())).partition["contacts"]) == BATCH_SIZE


class TestStarts:
    @pytest.mark.parametrize(
        ("state", "start"),
        [
            pytest.param(None, START, id="no state"),
            pytest.param({}, START, id="an empty state"),
            pytest.param({"createdAt": None}, START, id="a null cursor"),
            pytest.param({"createdAt": "2024-02-01T00:00:00Z"}, "2024-01-31T00:00:00Z", id="a finished sync"),
            pytest.param({"createdAt": "2024-01-01T12:00:00Z"}, START, id="a cursor within the lookback"),
            pytest.param({"createdAt": START}, START, id="a cursor at the start"),
            pytest.param({"createdAt": "2020-01-01T00:00:00Z"}, START, id="a cursor before the start date"),
            pytest.param(
                {"createdAt": START, "contacts": {"a": "2024-02-01T00:00:00Z"}}, "2024-01-31T00:00:00Z", id="unfinished"
            ),
            pytest.param(
                {"createdAt": START, "contacts": {"other": "2024-02-01T00:00:00Z"}}, START, id="unfinished without it"
            ),
            pytest.param(
                {"createdAt": "2024-02-20T00:00:00Z", "contacts": {"a": "2024-02-01T00:00:00Z"}, "listed_only": True},
                "2024-01-31T00:00:00Z",
                id="restricted to it",
            ),
            pytest.param(
                {"createdAt": "2024-02-20T00:00:00Z", "contacts": {"b": "2024-02-01T00:00:00Z"}, "listed_only": True},
                START,
                id="restricted to another",
            ),
        ],
    )
    @pytest.mark.parametrize("listed", [[], ["a"]], ids=["all contacts", "listed"])
    def test_a_contact_starts_where_the_state_says(self, state, start, listed):
        assert Sync("a", state=state, contact_ids=listed).starts() == {"a": start}

    @pytest.mark.parametrize(
        ("lookback", "start"),
        [("PT0S", "2024-02-01T12:00:00Z"), ("PT36H", "2024-01-31T00:00:00Z"), ("P1000D", START)],
    )
    def test_the_lookback_is_how_far_it_goes_back_but_not_before_the_start(self, lookback, start):
        sync = Sync("a", state={"createdAt": "2024-02-01T12:00:00Z"}, lookback_window=lookback)
        assert sync.starts() == {"a": start}

    def test_a_lookback_beyond_the_beginning_of_time_starts_at_the_start_date(self):
        assert Sync("a", state={"createdAt": "2024-02-01T12:00:00Z"}, lookback_window="P800000D").starts() == {
            "a": START
        }

    @pytest.mark.parametrize(
        ("created", "start"),
        [
            pytest.param("2024-02-01T12:00:01Z", START, id="after the cursor"),
            pytest.param("2024-02-01T12:00:00Z", "2024-01-31T12:00:00Z", id="at the cursor"),
            pytest.param("2023-01-01T00:00:00Z", "2024-01-31T12:00:00Z", id="before it"),
            pytest.param(None, "2024-01-31T12:00:00Z", id="unknown"),
        ],
    )
    def test_a_contact_that_is_newer_than_the_cursor_is_read_from_the_start(self, created, start):
        assert Sync(Contact("a", created), state={"createdAt": "2024-02-01T12:00:00Z"}).starts() == {"a": start}

    def test_after_a_restricted_sync_all_contacts_are_looked_for_from_the_start(self):
        sync = Sync(state={"createdAt": "2024-02-20T00:00:00Z", "contacts": {"a": START}, "listed_only": True})
        sync.batches()
        assert sync.retriever.asked == [(START, END)]


class TestState:
    LATEST = "2024-02-10T00:00:00Z"

    def test_nothing_has_been_read_before_the_first_batch(self):
        sync = Sync(*many(3))
        sync.batches()
        assert sync.state == {"createdAt": START}

    def test_an_unfinished_sync_remembers_the_contacts_that_are_done(self):
        sync = Sync(*many(BATCH_SIZE + 1))
        first, _ = sync.batches()
        sync.close(first, self.LATEST)
        assert sync.state == {"createdAt": START, "contacts": dict.fromkeys(many(BATCH_SIZE), self.LATEST)}

    def test_a_finished_sync_is_one_time_for_all(self):
        sync = Sync(*many(BATCH_SIZE + 1))
        for batch in sync.batches():
            sync.close(batch, self.LATEST)
        assert sync.state == {"createdAt": self.LATEST}

    def test_contacts_that_have_not_all_been_listed_are_not_finished(self):
        sync = Sync(*many(BATCH_SIZE + 1))
        sync.close(next(iter(sync.cursor.stream_slices())), self.LATEST)
        assert sync.state["createdAt"] == START

    def test_a_batch_that_fails_leaves_the_common_time(self):
        sync = Sync(*many(2 * BATCH_SIZE), state={"createdAt": "2024-02-01T00:00:00Z"})
        failed, second = sync.batches()
        sync.cursor.observe(Record({"createdAt": self.LATEST}, "contact_events", failed))
        sync.close(second, self.LATEST)
        sync.cursor.ensure_at_least_one_state_emitted()
        assert sync.state["createdAt"] == "2024-02-01T00:00:00Z"
        assert sorted(sync.state["contacts"]) == sorted(many(2 * BATCH_SIZE)[BATCH_SIZE:])
        assert sync.emitted[-1] == sync.state

    def test_a_batch_that_fails_is_read_from_the_common_time_again(self):
        sync = Sync(*many(2 * BATCH_SIZE))
        _, second = sync.batches()
        sync.close(second, self.LATEST)
        starts = Sync(*many(2 * BATCH_SIZE), state=sync.state).starts()
        assert {starts[contact] for contact in many(BATCH_SIZE)} == {START}
        assert {starts[contact] for contact in many(2 * BATCH_SIZE)[BATCH_SIZE:]} == {"2024-02-09T00:00:00Z"}

    def test_what_is_resumed_and_finished_is_one_time_again(self):
        sync = Sync("a", "b", state={"createdAt": START, "contacts": {"a": self.LATEST}})
        for batch in sync.batches():
            sync.close(batch, "2024-02-12T00:00:00Z")
        assert sync.state == {"createdAt": "2024-02-12T00:00:00Z"}

    def test_a_sync_without_new_events_keeps_the_time(self):
        sync = Sync("a", state={"createdAt": self.LATEST})
        for batch in sync.batches():
            sync.close(batch)
        assert sync.state == {"createdAt": self.LATEST}

    def test_a_sync_without_contacts_keeps_the_time(self):
        sync = Sync(state={"createdAt": self.LATEST})
        sync.batches()
        sync.cursor.ensure_at_least_one_state_emitted()
        assert sync.emitted == [{"createdAt": self.LATEST}]

    def test_older_events_do_not_move_the_time_back(self):
        sync = Sync("a", state={"createdAt": self.LATEST})
        [batch] = sync.batches()
        sync.close(batch, "2024-02-09T12:00:00Z")
        assert sync.state == {"createdAt": self.LATEST}

    def test_a_restricted_sync_says_so_and_nothing_of_other_contacts(self):
        sync = Sync(contact_ids=["a"])
        [batch] = sync.batches()
        sync.close(batch, self.LATEST)
        assert sync.state == {"createdAt": self.LATEST, "contacts": {"a": self.LATEST}, "listed_only": True}

    def test_a_restricted_sync_remembers_contacts_of_earlier_ones(self):
        earlier = {"createdAt": self.LATEST, "contacts": {"a": self.LATEST}, "listed_only": True}
        sync = Sync(contact_ids=["b"], state=earlier)
        [batch] = sync.batches()
        sync.close(batch)
        assert sorted(sync.state["contacts"]) == ["a", "b"]

    def test_a_restricted_sync_that_read_nothing_says_nothing(self):
        sync = Sync(contact_ids=["a"], state={"createdAt": self.LATEST})
        sync.batches()
        assert sync.state == {"createdAt": self.LATEST}

    def test_an_interrupted_restricted_sync_beyond_the_bound_still_says_nothing_of_others(self, monkeypatch):
        monkeypatch.setattr(contacts, "MOST_CONTACTS_IN_STATE", 2)
        before = {"createdAt": self.LATEST, "listed_only": True}
        sync = Sync(contact_ids=many(BATCH_SIZE + 1), state=before)
        sync.close(sync.batches()[0], self.LATEST)
        assert sync.state == before

    def test_a_state_survives_its_journey_as_json(self):
        sync = Sync(*many(BATCH_SIZE + 1))
        sync.close(sync.batches()[0], self.LATEST)
        assert json.loads(json.dumps(sync.state)) == sync.state

    class TestBound:
        def test_the_largest_state_is_below_a_megabyte(self):
            state = {
                "createdAt": START,
                "contacts": {f"{position:032}": START for position in range(MOST_CONTACTS_IN_STATE)},
            }
            assert len(json.dumps(state)) < 1_000_000

        @pytest.mark.parametrize(("earlier", "remembered"), [(0, 25), (1, 26), (2, 0)])
        def test_beyond_the_bound_only_the_common_time_is_kept(self, monkeypatch, earlier, remembered):
            monkeypatch.setattr(contacts, "MOST_CONTACTS_IN_STATE", BATCH_SIZE + 1)
            state = {"createdAt": START, "contacts": {f"e{number}": START for number in range(earlier)}}
            sync = Sync(*many(BATCH_SIZE + 1), state=state)
            sync.close(sync.batches()[0], TestState.LATEST)
            assert len(sync.state.get("contacts", {})) == remembered
            assert sync.state["createdAt"] == START

        def test_beyond_the_bound_a_finished_sync_is_one_time_all_the_same(self, monkeypatch):
            monkeypatch.setattr(contacts, "MOST_CONTACTS_IN_STATE", 10)
            sync = Sync(*many(30))
            for batch in sync.batches():
                sync.close(batch, TestState.LATEST)
            assert sync.state == {"createdAt": TestState.LATEST}

        def test_beyond_the_bound_a_restricted_sync_says_nothing_of_other_contacts(self, monkeypatch):
            monkeypatch.setattr(contacts, "MOST_CONTACTS_IN_STATE", 2)
            sync = Sync(contact_ids=many(3))
            for batch in sync.batches():
                sync.close(batch, TestState.LATEST)
            assert Sync("never read", state=sync.state).starts() == {"never read": START}


class TestThrottle:
    @pytest.fixture
    def clock(self, monkeypatch):
        now = [1000.0]
        monkeypatch.setattr(contacts.time, "monotonic", lambda: now[0])
        return now

    def test_many_contacts_in_the_state_make_it_rarer(self, clock):
        sync = Sync(*many(8 * BATCH_SIZE))
        times = []
        for batch in sync.batches():
            clock[0] += 0.2
            sync.close(batch)
            times += [clock[0]] * len(sync.emitted)
        pauses = [later - earlier for earlier, later in zip([1000.0, *times], times, strict=False)]
        assert len(times) < 8
        assert pauses == sorted(pauses)

    def test_a_slow_sync_tells_every_batch(self, clock):
        sync = Sync(*many(4 * BATCH_SIZE))
        for batch in sync.batches():
            clock[0] += 60
            sync.close(batch)
            assert sync.emitted == [sync.state]

    def test_the_last_state_is_always_told(self, clock):
        sync = Sync("a")
        sync.close(sync.batches()[0])
        sync.cursor.ensure_at_least_one_state_emitted()
        assert sync.emitted[-1] == {"createdAt": START}


class TestRetriever:
    def test_contacts_of_a_batch_are_read_one_after_the_other_from_their_own_start(self):
        sync = Sync("a/b c", "ü", state={"createdAt": START, "contacts": {"ü": "2024-02-01T00:00:00Z"}})
        [batch] = sync.batches()
        records = list(sync.retriever.read_records({}, batch))
        assert {id(record.associated_slice) for record in records} == {id(batch)}
        asked = [
            (each.partition["contactId"], each.extra_fields["contact_path"], each["start_time"], each["end_time"])
            for each in sync.retriever.events.slices
        ]
        assert asked == [("a/b c", "a%2Fb%20c", START, END), ("ü", "%C3%BC", "2024-01-31T00:00:00Z", END)]

    @pytest.mark.parametrize(
        ("contacts", "events_each", "handed_over"),
        [(3, 1, [3]), (3, 0, []), (5, 80, [240, 160]), (2, ROWS_AT_ONCE, [ROWS_AT_ONCE] * 2), (1, 10_000, [10_000])],
    )
    def test_the_few_events_of_many_contacts_are_handed_over_together(self, contacts, events_each, handed_over):
        sync = Sync(*many(contacts))
        sync.retriever.events = Events(events_each)
        [batch] = sync.batches()
        pages = [record.data[PAGE] for record in sync.retriever.read_records({}, batch)]
        assert [page.count for page in pages] == [len(page.rows) for page in pages] == handed_over

    def test_what_is_held_back_takes_no_memory_from_others_until_it_is_handed_over(self):
        sync = Sync(*many(1))
        held = page({"x"})
        sync.retriever.events = SimpleNamespace(read_records=lambda *_: [Record({PAGE: held}, "s")])
        [batch] = sync.batches()
        [record] = sync.retriever.read_records({}, batch)
        assert held.reservation is None
        assert isinstance(record.data[PAGE].reservation, Reservation)

    def test_the_router_leads_to_its_retriever_and_has_no_partitions(self):
        sync = Sync("a")
        router = sync.retriever.partition_router
        assert router.retriever is sync.retriever
        assert list(router.stream_slices()) == []

    def test_the_feed_is_read_window_by_window_and_its_pages_let_go(self):
        config = configured(end_date="2024-01-31T00:00:00Z")
        pages: list[Page] = []

        class Feed:
            slices: list[tuple[str, str]] = []  # noqa: RUF012

            def read_records(self, schema: Any, window: StreamSlice) -> Iterable[Record]:
                self.slices.append((window["start_time"], window["end_time"]))
                for found in ({"a", "b"}, {"b"}):
                    pages.append(page(found))
                    yield Record({PAGE: pages[-1], "createdAt": START}, "org_events", window)

        feed = Feed()
        retriever = FeedContactRetriever("contact_events", config, {}, ContactRouter(config, {}), Events(), feed)
        found = list(retriever.list_contacts(START, config["end_date"]))
        assert sorted(contact.id for contact in found) == ["a", "a", "b", "b", "b", "b"]
        assert feed.slices == [(START, "2024-01-30T23:59:59Z"), ("2024-01-31T00:00:00Z", "2024-01-31T00:00:00Z")]
        assert all(each.reservation is None and not each.rows for each in pages)

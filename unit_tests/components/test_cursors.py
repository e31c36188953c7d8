from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import InMemoryMessageRepository
from airbyte_cdk.sources.types import Record, StreamSlice

from source_events.components import cursors
from source_events.components.audit import Audit
from source_events.components.contacts import Contact, ContactList
from source_events.components.cursors import BATCH_SIZE, MOST_CONTACTS_IN_STATE, ContactCursor
from source_events.records.page import Page
from source_events.runtime import Runtime
from unit_tests.reading import stream_state

START, END = "2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"


class Listed(ContactList):
    """Contacts that are known from a list."""

    def __init__(self, known: Iterable[str | Contact], *, by_creation: bool = False) -> None:
        self.known = known
        self.by_creation = by_creation
        self.asked: list[tuple[str, str]] = []

    def contacts(self, start: str, end: str) -> Iterable[Contact]:
        self.asked.append((start, end))
        return (Contact(known) if isinstance(known, str) else known for known in self.known)


class Read:
    """A partition that has been read."""

    def __init__(self, stream_slice: StreamSlice) -> None:
        self._slice = stream_slice

    def to_slice(self) -> StreamSlice:
        return self._slice


class Sync:
    """A sync of `contact_events`, batch by batch."""

    def __init__(
        self, *known: str | Contact, state: Mapping[str, Any] | None = None, by_creation: bool = False, **config: Any
    ) -> None:
        self.config = {
            "start_date": START,
            "end_date": END,
            "lookback_window": "P1D",
            "contact_ids": [],
            **config,
        }
        self.list = Listed(known, by_creation=by_creation)
        self.stream = Runtime(2).stream("contact_events")
        self.repository = InMemoryMessageRepository()
        manager = ConnectorStateManager(stream_state("contact_events", state) if state is not None else [])
        self.cursor = ContactCursor(self.stream, self.config, self.list, self.repository, manager)

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
        assert sync.list.asked == []

    def test_all_batches_end_with_the_end_date(self):
        assert {batch["end_time"] for batch in Sync(*many(60)).batches()} == {END}

    def test_contacts_are_looked_for_from_the_cursor_less_the_lookback(self):
        sync = Sync("a", state={"createdAt": "2024-02-01T00:00:00Z"})
        sync.batches()
        assert sync.list.asked == [("2024-01-31T00:00:00Z", END)]

    def test_a_contact_is_listed_before_the_next_is_known(self):
        def endless() -> Iterable[Contact]:
            yield from map(Contact, many(BATCH_SIZE))
            raise AssertionError("asked for more than a batch")

        sync = Sync()
        sync.list.known = endless()
        assert len(next(iter(sync.cursor.stream_slices())).partition["contacts"]) == BATCH_SIZE

    def test_listed_contacts_are_counted(self):
        sync = Sync(*many(30), *many(10))
        sync.batches()
        assert sync.stream.counts.now.listed == 30

    @pytest.mark.parametrize("name", [".", ".."])
    def test_a_contact_of_dots_alone_is_skipped_and_the_log_says_so(self, log, name):
        assert list(Sync("a", name, "...").starts()) == ["a", "..."]
        assert log.text == f"A contact is skipped, because an id of dots alone cannot be asked for: {name}"


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
        assert sync.list.asked == [(START, END)]


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
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 2)
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
            monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", BATCH_SIZE + 1)
            state = {"createdAt": START, "contacts": {f"e{number}": START for number in range(earlier)}}
            sync = Sync(*many(BATCH_SIZE + 1), state=state)
            sync.close(sync.batches()[0], TestState.LATEST)
            assert len(sync.state.get("contacts", {})) == remembered
            assert sync.state["createdAt"] == START

        def test_beyond_the_bound_a_finished_sync_is_one_time_all_the_same(self, monkeypatch):
            monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
            sync = Sync(*many(30))
            for batch in sync.batches():
                sync.close(batch, TestState.LATEST)
            assert sync.state == {"createdAt": TestState.LATEST}

        def test_beyond_the_bound_a_restricted_sync_says_nothing_of_other_contacts(self, monkeypatch):
            monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 2)
            sync = Sync(contact_ids=many(3))
            for batch in sync.batches():
                sync.close(batch, TestState.LATEST)
            assert Sync("never read", state=sync.state).starts() == {"never read": START}


class TestThrottle:
    @pytest.fixture
    def clock(self, monkeypatch):
        now = [1000.0]
        monkeypatch.setattr(cursors.time, "monotonic", lambda: now[0])
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


def created(number: int) -> list[Contact]:
    """Contacts in the order of their creation, a second apart, all before the start date."""
    return [
        Contact(f"c{second}", f"2023-01-01T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.250Z")
        for second in range(number)
    ]


def second_of(contact: Contact) -> str:
    return f"{str(contact.created_at)[:19]}Z"


class TestListRead:
    """How far an ordered list of more contacts than a state remembers has been read."""

    LATEST = "2024-02-10T00:00:00Z"
    KNOWN = created(12_000)

    def killed(self, *known: Contact, batches: int, state: Any = None, by_creation: bool = True) -> dict[str, Any]:
        """The state of a sync that was killed behind so many batches."""
        sync = Sync(*known, state=state, by_creation=by_creation)
        for batch in sync.batches()[:batches]:
            sync.close(batch, self.LATEST)
        return json.loads(json.dumps(sync.state))

    @pytest.mark.parametrize("remembered", [MOST_CONTACTS_IN_STATE, 1000])
    def test_the_next_sync_goes_on_behind_those_that_have_been_read(self, monkeypatch, remembered):
        """Killed after 8,025 of 12,000 contacts, whether or not so many are remembered by name."""
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", remembered)
        state = self.killed(*self.KNOWN, batches=321)
        assert state["createdAt"] == START
        assert state["list_read"] == {"created_at": second_of(self.KNOWN[8024]), "until": self.LATEST}
        # Those behind the place need no name: of the others there is one, of the place's own second.
        assert list(state["contacts"]) == [self.KNOWN[8024].id]
        # The one that was created in that second is read again: others may have been, too.
        starts = Sync(*self.KNOWN, state=state, by_creation=True).starts()
        assert list(starts) == [contact.id for contact in self.KNOWN[8024:]]
        assert set(list(starts.values())[1:]) == {START}

    def test_all_contacts_of_one_moment_are_read_again(self, monkeypatch):
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
        known = [*created(60), *(Contact(f"same{number}", created(60)[59].created_at) for number in range(30))]
        state = self.killed(*known, batches=3)
        assert state["list_read"]["created_at"] == second_of(known[59])
        assert list(Sync(*known, state=state, by_creation=True).starts()) == [contact.id for contact in known[59:]]

    def test_a_batch_that_is_not_finished_holds_the_place(self, monkeypatch):
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
        known = created(4 * BATCH_SIZE)
        sync = Sync(*known, by_creation=True)
        first, second, third, _ = sync.batches()
        sync.close(third, self.LATEST)
        assert sync.state == {"createdAt": START}
        sync.close(first, self.LATEST)
        assert sync.state["list_read"]["created_at"] == second_of(known[BATCH_SIZE - 1])
        sync.close(second, self.LATEST)
        assert sync.state["list_read"]["created_at"] == second_of(known[3 * BATCH_SIZE - 1])

    def test_a_sync_that_goes_on_and_is_killed_again_goes_on_further(self, monkeypatch):
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
        known = created(4 * BATCH_SIZE)
        first = self.killed(*known, batches=1)
        # The lookback is measured from what the first sync has read, however far the second one comes.
        second = self.killed(*known, batches=1, state=first)
        assert second["list_read"]["created_at"] == second_of(known[2 * BATCH_SIZE - 2])
        assert second["list_read"]["until"] == self.LATEST
        assert list(Sync(*known, state=second, by_creation=True).starts()) == [
            contact.id for contact in known[2 * BATCH_SIZE - 2 :]
        ]

    def test_one_that_is_killed_at_once_keeps_the_place(self, monkeypatch):
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
        state = self.killed(*created(4 * BATCH_SIZE), batches=2)
        assert self.killed(*created(4 * BATCH_SIZE), batches=0, state=state) == state

    def test_what_earlier_contacts_were_read_up_to_is_the_time_of_the_whole_when_it_ends(self, monkeypatch):
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
        known = created(4 * BATCH_SIZE)
        state = self.killed(*known, batches=2)
        sync = Sync(*known, state=state, by_creation=True)
        for batch in sync.batches():
            # Events from after the first sync: the contacts that it has read may have such, too.
            sync.close(batch, "2024-02-20T00:00:00Z")
        assert sync.state == {"createdAt": self.LATEST}

    def test_a_sync_that_has_read_all_has_no_place(self, monkeypatch):
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
        assert self.killed(*created(30), batches=2) == {"createdAt": self.LATEST}

    @pytest.mark.parametrize(
        "disorder",
        [
            pytest.param(lambda known: [*known[1:], known[0]], id="another order"),
            pytest.param(lambda known: [*known[:3], Contact("x"), *known[3:]], id="one of unknown creation"),
            pytest.param(lambda known: known[::-1], id="newest first"),
        ],
    )
    def test_an_unordered_list_has_no_place(self, monkeypatch, disorder):
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
        assert self.killed(*disorder(created(60)), batches=2).get("list_read") is None

    def test_a_list_that_promises_no_order_has_no_place(self, monkeypatch):
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
        assert self.killed(*created(60), batches=2, by_creation=False) == {"createdAt": START}

    def test_a_list_that_gets_out_of_order_loses_the_place_that_it_had(self, monkeypatch):
        monkeypatch.setattr(cursors, "MOST_CONTACTS_IN_STATE", 10)
        known = created(4 * BATCH_SIZE)
        sync = Sync(*known[1 : 2 * BATCH_SIZE + 1], known[0], by_creation=True)
        slices = sync.cursor.stream_slices()
        sync.close(next(slices), self.LATEST)
        assert sync.state["list_read"]["created_at"] == second_of(known[BATCH_SIZE])
        sync.close(next(slices), self.LATEST)
        next(slices)
        assert sync.state == {"createdAt": START, "contacts": {known[2 * BATCH_SIZE].id: self.LATEST}}

    def test_a_contact_that_comes_behind_younger_ones_is_read_wherever_the_place_is(self):
        """The list was in order as far as the sync came that saved the place."""
        known = created(3 * BATCH_SIZE)
        state = {"createdAt": START, "list_read": {"created_at": second_of(known[40]), "until": self.LATEST}}
        starts = Sync(*known[1:], known[0], state=state, by_creation=True).starts()
        assert list(starts) == [*(contact.id for contact in known[40:]), "c0"]

    @pytest.mark.parametrize("fraction", ["", ".5", ".500000"])
    def test_a_fraction_of_another_length_makes_no_contact_older(self, fraction):
        state = {"createdAt": START, "list_read": {"created_at": "2023-06-01T00:00:00Z", "until": self.LATEST}}
        assert list(Sync(Contact("a", f"2023-06-01T00:00:00{fraction}Z"), state=state, by_creation=True).starts()) == [
            "a"
        ]

    def test_a_contact_whose_time_is_unknown_is_read_wherever_the_place_is(self):
        state = {"createdAt": START, "list_read": {"created_at": "2023-06-01T00:00:00Z", "until": self.LATEST}}
        known = Contact("b", "2023-01-01T00:00:00Z"), Contact("a")
        assert list(Sync(*known, state=state, by_creation=True).starts()) == ["a"]

    def test_a_restricted_sync_reads_its_contacts_wherever_the_place_is(self):
        state = {"createdAt": START, "list_read": {"created_at": "2023-06-01T00:00:00Z", "until": self.LATEST}}
        sync = Sync(contact_ids=["a"], state=state)
        assert sync.starts() == {"a": START}


def test_the_state_of_twenty_thousand_contacts_stays_under_a_mebibyte():
    sync = Sync(*(Contact(f"{number:024x}", "2023-01-01T00:00:00.000Z") for number in range(20_000)), by_creation=True)
    sizes = []
    for batch in sync.cursor.stream_slices():
        sync.close(batch, "2024-02-01T00:00:00Z")
        sizes.append(len(json.dumps(sync.state)))
    assert len(sizes) == 20_000 / BATCH_SIZE
    assert 2**18 < max(sizes) < 2**20
    assert sync.state == {"createdAt": "2024-02-01T00:00:00Z"}


class TestContactsWithoutActivity:
    """The last event that is known is of 10 February; contacts are read from the 9th on."""

    CURSOR, UNTIL = "2024-02-10T00:00:00Z", "2024-01-20T00:00:00Z"
    QUIET, ACTIVE = "2024-02-08T23:59:59.999Z", "2024-02-09T00:00:00Z"

    def sync(self, *known: Contact, state: Mapping[str, Any] | None = None, **config: Any) -> Sync:
        sync = Sync(state={"createdAt": self.CURSOR} if state is None else state, **config)
        sync.list.known = known
        sync.list.audit = Audit(Runtime(2))
        manager = ConnectorStateManager(
            stream_state("contact_events", {"createdAt": self.CURSOR} if state is None else state)
        )
        sync.cursor = ContactCursor(sync.stream, sync.config, sync.list, sync.repository, manager)
        return sync

    def read(self, sync: Sync, events: Mapping[str, str] | None = None) -> dict[str, list[str]]:
        """From when on each contact has been read; its latest event is looked at as a worker does."""
        starts: dict[str, list[str]] = {}
        for batch in sync.cursor.stream_slices():
            for contact, start in batch.partition["contacts"].items():
                starts.setdefault(contact, []).append(start)
                assert sync.list.audit
                if events and contact in events:
                    sync.list.audit.look_at(contact, Page((), events[contact]))
            sync.list.audit.end(batch.partition["contacts"])
            sync.close(batch)
        return starts

    def quiet(self, number: int) -> list[Contact]:
        return [Contact(f"quiet{position}", active_until=self.QUIET) for position in range(number)]

    def test_they_are_skipped_but_for_twenty(self, log):
        sync = self.sync(*self.quiet(100), Contact("active", active_until=self.ACTIVE), Contact("unknown"))
        starts = self.read(sync)
        assert len(starts) == 22
        assert starts.keys() >= {"active", "unknown"}
        assert {start for of_one in starts.values() for start in of_one} == {"2024-02-09T00:00:00Z"}
        assert sync.state == {"createdAt": self.CURSOR, "none_skipped_until": self.CURSOR}
        assert "contact_events: 80 contacts are skipped" in log.text
        assert "20 like them, chosen at random, are read" in log.text

    @pytest.mark.parametrize(
        ("until", "read"), [("2024-02-09T00:00:04.999Z", 20), ("2024-02-09T00:00:05.000Z", 100)], ids=["before", "at"]
    )
    def test_activity_in_the_second_from_which_a_contact_is_read_is_new(self, until, read):
        quiet = [Contact(f"quiet{position}", active_until=until) for position in range(100)]
        assert len(self.read(self.sync(*quiet, state={"createdAt": "2024-02-10T00:00:05Z"}))) == read

    def test_without_a_cursor_none_is_skipped(self):
        sync = self.sync(*self.quiet(100), state={})
        assert len(self.read(sync)) == 100
        assert "none_skipped_until" not in sync.state

    def test_listed_contacts_are_not_skipped(self):
        assert len(self.read(self.sync(contact_ids=many(50)))) == 50

    def test_one_that_was_created_since_is_read_from_the_start(self):
        new = Contact("new", "2024-02-11T00:00:00Z", active_until="2024-02-11T00:00:00Z")
        assert self.read(self.sync(*self.quiet(30), new))["new"] == [START]

    def test_the_chosen_are_read_from_where_none_was_skipped(self):
        state = {"createdAt": self.CURSOR, "none_skipped_until": self.UNTIL}
        sync = self.sync(*self.quiet(100), Contact("active", active_until=self.ACTIVE), state=state)
        starts = self.read(sync)
        assert starts.pop("active") == ["2024-02-09T00:00:00Z"]
        assert {start for of_one in starts.values() for start in of_one} == {"2024-01-19T00:00:00Z"}
        assert sync.state == state

    @pytest.mark.parametrize("event", ["2024-02-09T00:00:00Z", "2024-02-20T00:00:00Z"])
    def test_a_new_event_of_one_ends_the_skipping_and_all_are_read(self, log, event):
        quiet = self.quiet(300)
        state = {"createdAt": self.CURSOR, "none_skipped_until": self.UNTIL}
        sync = self.sync(*quiet, Contact("active", active_until=self.ACTIVE), state=state)
        starts = self.read(sync, {contact.id: event for contact in quiet})
        assert len(starts) == 301
        assert {of_one[-1] for of_one in starts.values()} == {"2024-01-19T00:00:00Z"}
        assert sync.state == {"createdAt": self.CURSOR}
        [line] = [line for line in log.text.splitlines() if "must not be skipped" in line]
        assert "has events that are newer than its last activity" in line
        assert "in this sync all are read, from 2024-01-19T00:00:00Z on. Set `provider.contacts` to all." in line

    def test_an_event_that_an_earlier_sync_has_missed_ends_it_too(self):
        quiet = [Contact(f"q{number}", active_until="2024-01-25T00:00:00Z") for number in range(50)]
        state = {"createdAt": self.CURSOR, "none_skipped_until": self.UNTIL}
        kept = self.sync(*quiet, state=state)
        # Within the lookback no sync can have missed it.
        assert len(self.read(kept, dict.fromkeys((each.id for each in quiet), "2024-01-26T00:00:00Z"))) == 20
        sync = self.sync(*quiet, state=state)
        assert len(self.read(sync, dict.fromkeys((each.id for each in quiet), "2024-01-26T00:00:01Z"))) == 50

    def test_a_sync_that_is_stopped_behind_that_reads_all_when_it_goes_on(self):
        quiet = self.quiet(60)
        sync = self.sync(*quiet, state={"createdAt": self.CURSOR, "none_skipped_until": self.UNTIL})
        slices = sync.cursor.stream_slices()
        assert sync.list.audit
        first = next(slices)
        for contact in first.partition["contacts"]:
            sync.list.audit.look_at(contact, Page((), "2024-02-20T00:00:00Z"))
        again = next(slices)
        assert sync.state == {"createdAt": self.UNTIL, "read_all": True}
        # What had been begun before is no more than it was.
        sync.close(first)
        assert sync.state == {"createdAt": self.UNTIL, "read_all": True}
        sync.close(again)
        stopped = sync.state
        assert stopped == {
            "createdAt": self.UNTIL,
            "contacts": dict.fromkeys(again.partition["contacts"], self.CURSOR),
            "read_all": True,
        }
        resumed = self.sync(*quiet, state=stopped)
        starts = self.read(resumed)
        assert len(starts) == 60
        assert starts["quiet59"] == ["2024-01-19T00:00:00Z"]
        # Here nobody reads an event that would move it.
        assert resumed.state == {"createdAt": self.UNTIL}

    def test_when_none_are_to_be_skipped_any_more_all_are_read_from_where_none_was(self):
        state = {"createdAt": self.CURSOR, "none_skipped_until": self.UNTIL, "contacts": {"a": self.CURSOR}}
        sync = Sync("a", "b", state=state)
        assert sync.list.audit is None
        assert sync.starts() == {"a": "2024-01-19T00:00:00Z", "b": "2024-01-19T00:00:00Z"}
        assert "none_skipped_until" not in sync.state

    def test_an_interrupted_sync_goes_on_and_keeps_until_when_none_was_skipped(self):
        created = [
            Contact(f"c{number:03d}", f"2024-01-01T00:{number // 60:02d}:{number % 60:02d}Z", self.QUIET)
            for number in range(500)
        ]
        active = [Contact(f"a{number}", f"2024-01-01T01:00:{number:02d}Z", self.ACTIVE) for number in range(50)]
        sync = self.sync(*created, *active)
        sync.list.by_creation = True
        manager = ConnectorStateManager(stream_state("contact_events", {"createdAt": self.CURSOR}))
        sync.cursor = ContactCursor(sync.stream, sync.config, sync.list, sync.repository, manager)
        first, second = [batch for batch, _ in zip(sync.cursor.stream_slices(), range(2), strict=False)]
        sync.close(first)
        sync.close(second)
        assert sync.state["none_skipped_until"] == self.CURSOR
        assert sync.state["createdAt"] == self.CURSOR
        assert sync.state["list_read"]["created_at"] > "2024-01-01T01:00:00Z"

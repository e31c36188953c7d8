from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import InMemoryMessageRepository
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.changes import ChangesCursor, ChangesReader
from source_events.components.mapped import MappedEntityDecoder
from source_events.components.paging import OffsetPaging
from source_events.components.reader import PageReader
from source_events.components.selection import Selection
from source_events.components.windows import Slice
from source_events.runtime import Runtime
from unit_tests.parts import YEAR, Endpoint, completed, records
from unit_tests.reading import stream_state

CONFIG = completed({"provider_type": "p", "api_url": "https://example.com", "time_zone": "Europe/Prague"})
Change = tuple[str, str | None]


def answer(*changes: Change) -> dict[str, Any]:
    return {"rows": [{"key": key, "changed": time} for key, time in changes]}


class List:
    """A list with what it answers, in both orders, two rows a page unless the answers say otherwise."""

    def __init__(self, newest: Iterable[Any] = (), whole: Iterable[Any] = ()) -> None:
        self.runtime = Runtime(1)
        self.stream = self.runtime.stream("contacts")
        self.newest, self.whole = self._endpoint(newest), self._endpoint(whole)
        self.reader = ChangesReader(
            CONFIG,
            self.stream,
            "changed",
            self._pages(self.whole),
            self._pages(self.newest),
            "{{ config['provider']['time_zone'] }}",
        )

    def _endpoint(self, answers: Iterable[Any]) -> Endpoint:
        decoder = MappedEntityDecoder(
            CONFIG, None, rows="rows", id="key", changed="changed?", time_zone="Europe/Prague"
        )
        return Endpoint(decoder, answers, self.runtime.memory)

    def _pages(self, endpoint: Endpoint) -> PageReader:
        selection = Selection(CONFIG, self.stream)
        return PageReader(self.stream, endpoint, selection, OffsetPaging())  # type: ignore[arg-type]

    def changes(self, since: str) -> Sequence[str]:
        return self._ids(self.reader.changes(Slice(since, YEAR[1])))

    def all(self) -> Sequence[str]:
        return self._ids(self.reader.read(Slice(*YEAR)))

    def _ids(self, pages: Any) -> Sequence[str]:
        found = [record["id"] for record in records(pages)]
        assert self.runtime.memory.used == 0
        return found


NEW, OLD = ("new", "2024-03-02 10:00:00"), ("old", "2024-01-01 10:00:00")


class TestChanges:
    def test_the_first_row_that_is_older_ends_the_list(self):
        listed = List([answer(NEW, ("b", "2024-03-01 10:00:00")), answer(("c", "2024-02-01 10:00:00"), OLD)])
        assert listed.changes("2024-02-01T09:00:00Z") == ["new", "b", "c"]
        assert listed.newest.asked == [{}, {"offset": 2}]
        assert listed.reader.reached == "2024-03-02T09:00:00Z"
        counted = listed.stream.counts.now
        assert (counted.received, sum(counted.left_out.values())) == (4, 1)

    def test_what_has_been_handed_over_stays_when_the_reading_ends_behind_it(self):
        listed = List([answer(NEW, OLD)])
        [page] = listed.reader.changes(Slice("2024-02-01T00:00:00Z", YEAR[1]))
        assert [row.envelope.id for row in page.rows] == ["new"]
        page.release()
        assert listed.runtime.memory.used == 0

    def test_where_all_are_older_one_request_is_enough(self):
        listed = List([answer(OLD, OLD)])
        assert listed.changes("2024-02-01T00:00:00Z") == []
        assert listed.newest.asked == [{}]

    def test_one_that_was_changed_at_the_first_second_is_taken(self):
        assert List([answer(OLD), answer()]).changes("2024-01-01T09:00:00Z") == ["old"]
        assert List([answer(OLD)]).changes("2024-01-01T09:00:01Z") == []

    def test_rows_without_a_time_of_change_come_behind_all_others(self):
        listed = List([answer(NEW, ("zero", "0000-00-00 00:00:00")), answer(("null", None))])
        assert listed.changes("2024-02-01T00:00:00Z") == ["new"]
        assert listed.newest.asked == [{}]

    def test_an_installation_that_takes_no_notice_of_the_order_is_read_to_its_end(self):
        listed = List([answer(OLD, NEW), answer(OLD, ("b", "2024-03-01 10:00:00")), answer()])
        assert listed.changes("2024-02-01T00:00:00Z") == ["new", "b"]
        assert len(listed.newest.asked) == 3

    def test_nothing_of_a_repeated_hour_is_missed(self):
        """At 2:30 of the second pass the clock shows what it has shown before."""
        second_pass = ("second", "2024-10-27 02:10:00")
        listed = List([answer(("first", "2024-10-27 02:30:00"), second_pass), answer(OLD)])
        assert listed.changes("2024-10-27T00:30:00Z") == ["first", "second"]

    def test_a_time_that_cannot_be_read_is_an_error_that_names_the_row(self):
        with pytest.raises(
            AirbyteTracedException, match=r"^Record odd has a time that cannot be read: 'yesterday'"
        ) as caught:
            List([answer(NEW, ("odd", "yesterday"))]).changes("2024-02-01T00:00:00Z")
        assert caught.value.failure_type is FailureType.system_error

    def test_an_empty_list_reaches_nothing(self):
        listed = List([answer()])
        assert listed.changes("2024-02-01T00:00:00Z") == []
        assert listed.reader.reached is None


class TestTheWholeList:
    def test_it_reaches_the_newest_change_at_its_begin_whatever_changes_meanwhile(self):
        listed = List(
            [answer(NEW, OLD)], [answer(("a", "2024-01-05 00:00:00"), ("b", "2024-09-09 00:00:00")), answer()]
        )
        assert listed.all() == ["a", "b"]
        assert listed.reader.reached == "2024-03-02T09:00:00Z"
        assert listed.stream.counts.now.received == 2

    def test_one_that_fails_reaches_nothing(self):
        listed = List([answer(NEW)], [answer(NEW), RuntimeError("the API is down")])
        with pytest.raises(RuntimeError):
            listed.all()
        assert listed.reader.reached is None


class TestCursor:
    @staticmethod
    def cursor(state: Mapping[str, Any] | None, reached: str | None = None) -> ChangesCursor:
        listed = List()
        listed.reader.reached = reached
        manager = ConnectorStateManager(stream_state("contacts", state) if state is not None else [])
        return ChangesCursor(listed.stream, CONFIG, listed.reader, InMemoryMessageRepository(), manager)

    def test_without_a_state_all_is_read_and_with_one_the_lookback_before_it(self):
        [slice_] = self.cursor(None).stream_slices()
        assert "since" not in slice_
        [slice_] = self.cursor({"changed_at": "2024-02-02T00:00:00Z"}).stream_slices()
        assert slice_["since"] == "2024-02-01T00:00:00Z"

    @pytest.mark.parametrize(
        ("state", "reached", "after"),
        [
            (None, None, {}),
            (None, "2024-02-02T00:00:00Z", {"changed_at": "2024-02-02T00:00:00Z"}),
            ({"changed_at": "2024-02-02T00:00:00Z"}, None, {"changed_at": "2024-02-02T00:00:00Z"}),
            ({"changed_at": "2024-02-02T00:00:00Z"}, "2024-02-01T00:00:00Z", {"changed_at": "2024-02-02T00:00:00Z"}),
            ({"changed_at": "2024-02-02T00:00:00Z"}, "2024-02-03T00:00:00Z", {"changed_at": "2024-02-03T00:00:00Z"}),
        ],
    )
    def test_it_moves_with_the_end_of_a_reading_and_never_back(self, state, reached, after):
        cursor = self.cursor(state, reached)
        assert cursor.state == (state or {})
        cursor.close_partition(None)
        assert cursor.state == after

"""The account changes while it is read: nothing that stays there is lost, over this sync and the next."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from integration_tests import app_market, swipe_one
from integration_tests.cases import Moving, zulu
from integration_tests.connector import Json, Output
from integration_tests.prepared import PreparedConnector
from integration_tests.systems import STREAMS
from sandbox.process import Control, Sandbox
from unit_tests.registered import of_each

FIRST, LAST = "2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z"
EVENTS, PAGE = 200, 40
HELD = 1.5
"""Seconds for which a request is held, while the account changes."""


CASES: dict[str, Moving] = of_each("integration_tests.NAME", "MOVING")


@pytest.fixture(scope="module")
def connector() -> Iterator[PreparedConnector]:
    with PreparedConnector() as prepared:
        yield prepared


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Moving:
    chosen: Moving = request.param
    return chosen


of_each_that_asks_by_contact = pytest.mark.parametrize(
    "case",
    [case for name, case in CASES.items() if "contact_events" in STREAMS[name]],
    indirect=True,
    ids=lambda case: case.name,
)


@pytest.fixture
def sandbox(case: Moving) -> Iterator[Sandbox]:
    """One event every seven minutes of a day, of four contacts in turn."""
    with Sandbox(events=0, contacts=4, no_example=True) as running:
        running.control.add_events(
            case.name, [case.event_at(number, moment_of(number), case.contacts[number % 4]) for number in range(EVENTS)]
        )
        running.control.behaviour(case.name, **{case.cap: PAGE if case.stream == "org_events" else PAGE // 4})
        yield running


def moment_of(number: int) -> datetime:
    return datetime.fromisoformat(FIRST[:19]).replace(tzinfo=timezone.utc) + timedelta(minutes=7 * number)


def settings(case: Moving, sandbox: Sandbox, **fields: Any) -> Json:
    """One slice, one request after the other."""
    default = {"start_date": FIRST, "end_date": "2024-01-31T00:00:00Z", "window_size": "P99D", "num_workers": 1}
    return case.config(sandbox, **{**default, **fields})


@dataclass
class Reader:
    """Reads while something happens."""

    connector: PreparedConnector
    control: Control

    def read_while(
        self, change: Callable[[], object], path: str, skip: int, config: Json, *streams: str, **options: Any
    ) -> Output:
        """Make the change while the request behind `skip` others to this path waits for its answer."""
        self.control.add_fault(path=path, skip=skip, delay=HELD)
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(self.connector.read, config, *streams, **options)
            deadline = time.monotonic() + 60
            while not self.control.faults()[0]["fired"]:
                assert not reading.done(), reading.result().text
                assert time.monotonic() < deadline
                time.sleep(0.02)
            change()
            output: Output = reading.result()
        self.control.clear_faults()
        return output


@pytest.fixture
def reader(connector: PreparedConnector, sandbox: Sandbox) -> Reader:
    return Reader(connector, sandbox.control)


def assert_all_there(case: Moving, control: Control, *outputs: Output) -> None:
    """What the account has now has come, in one of these syncs at least; the primary key removes what came again."""
    records = {}
    for output in outputs:
        assert (output.status, output.errors) == (0, [])
        records.update({record["id"]: record for record in output.records(case.stream)})
    found = case.contents(records.values())
    assert {name: found[name] for name in control.event_ids(case.name)} == Counter(control.event_ids(case.name))


@pytest.mark.parametrize("page", [1, 3])
def test_events_that_come_in_between_are_in_this_sync_or_in_the_next(
    case: Moving, sandbox: Sandbox, reader: Reader, page: int
) -> None:
    """One is dated before all that is read, one within it, and one behind: all within the lookback of the cursor."""
    lookback = {"lookback_window": "P1D"}
    newcomers = [moment_of(EVENTS - 1) - timedelta(hours=hours) for hours in (23, 12)] + [moment_of(EVENTS)]

    def change() -> None:
        reader.control.add_events(case.name, [case.event_at(1000 + n, at) for n, at in enumerate(newcomers)])

    config = settings(case, sandbox, **lookback)
    first = reader.read_while(change, case.feed, page, config, case.stream)
    second = reader.connector.read(config, case.stream, state=first.state)
    assert_all_there(case, reader.control, first, second)


@pytest.mark.parametrize("deleted", [range(3), range(55, 60), range(EVENTS - 3, EVENTS)], ids=str)
def test_events_that_are_deleted_in_between_take_no_others_with_them(
    case: Moving, sandbox: Sandbox, reader: Reader, deleted: range
) -> None:
    """Of pages that are counted by rows, all that follow move: what was on the next page is on one that was read."""
    if case.name == "app_market":
        reader.control.behaviour(case.name, with_total=True, envelope="events")
    ids = [case.told(case.event_at(number, moment_of(number), case.contacts[number % 4])) for number in deleted]
    assert set(ids) <= set(reader.control.event_ids(case.name))
    output = reader.read_while(
        lambda: reader.control.delete_events(case.name, ids), case.feed, 2, settings(case, sandbox), case.stream
    )
    assert_all_there(case, reader.control, output)


@of_each_that_asks_by_contact
def test_a_contact_that_is_deleted_in_between_is_skipped_and_no_other_is(
    case: Moving, sandbox: Sandbox, reader: Reader
) -> None:
    if case.name == "app_market":
        reader.control.behaviour(case.name, unknown_contact="not_found")
    gone = case.contacts[3]

    def change() -> None:
        assert not any(gone in request["target"] for request in reader.control.requests())
        reader.control.delete_contact(case.name, gone)

    of_gone = set(reader.control.event_ids(case.name, contact=gone))
    config = settings(case, sandbox, contact_ids=list(case.contacts))
    output = reader.read_while(change, case.contact_path, 0, config, "contact_events")
    assert (output.status, output.errors) == (0, [])
    assert set(case.contents(output.records("contact_events"))) == set(reader.control.event_ids(case.name)) - of_gone
    assert any("A contact is skipped" in line and gone in line for line in output.logs)
    assert any("1 not found any more" in line for line in output.logs)


def test_a_clock_that_is_ahead_neither_brings_events_early_nor_moves_the_cursor_past_now(
    case: Moving, sandbox: Sandbox, reader: Reader
) -> None:
    now = datetime.now(timezone.utc)
    ahead = [now + timedelta(hours=2), now + timedelta(days=40)]

    def change() -> None:
        reader.control.add_events(case.name, [case.event_at(2000 + n, moment) for n, moment in enumerate(ahead)])

    before = set(reader.control.event_ids(case.name))
    config = settings(case, sandbox, window_size="P9999D")
    del config["end_date"]
    output = reader.read_while(change, case.feed, 1, config, case.stream)
    assert (output.status, output.errors) == (0, [])
    assert set(case.contents(output.records(case.stream))) == before
    assert output.cursor(case.stream)["createdAt"] == zulu(moment_of(EVENTS - 1))
    # A sync whose time has come by then brings them, and the one that comes a moment later as well.
    until = zulu(now + timedelta(days=41))
    late = reader.connector.read({**config, "end_date": until}, case.stream, state=output.state)
    assert_all_there(case, reader.control, output, late)


class TestDrift:
    """New events come in after each page that is read."""

    def test_the_newest_first_pages_of_swipe_one_lose_and_repeat_nothing(self, connector: PreparedConnector) -> None:
        case = CASES["swipe_one"]
        with Sandbox(events=EVENTS, contacts=4, no_example=True) as sandbox:
            before = set(sandbox.control.event_ids(case.name))
            sandbox.control.behaviour(case.name, drift=3, limit_cap=10)
            config = swipe_one.config(sandbox)
            first = connector.read(config, case.stream)
            assert before <= set(case.contents(first.records(case.stream)))
            sandbox.control.behaviour(case.name, drift=0)
            second = connector.read(config, case.stream, state=first.state)
            assert_all_there(case, sandbox.control, first, second)

    @pytest.mark.parametrize("order", ["ascending", "descending", "added"])
    def test_offsets_of_app_market_lose_nothing_in_any_order(self, connector: PreparedConnector, order: str) -> None:
        case = CASES["app_market"]
        with Sandbox(events=EVENTS, contacts=4, no_example=True) as sandbox:
            control = sandbox.control
            control.behaviour(case.name, order=order, limit_cap=PAGE)
            config = app_market.config(sandbox.url, window_size="P99D", num_workers=1, lookback_window="P99D")
            start = datetime(2024, 1, 15, tzinfo=timezone.utc)
            outputs = [
                Reader(connector, control).read_while(
                    lambda page=page: control.add_events(  # type: ignore[misc]
                        case.name, [case.event_at(page, start + timedelta(days=page))]
                    ),
                    case.feed,
                    page,
                    config,
                    case.stream,
                )
                for page in (1, 2, 3)
            ]
            assert_all_there(case, control, *outputs, connector.read(config, case.stream, state=outputs[-1].state))

"""The demo of one provider: events, a sync, a week of new events, a second sync, and a check after each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from requests import RequestException

from demo.providers import Provider
from demo.report import Screen
from demo.syncing import Sync, sync
from demo.warehouse import differences, open_warehouse
from sandbox.process import Control

WEEKS = 26
PERIODS = ((0, 25, 0.5), (13, 25, 0.3), (15, 18, 0.2))
"""First week, last week and share of the events: a steady base, growth, and a campaign."""

LOOKBACK, LOOKBACK_IN_SQL = "P1D", "1 DAY"


@dataclass(frozen=True)
class Amounts:
    events: int
    contacts: int
    new: int


@dataclass(frozen=True)
class Stage:
    """What a story is played with."""

    screen: Screen
    control: Control
    url: str
    executable: Path


@dataclass(frozen=True)
class StreamOutcome:
    """One stream: the records of the two syncs, and the rows in the table at the end."""

    stream: str
    first: int
    second: int
    rows: int


@dataclass
class Outcome:
    provider: Provider
    start: datetime
    streams: list[StreamOutcome] = field(default_factory=list)
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


def play(provider: Provider, amounts: Amounts, stage: Stage) -> Outcome:
    """Sync twice; the outcome says what the tables hold and what is wrong with it."""
    outcome = Outcome(provider, datetime.now(timezone.utc).replace(microsecond=0) - timedelta(weeks=WEEKS))
    screen = stage.screen
    with screen.working("making events"):
        for first_week, last_week, share in PERIODS:
            _add_events(outcome, stage, round(amounts.events * share), amounts.contacts, first_week, last_week)

    screen.heading(f"{provider.title}: first sync: everything since {outcome.start:%B %Y}")
    first = _sync(outcome, stage)
    for stream, records in first.records.items():
        screen.line(f"{stream:16}{records:>8,} records")
    _check(outcome, stage)
    again = _last_day(provider)

    screen.heading(f"{provider.title}: second sync: from where the first ended, after a week of new events")
    new = _add_events(outcome, stage, amounts.new, amounts.contacts, WEEKS - 1, WEEKS)
    second = _sync(outcome, stage)
    for stream, records in second.records.items():
        parts = f" = {new:,} new + {again[stream]:,} read again (lookback: a day)" if stream in again else ""
        screen.line(f"{stream:16}{records:>8,} records{parts}")
        if stream in again and records != new + again[stream]:
            _fail(outcome, stage, f"{stream}: {records:,} records were read instead of {new + again[stream]:,}")
    _check(outcome, stage)

    with open_warehouse(provider.name) as warehouse:
        outcome.streams = [
            StreamOutcome(stream, first.records[stream], second.records[stream], warehouse.rows(stream))
            for stream in first.records
        ]
    return outcome


def show(outcome: Outcome, screen: Screen) -> None:
    """What a person wants to see of it."""
    screen.heading(f"{outcome.provider.title}: rows")
    screen.table(
        ["stream", "first sync", "second sync", "in the table"],
        [[one.stream, f"{one.first:,}", f"{one.second:,}", f"{one.rows:,}"] for one in outcome.streams],
    )
    with open_warehouse(outcome.provider.name) as warehouse:
        trends = warehouse.trends(outcome.provider.streams[0], outcome.start, WEEKS)
    screen.trends(outcome.provider.title, trends, outcome.start, WEEKS)


def _add_events(outcome: Outcome, stage: Stage, events: int, contacts: int, first_week: int, last_week: int) -> int:
    start = outcome.start + timedelta(weeks=first_week)
    # A second short of the end: the next period begins there, and nothing may lie in the future.
    end = outcome.start + timedelta(weeks=last_week, seconds=-1)
    return stage.control.add_events(
        outcome.provider.name, generate=events, contacts=contacts, start=_text(start), end=_text(end)
    )


def _sync(outcome: Outcome, stage: Stage) -> Sync:
    stage.control.clear_requests()
    config: Mapping[str, Any] = {
        "provider": dict(outcome.provider.connection(stage.url)),
        "start_date": _text(outcome.start),
        "lookback_window": LOOKBACK,
    }
    with stage.screen.working("syncing with PyAirbyte into DuckDB", lambda: _served(stage.control)):
        done = sync(stage.executable, config, schema=outcome.provider.name)
    outcome.seconds += done.seconds
    requests = len(stage.control.requests())
    total = sum(done.records.values())
    stage.screen.line(f"{total:,} records by {requests:,} requests, in DuckDB after {done.seconds:.1f} s")
    return done


def _served(control: Control) -> str:
    try:
        requests = control.requests()
    except RequestException:
        return ""
    return f"{len(requests):,} requests, {sum(request.get('rows') or 0 for request in requests):,} rows served"


def _check(outcome: Outcome, stage: Stage) -> None:
    """Compare the tables with the sandbox, event by event."""
    expected = stage.control.event_ids(outcome.provider.name)
    with open_warehouse(outcome.provider.name) as warehouse:
        found = {stream: warehouse.ids(stream) for stream in outcome.provider.streams}
    wrong = [text for stream, ids in found.items() for text in differences(stream, ids, expected)]
    for text in wrong:
        _fail(outcome, stage, text)
    if not wrong:
        stage.screen.good(f"each table holds exactly the {len(expected):,} events of the sandbox, none of them twice")


def _last_day(provider: Provider) -> dict[str, int]:
    """How many events of each stream the lookback covers."""
    with open_warehouse(provider.name) as warehouse:
        return {stream: warehouse.rows_of_last(LOOKBACK_IN_SQL, stream) for stream in provider.streams}


def _fail(outcome: Outcome, stage: Stage, text: str) -> None:
    outcome.failures.append(text)
    stage.screen.bad(text)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

"""The demo of one provider: events, a sync, a week of new events, a second sync, and a check after each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
    """What a story is played with; the events begin at `start`, and end now."""

    screen: Screen
    control: Control
    url: str
    executable: Path
    start: datetime


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
    streams: list[StreamOutcome] = field(default_factory=list)
    events: int = 0
    seconds: float = 0.0
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Again:
    """The events that a further sync reads once more: those that the lookback covers, and those without a time."""

    recent: int
    undated: int

    @property
    def total(self) -> int:
        return self.recent + self.undated

    def __str__(self) -> str:
        return f"{self.recent:,} again" + (f" + {self.undated:,} undated" if self.undated else "")


def play(provider: Provider, amounts: Amounts, stage: Stage) -> Outcome:
    """Sync twice; the outcome says what the tables hold and what is wrong with it."""
    outcome, screen = Outcome(provider), stage.screen
    screen.heading(f"{provider.title}: first sync, of everything since {stage.start:%B %Y}")
    with screen.working("making events"):
        for (first_week, last_week, _), events in zip(PERIODS, _shared(amounts.events), strict=True):
            _add_events(outcome, stage, events, amounts.contacts, first_week, last_week)
    first = _sync(outcome, stage)
    width = max(map(len, first.records))
    for stream, records in first.records.items():
        screen.line(f"{stream:{width}}{records:>8,} records")
    _check(outcome, stage)
    again = _read_again(provider)

    screen.heading(f"{provider.title}: second sync, after a week of new events")
    new = _add_events(outcome, stage, amounts.new, amounts.contacts, WEEKS - 1, WEEKS)
    second = _sync(outcome, stage)
    for stream, records in second.records.items():
        parts = f" = {new:,} new + {again[stream]}" if stream in again else ""
        screen.line(f"{stream:{width}}{records:>8,} records{parts}")
        if stream in again and records != new + again[stream].total:
            _fail(outcome, stage, f"{stream}: {records:,} records were read instead of {new + again[stream].total:,}")
    screen.line("again: the last day of the first sync, for events that come late", "dim")
    if any(each.undated for each in again.values()):
        screen.line("undated: events without a time, which come with each sync", "dim")
    _check(outcome, stage)

    with open_warehouse() as warehouse:
        outcome.streams = [
            StreamOutcome(stream, first.records[stream], second.records[stream], warehouse.rows(provider, stream))
            for stream in first.records
        ]
        trends = warehouse.type_trends(provider, stage.start, WEEKS)
    screen.trends(f"{provider.title}: events by type", "type", trends, stage.start, WEEKS)
    return outcome


def _shared(events: int) -> list[int]:
    """The events of each period; what rounding leaves over is the last one's."""
    *before, _ = [int(events * share) for _, _, share in PERIODS]
    return [*before, events - sum(before)]


def _add_events(outcome: Outcome, stage: Stage, events: int, contacts: int, first_week: int, last_week: int) -> int:
    start = stage.start + timedelta(weeks=first_week)
    # A second short of the end: the next period begins there, and nothing may lie in the future.
    end = stage.start + timedelta(weeks=last_week, seconds=-1)
    return stage.control.add_events(
        outcome.provider.name, generate=events, contacts=contacts, start=_text(start), end=_text(end)
    )


def configuration(provider: Provider, stage: Stage) -> Mapping[str, Any]:
    return {
        "provider": dict(provider.connection(stage.url)),
        "start_date": _text(stage.start),
        "lookback_window": LOOKBACK,
    }


def _sync(outcome: Outcome, stage: Stage) -> Sync:
    stage.control.clear_requests()
    config = configuration(outcome.provider, stage)
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
    provider = outcome.provider
    expected = stage.control.event_ids(provider.name)
    outcome.events = len(expected)
    with open_warehouse() as warehouse:
        found = {stream: warehouse.events(provider, stream) for stream in provider.streams}
    wrong = [text for stream, events in found.items() for text in differences(stream, events, expected)]
    for text in wrong:
        _fail(outcome, stage, text)
    if not wrong:
        stage.screen.good(f"{' and '.join(found)}: the sandbox's {len(expected):,} events, each once")


def _read_again(provider: Provider) -> dict[str, Again]:
    with open_warehouse() as warehouse:
        return {
            stream: Again(
                warehouse.rows_of_last(LOOKBACK_IN_SQL, provider, stream),
                warehouse.rows_without_time(provider, stream),
            )
            for stream in provider.streams
        }


def _fail(outcome: Outcome, stage: Stage, text: str) -> None:
    outcome.failures.append(f"{outcome.provider.title}: {text}")
    stage.screen.bad(text)


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"

"""The command line: the stories of the providers one after the other, what they have in common, and how to go on."""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from demo import environment
from demo.loading import load_own, suggest_own
from demo.providers import PROVIDERS, Provider
from demo.report import Screen
from demo.story import WEEKS, Amounts, Outcome, Stage, play
from demo.syncing import SyncFailed, load_pyairbyte
from demo.warehouse import ENVELOPE, VIEW, open_warehouse, view
from sandbox.process import Sandbox


def main() -> int:
    arguments = _parser().parse_args()
    amounts = Amounts(arguments.events, arguments.contacts, arguments.new)
    providers = [provider for provider in PROVIDERS if not arguments.provider or provider.name in arguments.provider]
    screen = Screen()
    try:
        return _run(providers, amounts, screen)
    except (SyncFailed, environment.NotInstalled) as error:
        screen.bad(str(error))
        return 1
    except KeyboardInterrupt:
        screen.bad("interrupted")
        return 130


def _run(providers: list[Provider], amounts: Amounts, screen: Screen) -> int:
    started = time.monotonic()
    executable = environment.connector_executable()
    environment.fresh_folder()
    screen.heading("source-events, into a DuckDB file with PyAirbyte")
    screen.line(", then ".join(provider.title for provider in providers))
    with screen.working("starting"):
        load_pyairbyte()
    start = datetime.now(timezone.utc).replace(microsecond=0) - timedelta(weeks=WEEKS)
    with Sandbox(events=0, contacts=amounts.contacts, no_example=True) as sandbox:
        screen.line(f"A sandbox on this machine stands in for the APIs: {sandbox.url}")
        screen.line(f"Each has {amounts.events:,} events of {amounts.contacts:,} contacts, then {amounts.new:,} more.")
        stage = Stage(screen, sandbox.control, sandbox.url, executable, start)
        outcomes = [play(provider, amounts, stage) for provider in providers]
        not_loaded = load_own(providers, stage)
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    failures += [*not_loaded, *_show_all(outcomes, start, screen)]
    _conclude(outcomes, time.monotonic() - started, screen)
    if failures:
        screen.heading("Not all is as it should be")
    for failure in failures:
        screen.bad(failure)
    return 1 if failures else 0


def _show_all(outcomes: Sequence[Outcome], start: datetime, screen: Screen) -> list[str]:
    """Stack all systems' events in a view and show it; the answer says what is wrong with it."""
    providers = [outcome.provider for outcome in outcomes]
    with open_warehouse(writable=True) as warehouse:
        warehouse.stack(providers)
    with open_warehouse() as warehouse:
        summaries, distinct = warehouse.summaries(), warehouse.distinct_events()
        trends = warehouse.provider_trends(start, WEEKS)
    screen.heading(f"All systems in one view: {VIEW}")
    screen.line(f"a UNION ALL of {', '.join(provider.main_table for provider in providers)}")
    screen.line(f"by the fields that every event has: {', '.join(ENVELOPE)}")
    failures = _wrong_view(outcomes, {one.provider: one.events for one in summaries}, distinct)
    for failure in failures:
        screen.bad(failure)
    if not failures:
        screen.good(f"{distinct:,} events, each once")
    screen.heading("What is in it (days in UTC)")
    screen.table(
        ["provider", "events", "contacts", "first", "last", "without a time"],
        [
            [one.provider, f"{one.events:,}", f"{one.contacts:,}", str(one.first), str(one.last), f"{one.undated:,}"]
            for one in summaries
        ],
        total=["all", f"{sum(one.events for one in summaries):,}"],
    )
    screen.trends("Events by system", "provider", trends, start, WEEKS)
    return failures


def _wrong_view(outcomes: Sequence[Outcome], found: Mapping[str, int], distinct: int) -> list[str]:
    expected = {outcome.provider.name: outcome.events for outcome in outcomes}
    if found == expected and distinct == sum(expected.values()):
        return []
    return [f"{VIEW} has {found}, {distinct:,} of them different, instead of {expected}"]


def _conclude(outcomes: Sequence[Outcome], seconds: float, screen: Screen) -> None:
    screen.heading("All tables, and the records that each sync read")
    screen.table(
        ["table", "first sync", "second sync", "rows now"],
        [
            [f"{outcome.provider.name}.{one.stream}", f"{one.first:,}", f"{one.second:,}", f"{one.rows:,}"]
            for outcome in outcomes
            for one in outcome.streams
        ],
    )
    syncing = sum(outcome.seconds for outcome in outcomes)
    size = environment.DATABASE.stat().st_size / 1_000_000
    screen.heading("Result")
    screen.line(f"{seconds:.0f} s in all, {syncing:.0f} s of them syncing")
    screen.line(f"{environment.shown(environment.DATABASE)} ({size:.1f} MB), a schema for each system")
    _suggest([outcome.provider for outcome in outcomes], screen)


def _suggest(providers: Sequence[Provider], screen: Screen) -> None:
    database, file = environment.shown(environment.DATABASE), environment.shown(environment.QUERY)
    question = _question(providers)
    environment.QUERY.write_text(f"{question}\n{_as_comment(view(providers))}", encoding="utf-8")
    screen.heading(f"A question to go on with ({file})")
    screen.code(question)
    screen.heading("Ask it")
    python = environment.shown(Path(sys.executable))
    screen.code(
        f'{python} -c "import duckdb\n'
        f"tables = duckdb.connect('{database}', read_only=True)\n"
        f"tables.sql(open('{file}').read()).show()\""
    )
    suggest_own(screen)


def _question(providers: Sequence[Provider]) -> str:
    counts = "".join(f",\n       count(*) FILTER (WHERE provider = '{one.name}') AS {one.name}" for one in providers)
    return f"""\
-- How many events did each system have, week by week?
SELECT CAST(date_trunc('week', "createdAt") AS DATE) AS week{counts},
       count(DISTINCT (provider, "contactId")) AS contacts
FROM {VIEW}
WHERE "createdAt" IS NOT NULL
GROUP BY week
ORDER BY week DESC;
"""


def _as_comment(sql: str) -> str:
    return "".join(f"-- {line}\n" for line in [f"{VIEW} was made by", *sql.splitlines()])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Sync a sandbox into DuckDB, twice a system.")
    parser.add_argument("--events", type=_positive, default=5000, help="events before the first sync (%(default)s)")
    parser.add_argument("--contacts", type=_positive, default=50, help="contacts that have them (%(default)s)")
    parser.add_argument("--new", type=_positive, default=250, help="events before the second sync (%(default)s)")
    parser.add_argument(
        "--provider",
        action="append",
        choices=[provider.name for provider in PROVIDERS],
        help="only this system; may be repeated",
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number

"""The command line: the stories of the providers one after the other, and what to do with the result."""

import argparse
import sys
import time
from pathlib import Path

from demo import environment
from demo.providers import PROVIDERS, Provider
from demo.report import Screen
from demo.story import Amounts, Outcome, Stage, play, show
from demo.syncing import SyncFailed, load_pyairbyte
from sandbox.process import Sandbox


def main() -> int:
    arguments = _parser().parse_args()
    amounts = Amounts(arguments.events, arguments.contacts, arguments.new)
    providers = [provider for provider in PROVIDERS if not arguments.provider or provider.name in arguments.provider]
    screen = Screen()
    try:
        outcomes, seconds = _run(providers, amounts, screen)
    except (SyncFailed, environment.NotInstalled) as error:
        screen.bad(str(error))
        return 1
    except KeyboardInterrupt:
        screen.bad("interrupted")
        return 130
    return _conclude(outcomes, seconds, screen)


def _run(providers: list[Provider], amounts: Amounts, screen: Screen) -> tuple[list[Outcome], float]:
    started = time.monotonic()
    executable = environment.connector_executable()
    environment.fresh_folder()
    screen.heading("source-events, into a DuckDB file with PyAirbyte")
    with screen.working("starting"):
        load_pyairbyte()
    with Sandbox(events=0, contacts=amounts.contacts, no_example=True) as sandbox:
        screen.line(f"The sandbox stands in for the API at {sandbox.url}:")
        screen.line(f"{amounts.events:,} events of {amounts.contacts:,} contacts, then {amounts.new:,} new ones.")
        stage = Stage(screen, sandbox.control, sandbox.url, executable)
        outcomes = [play(provider, amounts, stage) for provider in providers]
    return outcomes, time.monotonic() - started


def _conclude(outcomes: list[Outcome], seconds: float, screen: Screen) -> int:
    for outcome in outcomes:
        show(outcome, screen)
    syncing = sum(outcome.seconds for outcome in outcomes)
    screen.heading("Result")
    screen.line(f"{seconds:.0f} s in all, {syncing:.0f} s of them syncing")
    size = environment.DATABASE.stat().st_size / 1_000_000
    screen.line(f"{environment.shown(environment.DATABASE)} ({size:.1f} MB), a schema for each system")
    _suggest(outcomes[0].provider.query, screen)
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    if failures:
        screen.heading("The tables are not what they should be")
    for failure in failures:
        screen.bad(failure)
    return 1 if failures else 0


def _suggest(query: str, screen: Screen) -> None:
    environment.QUERY.write_text(query, encoding="utf-8")
    database, file = environment.shown(environment.DATABASE), environment.shown(environment.QUERY)
    screen.heading(f"A question to go on with ({file})")
    screen.code(query)
    screen.heading("Ask it")
    python = environment.shown(Path(sys.executable))
    screen.code(
        f'{python} -c "import duckdb\n'
        f"tables = duckdb.connect('{database}', read_only=True)\n"
        f"tables.sql(open('{file}').read()).show()\""
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Sync a sandbox into DuckDB, twice.")
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

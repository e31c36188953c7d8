"""What the whole way to a warehouse costs, beside other tools: `python -m benchmarks.warehouse [--quick]`.

Events of the sandbox go into memory, Parquet, DuckDB and PostgreSQL. What a program starts counts with it, and so does
what the PostgreSQL server does for it. Every table is compared with what the sandbox serves, event by event.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import psycopg2
import pyarrow.parquet as pq

from benchmarks.__main__ import RESULTS, write
from benchmarks.completeness import Incomplete, airbyte, check_numbers
from benchmarks.cost import Cost, measure, median
from benchmarks.measured import cpu_of_ended, cpu_so_far, descendants
from benchmarks.parts import END, START, Row, say, streamed
from benchmarks.programs import CONNECTOR, LIMIT, PEERS, PROJECT, Task, write_files
from benchmarks.report import Target, judged, machine, row_of, table, verdicts
from benchmarks.workers import conditions, cpu_of_the_machine
from integration_tests.warehouse.postgres import Unavailable, ask, running_postgres
from sandbox.cloud4wi.feed import Selection
from sandbox.cloud4wi.streamed import StreamedFeed
from sandbox.cloud4wi.times import SECOND, format_time, parse_time
from sandbox.process import Sandbox
from sandbox.provider import Options

PART = "warehouse"
PYAIRBYTE = Path(os.environ.get("DEMO_PYTHON") or PROJECT / ".venv-demo/bin/python")
TARGET_DUCKDB = PROJECT / ".venv-bench-duckdb/bin/target-duckdb"
TARGET_POSTGRES = PEERS.with_name("target-postgres")
DUCKDB_TARGET_PYTHON, POSTGRES_TARGET = TARGET_DUCKDB.with_name("python"), "meltanolabs-target-postgres"
INSTALLED = Path(sys.executable).with_name("source-events")
"""The connector's own program, which PyAirbyte starts."""
FILE = "warehouse.duckdb"


@dataclass(frozen=True)
class Scale:
    """How many events, how often, and by how much the shares of slow programs are raised where that is little."""

    events: int = 1_000_000
    rounds: int = 3
    slow: float = 1.0


QUICK = Scale(events=100_000, rounds=1, slow=2.0)


@dataclass(frozen=True)
class Place:
    """What a run may write to: a folder of its own, and a database where there is a server."""

    folder: Path
    database: str = ""

    @property
    def output(self) -> Path:
        return self.folder / "output"


@dataclass(frozen=True)
class Way:
    """A program that takes events somewhere, and how to see what has arrived; `share` is its part of the events.

    In `command`, names in braces stand for files, the folder and the database.
    """

    name: str
    command: Sequence[str]
    arrived: Callable[[Place], Iterator[str]] | None
    """The ids; without, what is printed is their number."""
    share: float = 1.0
    postgres: bool = False
    needs: Path | None = None

    def arguments(self, task: Task, place: Place, lines: Path) -> list[str]:
        files = {**write_files(task, place.folder), "folder": str(place.folder), "database": place.database}
        files["lines"] = str(lines if not task.empty else _one_line(lines, place.folder))
        return [_filled(word, files) for word in self.command]


def _filled(word: str, files: Mapping[str, str]) -> str:
    for name, value in files.items():
        word = word.replace(f"{{{name}}}", value)
    return word


def _one_line(lines: Path, folder: Path) -> Path:
    """DuckDB's reader takes no empty file."""
    with lines.open("rb") as file:
        (folder / "one.jsonl").write_bytes(file.readline())
    return folder / "one.jsonl"


# --- what has arrived


def of_lines(place: Place) -> Iterator[str]:
    return airbyte(place.output)


def of_parquet(place: Place) -> Iterator[str]:
    for batch in pq.ParquetFile(place.folder / "events.parquet").iter_batches(columns=["id"]):
        yield from batch.column(0).to_pylist()


def of_duckdb(place: Place, name: str = "events.org_events") -> Iterator[str]:
    with duckdb.connect(str(place.folder / FILE), read_only=True) as connection:
        found = connection.execute(f"SELECT id FROM {name}")
        while rows := found.fetchmany(10_000):
            yield from (row[0] for row in rows)


def of_duckdb_alone(place: Place) -> Iterator[str]:
    return of_duckdb(place, "org_events")


def of_postgres(place: Place) -> Iterator[str]:
    connection = psycopg2.connect(place.database)
    try:
        with connection.cursor("ids") as cursor:
            cursor.itersize = 10_000
            cursor.execute("SELECT id FROM events.org_events")
            yield from (row[0] for row in cursor)
    finally:
        connection.close()


# --- the programs


def arrow(way: str, *file: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "benchmarks.arrow_ways", way, "{connector}", *file)


def load(to: str) -> tuple[str, ...]:
    names = ("--stream", "org_events", "--dataset", "events")
    return ("env", "DLT_DATA_DIR={folder}/dlt", *CONNECTOR, "load", "--config", "{connector}", "--to", to, *names)


def pyairbyte(*database: str) -> tuple[str, ...]:
    module = (str(PYAIRBYTE), "-m", "benchmarks.peers.pyairbyte")
    return ("env", "AIRBYTE_LOGGING_ROOT={folder}/logs", *module, str(INSTALLED), "{connector}", "{folder}", *database)


def meltano(target: Path, config: str) -> tuple[str, ...]:
    """A tap and a target, as Meltano joins them."""
    tap = f"{PEERS} -m benchmarks.peers.singer_tap --config {{peer}}"
    settings = f"cat > {{folder}}/target.json <<< '{config}'"
    return ("bash", "-euo", "pipefail", "-c", f"{settings}; {tap} | {target} --config {{folder}}/target.json")


READ, INTO_MEMORY, INTO_PARQUET, INTO_DUCKDB = (
    "connector, read > file",
    *(f"connector, Arrow into {place}" for place in ("memory", "Parquet", "DuckDB")),
)
LOAD_DUCKDB, LOAD_POSTGRES = "connector, load into DuckDB", "connector, load into PostgreSQL"
PYAIRBYTE_DUCKDB, PYAIRBYTE_POSTGRES = "PyAirbyte into DuckDB", "PyAirbyte into PostgreSQL"
DLT = "dlt rest_api into DuckDB"
DUCKDB_SETTINGS = json.dumps({"path": "{folder}/warehouse.duckdb", "default_target_schema": "events"})
POSTGRES_SETTINGS = json.dumps({"sqlalchemy_url": "{database}", "default_target_schema": "events"})
WAYS = (
    Way(READ, (*CONNECTOR, "read", "--config", "{connector}", "--catalog", "{catalog}"), of_lines),
    Way(INTO_MEMORY, arrow("memory"), None),
    Way(INTO_PARQUET, arrow("parquet", "{folder}/events.parquet"), of_parquet),
    Way(INTO_DUCKDB, arrow("duckdb", f"{{folder}}/{FILE}"), of_duckdb_alone),
    Way(LOAD_DUCKDB, load(f"duckdb:{{folder}}/{FILE}"), of_duckdb),
    Way(LOAD_POSTGRES, load("{database}"), of_postgres, postgres=True),
    Way("limit: raw splice > file", (*LIMIT, "splice", "{peer}"), of_lines),
    Way(
        "limit: DuckDB reads the lines itself",
        (sys.executable, "-m", "benchmarks.arrow_ways", "json", "{lines}", f"{{folder}}/{FILE}"),
        of_duckdb_alone,
    ),
    Way(PYAIRBYTE_DUCKDB, pyairbyte(), of_duckdb, 0.3, needs=PYAIRBYTE),
    Way(PYAIRBYTE_POSTGRES, pyairbyte("{database}"), of_postgres, 0.3, postgres=True, needs=PYAIRBYTE),
    Way(
        DLT,
        (str(PEERS), "-m", "benchmarks.peers.dlt_source", "duckdb", "{peer}", "{folder}"),
        of_duckdb,
        0.1,
        needs=PEERS,
    ),
    Way("Meltano tap, target-duckdb", meltano(TARGET_DUCKDB, DUCKDB_SETTINGS), of_duckdb, 0.1, needs=TARGET_DUCKDB),
    Way(
        "Meltano tap, target-postgres",
        meltano(TARGET_POSTGRES, POSTGRES_SETTINGS),
        of_postgres,
        0.1,
        postgres=True,
        needs=TARGET_POSTGRES,
    ),
)


# --- measuring


@dataclass(frozen=True)
class Arrival(Row):
    """A program's median figures. `cost` has the server's CPU in it, which `server` tells apart."""

    server: float = 0.0


class Server:
    """A PostgreSQL server, what it has taken so far, and databases for single runs."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._numbers = count()
        [[data]] = self._ask("SHOW data_directory")
        self._process = int(Path(data, "postmaster.pid").read_text(encoding="utf-8").partition("\n")[0])

    @contextmanager
    def database(self) -> Iterator[str]:
        name = f"run_{next(self._numbers)}"
        self._ask(f"CREATE DATABASE {name}")
        try:
            yield f"{self._address}/{name}"
        finally:
            self._ask(f"DROP DATABASE {name} WITH (FORCE)")

    @property
    def cpu(self) -> float:
        """Seconds of all its processes, those that have ended too.

        Looked at again where a process has ended meanwhile, which would count neither as running nor as ended.
        """
        while True:
            ended = cpu_of_ended(self._process)
            with suppress(FileNotFoundError, ProcessLookupError):
                running = sum(map(cpu_so_far, descendants(self._process)))
                if ended == cpu_of_ended(self._process):
                    return ended + running

    def _ask(self, question: str) -> list[tuple[Any, ...]]:
        return ask(f"{self._address}/postgres", question)


@contextmanager
def postgres() -> Iterator[Server | None]:
    try:
        with running_postgres() as running:
            yield Server(f"postgresql://{running['username']}@{running['host']}:{running['port']}")
    except Unavailable as reason:
        say(f"Without PostgreSQL: {reason}.")
        yield None


@dataclass(frozen=True)
class Run:
    cost: Cost
    server: float = 0.0


@dataclass(frozen=True)
class Work:
    """What a way is given, the numbers of the events in it, and a file with their lines."""

    way: Way
    task: Task
    expected: Sequence[int]
    lines: Path

    def run(self, server: Server | None, *, empty: bool = False) -> Run:
        """
        :raises Incomplete: if something else has arrived than the sandbox serves
        """
        task = replace(self.task, empty=empty)
        with tempfile.TemporaryDirectory() as name:
            if not self.way.postgres:
                return self._measured(task, Place(Path(name)))
            assert server is not None
            with server.database() as database:
                before = server.cpu
                run = self._measured(task, Place(Path(name), database), lambda: server.cpu - before)
                return replace(run, cost=replace(run.cost, cpu=run.cost.cpu + run.server))

    def _measured(self, task: Task, place: Place, server: Callable[[], float] = lambda: 0.0) -> Run:
        run = Run(measure(self.way.arguments(task, place, self.lines), place.output, tree=True))
        run = replace(run, server=server())
        if not task.empty:
            self._check(place)
        return run

    def _check(self, place: Place) -> None:
        if self.way.arrived:
            check_numbers(self.way.arrived(place), self.expected)
        elif int(place.output.read_text(encoding="utf-8")) != len(self.expected):
            raise Incomplete(f"{place.output.read_text(encoding='utf-8')} rows arrived of {len(self.expected)}.")


def work_of(way: Way, sandbox: Sandbox, options: Options, lines: Path, scale: Scale) -> Work:
    """The events of the first part of the time, as long as the way's share."""
    first, last = parse_time(options.start) // SECOND, parse_time(options.end) // SECOND
    end = first + int((last - first) * min(way.share * (scale.slow if way.share < 1 else 1), 1))
    selected = StreamedFeed(options).select(Selection((first * SECOND, end * SECOND), None, False, False))
    return Work(way, Task(sandbox.url, options.start, format_time(end)), selected, lines)


class _Record(msgspec.Struct):
    data: msgspec.Raw


class _Message(msgspec.Struct):
    record: _Record | None = None


def write_lines(sandbox: Sandbox, folder: Path) -> Path:
    """All records of the connector, as lines of JSON."""
    place = Place(folder)
    measure(WAYS[0].arguments(Task(sandbox.url, START, END), place, place.output), place.output)
    decode, lines = msgspec.json.Decoder(_Message).decode, folder / "lines.jsonl"
    with place.output.open("rb") as messages, lines.open("wb") as file:
        for message in map(decode, messages):
            if message.record:
                file.write(bytes(message.record.data) + b"\n")
    place.output.unlink()
    return lines


def compare(scale: Scale, ways: Sequence[Way]) -> tuple[list[Arrival], list[float]]:
    """The rows, and for each run how many cores other programs kept busy meanwhile."""
    others: list[float] = []
    runs: dict[str, list[tuple[Run, Run]]] = {way.name: [] for way in ways}
    with streamed(scale.events) as (sandbox, options), postgres() as server, tempfile.TemporaryDirectory() as folder:
        lines = write_lines(sandbox, Path(folder))
        works = [work_of(way, sandbox, options, lines, scale) for way in ways if server or not way.postgres]
        for number in range(scale.rounds):
            for work in works:
                idle = work.run(server, empty=True)
                busy, served = cpu_of_the_machine(), cpu_so_far(sandbox.pid)
                run = work.run(server)
                busy, served = cpu_of_the_machine() - busy, cpu_so_far(sandbox.pid) - served
                others.append((busy - served - run.cost.cpu) / run.cost.wall)
                runs[work.way.name].append((run, idle))
                say(
                    f"round {number + 1}: {work.way.name}: {len(work.expected):,} events, {run.cost.cpu:.2f} CPU s "
                    f"({run.server:.2f} the server's), start-up {idle.cost.cpu:.2f}, {run.cost.wall:.1f} s, "
                    f"{run.cost.memory:.0f} MB"
                )
    return [arrival(work, runs[work.way.name]) for work in works], others


def arrival(work: Work, runs: Sequence[tuple[Run, Run]]) -> Arrival:
    costs, idle = median([run.cost for run, _ in runs]), median([start.cost for _, start in runs])
    server = statistics.median(run.server for run, _ in runs)
    return Arrival(PART, work.way.name, len(work.expected), costs, idle, unit="event", server=server)


# --- what follows from it


def _cpu(rows: Mapping[tuple[str, str], Row], program: str, other: str) -> float:
    """How many times as much CPU per event the first takes as the other, start-up left out."""
    return rows[PART, program].per_million / rows[PART, other].per_million


def _time(rows: Mapping[tuple[str, str], Row], program: str, other: str) -> float:
    own, others = rows[PART, program].per_second, rows[PART, other].per_second
    if not own or not others:
        raise ValueError("too little work to tell")
    return others / own


def at_most(bound: float, name: str, program: str, other: str) -> Target:
    def measured(rows: Mapping[tuple[str, str], Row]) -> float:
        return _cpu(rows, program, other)

    return Target(name, f"at most {bound:g}", measured, lambda value: value <= bound, "{:.2f}")


def at_least(
    bound: float, name: str, program: str, other: str, ratio: Callable[..., float] = _cpu, form: str = "{:.1f}"
) -> Target:
    """Of what `program` takes, in relation to what `other` does."""

    def measured(rows: Mapping[tuple[str, str], Row]) -> float:
        return ratio(rows, program, other)

    return Target(name, f"at least {bound:g}", measured, lambda value: value >= bound, form)


def little_memory(name: str, program: str) -> Target:
    def measured(rows: Mapping[tuple[str, str], Row]) -> float:
        return rows[PART, program].cost.memory

    return Target(name, "below 250", measured, lambda value: value < 250, "{:.0f}")


TARGETS = (
    at_most(2, "CPU of Arrow into memory, times that of `read > file`", INTO_MEMORY, READ),
    at_most(2.5, "CPU of Arrow into Parquet, times that of `read > file`", INTO_PARQUET, READ),
    little_memory("peak memory of Arrow into memory, MB", INTO_MEMORY),
    little_memory("peak memory of Arrow into Parquet, MB", INTO_PARQUET),
    at_least(5, "CPU of PyAirbyte into DuckDB, times that of Arrow into DuckDB", PYAIRBYTE_DUCKDB, INTO_DUCKDB),
    at_least(25, "CPU of dlt's rest_api into DuckDB, times that of Arrow into DuckDB", DLT, INTO_DUCKDB),
    at_least(2.5, "CPU of PyAirbyte into DuckDB, times that of `load`", PYAIRBYTE_DUCKDB, LOAD_DUCKDB),
    at_least(12, "CPU of dlt's rest_api into DuckDB, times that of `load`", DLT, LOAD_DUCKDB),
    at_least(5, "CPU of PyAirbyte into PostgreSQL, times that of `load`", PYAIRBYTE_POSTGRES, LOAD_POSTGRES),
    at_least(4, "time of PyAirbyte into PostgreSQL, times that of `load`", PYAIRBYTE_POSTGRES, LOAD_POSTGRES, _time),
)


def as_markdown(content: Mapping[str, Any]) -> str:
    about, rows = content["machine"], [arrival_of(figures) for figures in content["ways"]]
    used = {**about["versions"], **content["meltano"]}
    named = ", ".join(f"{name} {version}" for name, version in used.items())
    lines = [
        "# To the warehouse",
        "",
        f"{content['date']}; {about['cores']} cores, {about['processor']}, Python {about['python']}; {named}. "
        f"{conditions(content)}",
        "",
        "![CPU seconds for a million events](warehouse.svg)",
        "",
        f"{content['scale']['events']:,} events of Cloud4Wi, 900 bytes each, from the sandbox; slow programs get less "
        "of them. Into an empty warehouse, merged by `id` where the program can. CPU is that of all processes that a "
        "program starts and of the PostgreSQL server (without `fsync`, for all); memory is what the program's own "
        "processes have together. Start-up is the same command on an account without events, and is taken off the "
        "figures per million and per second. What arrived was compared with what the sandbox serves, event by event; "
        "of Arrow into memory only the number.",
        "",
        *verdicts(judged(rows, TARGETS)),
        "",
        *table(
            (
                "program",
                "events",
                "events/s",
                "CPU s per million",
                "times `read > file`",
                "CPU s",
                "of it the server's",
                "s",
                "start-up CPU s",
                "peak MB",
            ),
            [_line(row, rows) for row in rows],
        ),
    ]
    missing = content["missing"]
    if missing:
        lines += ["", f"Not measured, because it was not installed: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _line(row: Arrival, rows: Sequence[Arrival]) -> tuple[str, ...]:
    assert row.startup is not None
    own = next((each.per_million for each in rows if each.program == READ), None)
    return (
        row.program,
        f"{row.records:,}",
        f"{row.per_second:,.0f}" if row.per_second else "-",
        f"{row.per_million:.1f}",
        f"{row.per_million / own:.1f}" if own else "-",
        f"{row.cost.cpu:.1f}",
        f"{row.server:.1f}" if row.server else "-",
        f"{row.cost.wall:.1f}",
        f"{row.startup.cpu:.1f}",
        f"{row.cost.memory:.0f}",
    )


def arrival_of(figures: Mapping[str, Any]) -> Arrival:
    row = row_of(figures)
    return Arrival(**{name: getattr(row, name) for name in row.__dataclass_fields__}, server=figures["server"])


def figures_of(row: Arrival) -> dict[str, Any]:
    return {**asdict(row), "cpu_per_million": round(row.per_million, 3)}


def installed(python: str | Path, package: str) -> Iterator[tuple[str, str]]:
    """The package and its version, where that environment has it."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True) if Path(python).exists() else None
    if done and done.returncode == 0:
        yield package, done.stdout.strip()


def packages() -> dict[str, str]:
    """What loads, and the warehouse in the process."""
    places = (
        (sys.executable, "airbyte-cdk"),
        (sys.executable, "dlt"),
        (sys.executable, "duckdb"),
        (PYAIRBYTE, "airbyte"),
    )
    return dict(each for python, package in places for each in installed(python, package))


def packages_of_meltano() -> dict[str, str]:
    places = ((PEERS, "singer-sdk"), (PEERS, POSTGRES_TARGET), (DUCKDB_TARGET_PYTHON, "target-duckdb"))
    return dict(each for python, package in places for each in installed(python, package))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.warehouse", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, once")
    parser.add_argument("--events", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", help="ways that have one of these words in their names, separated by commas")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    given = {name: getattr(options, name) for name in ("events", "rounds") if getattr(options, name)}
    scale = replace(QUICK if options.quick else Scale(), **given)
    words = options.only.split(",") if options.only else [""]
    chosen = [way for way in WAYS if any(word in way.name for word in words)]
    missing = [way.name for way in chosen if way.needs and not os.access(way.needs, os.X_OK)]
    rows, others = compare(scale, [way for way in chosen if way.name not in missing])
    content = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine(packages()),
        "meltano": packages_of_meltano(),
        "scale": {"events": scale.events, "rounds": scale.rounds},
        "others": {"median": round(max(statistics.median(others), 0), 2), "most": round(max(others), 2)},
        "missing": missing + [way.name for way in chosen if way.name not in [*missing, *(row.program for row in rows)]],
        "targets": judged(rows, TARGETS),
        "ways": [figures_of(row) for row in rows],
    }
    text = as_markdown(content)
    say(f"\n{text}")
    write(options.output, "warehouse", text, content)


if __name__ == "__main__":
    main()

"""The parts of the comparison: each measures some programs side by side at one kind of work."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import programs
from benchmarks.carecloud import check as check_property_records
from benchmarks.carecloud import property_records
from benchmarks.completeness import READERS, check_number, check_numbers
from benchmarks.cost import Cost, measure, median
from benchmarks.programs import Program, Task
from sandbox.cloud4wi.feed import Selection
from sandbox.cloud4wi.generator import contact_id
from sandbox.cloud4wi.streamed import StreamedFeed
from sandbox.cloud4wi.times import SECOND, format_time, parse_time
from sandbox.process import Sandbox
from sandbox.provider import Options

START, END = "2024-01-01T00:00:00Z", "2024-12-30T00:00:00Z"
CONTACTS = 2000
LATENCY = 0.005
"""Seconds that the sandbox waits before it answers a request for a contact."""


@dataclass(frozen=True)
class Scale:
    """How much work is done; all the slow programs' shares follow from it."""

    events: int = 1_000_000
    contacts: int = 20_000
    carecloud: int = 100_000
    rounds: int = 3
    slow: int = 1
    """By how much the slow programs' shares are raised, so that little work is still more than their start-up."""


@dataclass(frozen=True)
class Row:
    """One program's median figures at one kind of work. Start-up is the same read of an account without events."""

    part: str
    program: str
    records: int
    cost: Cost
    startup: Cost | None = None
    requests: int | None = None
    unit: str = "record"
    pages: int | None = None
    """Answers with rows."""

    @property
    def beyond(self) -> float:
        """CPU seconds beyond start-up."""
        return self.cost.cpu - (self.startup.cpu if self.startup else 0)

    @property
    def per_million(self) -> float:
        return self.beyond * 1_000_000 / self.records

    @property
    def per_second(self) -> float | None:
        """Units a second of wall time beyond start-up; nothing where that took longer in the end."""
        seconds = self.cost.wall - (self.startup.wall if self.startup else 0)
        return self.records / seconds if seconds > 0 else None

    @property
    def requests_per_page(self) -> float | None:
        """Requests for each page with rows, logins included."""
        return self.requests / self.pages if self.requests and self.pages else None


def say(text: str) -> None:
    print(text, flush=True)


@dataclass(frozen=True)
class Entry:
    """A program with the task that it gets, the same one without work, and how its output is checked."""

    program: Program
    task: Task
    idle: Task
    records: int
    check: Callable[[Path], None] | None = None


def compare(part: str, entries: Sequence[Entry], rounds: int, sandbox: Sandbox, unit: str = "record") -> list[Row]:
    """Check each program's output in a run of its own, then measure all in interleaved rounds.

    The checked run does not count, because it also pays for a file.

    :raises Incomplete: if a program did not read what the sandbox serves
    """
    costs: dict[str, list[Cost]] = {entry.program.name: [] for entry in entries}
    idle: dict[str, list[Cost]] = {name: [] for name in costs}
    counts: dict[str, dict[str, int]] = {}
    for entry in entries:
        if entry.check:
            _run(entry.program, entry.task, entry.check)
            say(f"{part}: {entry.program.name} read all {entry.records:,} {unit}s")
    for number in range(rounds):
        for entry in entries:
            name = entry.program.name
            idle[name].append(_run(entry.program, entry.idle))
            sandbox.control.clear_requests()
            costs[name].append(_run(entry.program, entry.task))
            counts[name] = sandbox.control.counts()
            say(
                f"{part}, round {number + 1}: {name}: {costs[name][-1].cpu:.2f} CPU s, "
                f"start-up {idle[name][-1].cpu:.2f}, {costs[name][-1].wall:.1f} s, {costs[name][-1].memory:.0f} MB"
            )
    return [
        Row(
            part,
            name,
            entry.records,
            median(costs[name]),
            median(idle[name]),
            counts[name]["requests"],
            unit,
            counts[name]["pages"],
        )
        for entry in entries
        for name in [entry.program.name]
    ]


def _run(program: Program, task: Task, check: Callable[[Path], None] | None = None) -> Cost:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = program.arguments(task, folder)
        if check is None:
            return measure(command)
        output = folder / "output.jsonl"
        cost = measure(command, output)
        check(folder / "dlt" if program.form == "dlt" else output)
        return cost


def _numbers_check(program: Program, expected: Sequence[int]) -> Callable[[Path], None] | None:
    if program.form is None:
        return None
    read = READERS[program.form]
    return lambda output: check_numbers(read(output), expected)


def _share(sandbox: Sandbox, options: Options, program: Program) -> Entry:
    """The events of the first part of the year, as long as the program's share."""
    first, last = parse_time(options.start) // SECOND, parse_time(options.end) // SECOND
    end = first + int((last - first) * program.share)
    task = Task(sandbox.url, options.start, format_time(end))
    selected = StreamedFeed(options).select(Selection((first * SECOND, end * SECOND), None, False, False))
    return Entry(program, task, replace(task, empty=True), len(selected), _numbers_check(program, selected))


@contextmanager
def streamed(events: int, contacts: int = CONTACTS) -> Iterator[tuple[Sandbox, Options]]:
    options = Options(streamed=events, contacts=contacts, start=START, end=END)
    with Sandbox(streamed=events, contacts=contacts, start=START, end=END) as sandbox:
        yield sandbox, options


def _compared(scale: Scale) -> list[Program]:
    found = [
        programs.connector(),
        programs.limit("download"),
        programs.limit("splice"),
        programs.limit("decode"),
        programs.stock(share=0.05 * scale.slow),
    ]
    if programs.peers_installed():
        found += [
            programs.singer(0.1 * scale.slow),
            programs.dlt("extract", 0.1 * scale.slow),
            programs.dlt("jsonl", 0.05 * scale.slow),
        ]
    return found


def read(scale: Scale) -> list[Row]:
    """All events of an organisation in pages of 10,000."""
    with streamed(scale.events) as (sandbox, options):
        entries = [_share(sandbox, options, program) for program in _compared(scale)]
        return compare("read", entries, scale.rounds, sandbox)


def pages(scale: Scale) -> list[Row]:
    """The same from a server that gives 100 events a page; what `read` tells as well is left out."""
    with streamed(scale.events) as (sandbox, options):
        sandbox.control.behaviour("cloud4wi", page_cap=100)
        left_out = ("dlt rest_api, to JSONL", "limit: download only", "limit: decode and encode")
        compared = [program for program in _compared(scale) if program.name not in left_out]
        entries = [_share(sandbox, options, program) for program in compared]
        return compare("pages", entries, max(scale.rounds - 1, 1), sandbox)


def memory(scale: Scale) -> list[Row]:
    """The connector with 40 workers; with 8 it is in `read`."""
    with streamed(scale.events) as (sandbox, options):
        entries = []
        for workers in (8, 40):
            entry = _share(sandbox, options, programs.renamed(programs.connector(), f"connector, {workers} workers"))
            entries.append(
                replace(
                    entry,
                    task=replace(entry.task, workers=workers),
                    idle=replace(entry.idle, workers=workers),
                )
            )
        return compare("memory", entries, scale.rounds, sandbox)


def contacts(scale: Scale) -> list[Row]:
    """One request for each listed contact, each answered after 5 ms; the slow programs get a tenth of the contacts."""
    rows = []
    with streamed(2 * scale.contacts, scale.contacts) as (sandbox, options):
        sandbox.control.add_fault(path="/customers/", delay=LATENCY, times=None)
        for workers in (8, 40):
            entries = []
            for program, share in (
                (programs.connector(), 1.0),
                (programs.stock(), 0.1 * scale.slow),
                (programs.limit("contacts"), 0.5),
                (programs.limit("sockets"), 0.5),
            ):
                number = max(int(scale.contacts * share), 1)
                ids = [contact_id(person) for person in range(number)]
                task = Task(sandbox.url, START, END, "contact_events", workers=workers, contacts=ids)
                expected = [position for position in range(options.streamed) if position % options.contacts < number]
                idle = replace(task, contacts=ids[:1])
                entries.append(Entry(program, task, idle, number, _numbers_check(program, expected)))
            rows += compare(f"contacts, {workers} workers", entries, max(scale.rounds - 2, 1), sandbox, "contact")
    return rows


def startup(scale: Scale) -> list[Row]:
    """`spec`, `check`, and the first record of a read."""
    rows: list[Row] = []
    costs: dict[tuple[str, str], list[Cost]] = {}
    with streamed(scale.events) as (sandbox, options), tempfile.TemporaryDirectory() as folder:
        task = Task(sandbox.url, options.start, options.end)
        for _ in range(2 * scale.rounds - 1):
            for command in ("spec", "check", "read"):
                for program in (programs.connector(command), programs.stock(command)):
                    arguments = program.arguments(task, Path(folder))
                    cost = measure(arguments, until_first_record=command == "read")
                    costs.setdefault((command, program.name), []).append(cost)
    for (command, name), found in costs.items():
        part = {"read": "first record"}.get(command, command)
        rows.append(Row(part, name, 1, median(found)))
        say(f"{part}: {name}: {rows[-1].cost.cpu:.2f} CPU s, {rows[-1].cost.wall:.2f} s")
    return rows


def carecloud(scale: Scale) -> list[Row]:
    """Events with their property records, 1,000 events a page; the stock source leaves them in their events."""
    data: dict[str, Any] = {"contacts": CONTACTS, "start": START, "end": END, "no_example": True}
    with Sandbox(events=scale.carecloud, **data) as sandbox, Sandbox(events=0, **data) as empty:
        task = Task(sandbox.url, START, END, "property_records", provider="carecloud")
        with tempfile.TemporaryDirectory() as folder:
            config = json.loads(Path(programs.write_files(task, Path(folder))["peer"]).read_text(encoding="utf-8"))
        expected = frozenset(record["property_record_id"] for record in property_records(config))
        compared = (
            programs.connector(),
            programs.stock(manifest="stock_carecloud.yaml"),
            programs.carecloud_limit(),
        )
        entries = [
            Entry(
                program,
                task,
                replace(task, url=empty.url),
                len(expected),
                lambda output: check_property_records(output, expected),
            )
            for program in compared
        ]
        return compare("carecloud", entries, max(scale.rounds - 1, 1), sandbox)


def requests(scale: Scale) -> list[Row]:
    """How many requests a page costs the connector where a system has windows, or a page for each contact."""
    data: dict[str, Any] = {"contacts": CONTACTS, "start": START, "end": END, "no_example": True}
    with Sandbox(events=scale.carecloud, **data) as sandbox, Sandbox(events=0, **data) as empty:
        entries = []
        for provider, stream in (("carecloud", "org_events"), ("swipe_one", "contact_events")):
            expected = len(sandbox.control.event_ids(provider))
            task = Task(sandbox.url, START, END, stream, provider=provider)
            program = programs.renamed(programs.connector(), f"{provider}, {stream}")
            check = partial(check_number, expected)
            entries.append(Entry(program, task, replace(task, url=empty.url), expected, check))
        return compare("requests", entries, 1, sandbox)


PARTS: dict[str, Callable[[Scale], list[Row]]] = {
    "startup": startup,
    "read": read,
    "pages": pages,
    "memory": memory,
    "contacts": contacts,
    "carecloud": carecloud,
    "requests": requests,
}

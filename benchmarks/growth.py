"""How the cost of a read grows: `python -m benchmarks.growth [--most-events N] [--most-contacts N]`.

From 10,000 to 10,000,000 events: CPU seconds per million and peak memory; from 1 to 20,000 contacts: the size of the
state. The events are made while they are read, and checked in a run of their own while they are written.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import programs
from benchmarks.__main__ import RESULTS, versions, write
from benchmarks.completeness import Incomplete
from benchmarks.cost import measure, median
from benchmarks.parts import CONTACTS, END, START, say, streamed
from benchmarks.programs import Program, Task
from benchmarks.report import machine
from sandbox.cloud4wi.generator import contact_id
from sandbox.cloud4wi.streamed import number_of

EVENTS = (10_000, 100_000, 1_000_000, 10_000_000)
STATE_CONTACTS = (1, 10, 100, 1_000, 5_000, 10_000, 10_001, 20_000, 100_000)
"""On both sides of the number up to which the state keeps a time for each listed contact."""
MOST_STOCK_CONTACTS = 1_000
MOST_STOCK_EVENTS = 100_000


class _Row(msgspec.Struct):
    id: str


class _Record(msgspec.Struct):
    data: _Row


class _Message(msgspec.Struct):
    type: str
    record: _Record | None = None
    state: msgspec.Raw = msgspec.Raw(b"")


_decode = msgspec.json.Decoder(_Message).decode


@dataclass
class Seen:
    """What a program wrote: how many records, how many different ones, and the sizes of its states in bytes."""

    records: int
    different: int
    largest: int
    last: int


def watched(command: list[str], most: int) -> Seen:
    """Run a program and read what it writes; of the records only one bit each is kept.

    :raises RuntimeError: if the program fails
    """
    bits = bytearray(most // 8 + 1)
    seen = Seen(0, 0, 0, 0)
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process.stdout as output:
        for message in map(_decode, output):
            if message.record:
                byte, bit = divmod(number_of(message.record.data.id), 8)
                seen.records += 1
                seen.different += not bits[byte] & 1 << bit
                bits[byte] |= 1 << bit
            elif message.type == "STATE":
                seen.last = len(bytes(message.state))
                seen.largest = max(seen.largest, seen.last)
    if process.wait():
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return seen


def check(seen: Seen, events: int) -> None:
    """
    :raises Incomplete: unless every event was read once
    """
    if seen.records != events or seen.different != events:
        raise Incomplete(f"{seen.records} records were read, {seen.different} different ones; there are {events}.")


def by_events(events: int, rounds: int) -> list[dict[str, Any]]:
    """The connector and the limit; the stock source as far as it comes in reasonable time."""
    found = [programs.connector(), programs.limit("splice")]
    found += [programs.stock()] if events <= MOST_STOCK_EVENTS else []
    rows = []
    with streamed(events) as (sandbox, _), tempfile.TemporaryDirectory() as name:
        task = Task(sandbox.url, START, END)
        for program in found:
            folder = Path(name)
            check(watched(program.arguments(task, folder), events), events)
            idle = median([measure(program.arguments(replace(task, empty=True), folder)) for _ in range(rounds)])
            cost = median([measure(program.arguments(task, folder)) for _ in range(rounds)])
            per_million = (cost.cpu - idle.cpu) * 1_000_000 / events
            rows.append(
                {
                    "program": program.name,
                    "events": events,
                    "cpu": cost.cpu,
                    "startup_cpu": idle.cpu,
                    "cpu_per_million": per_million,
                    "wall": cost.wall,
                    "memory": cost.memory,
                }
            )
            say(f"{events:,} events: {program.name}: {per_million:.1f} CPU s per million, {cost.memory:.0f} MB")
    return rows


def by_contacts(program: Program, number: int) -> dict[str, Any]:
    """The states of a read of so many contacts with one event each."""
    with streamed(number, number) as (sandbox, _), tempfile.TemporaryDirectory() as name:
        contacts = [contact_id(person) for person in range(number)]
        task = Task(sandbox.url, START, END, "contact_events", contacts=contacts)
        seen = watched(program.arguments(task, Path(name)), number)
    check(seen, number)
    say(f"{number:,} contacts: {program.name}: state of {seen.last:,} bytes, at most {seen.largest:,}")
    return {"program": program.name, "contacts": number, "last": seen.last, "largest": seen.largest}


def as_markdown(content: Mapping[str, Any]) -> str:
    about = content["machine"]
    lines = [
        "# How the cost grows",
        "",
        f"{content['date']}; {about['cores']} cores, {about['processor']}, Python {about['python']}. Cloud4Wi events "
        f"in pages of 10,000, {CONTACTS:,} contacts; CPU seconds beyond start-up. Each read was checked "
        "for completeness.",
        "",
        "![How the cost grows](growth.svg)",
        "",
        "| events | program | CPU s per million | peak MB |",
        "|---|---|---|---|",
        *(
            f"| {row['events']:,} | {row['program']} | {row['cpu_per_million']:.1f} | {row['memory']:.0f} |"
            for row in content["events"]
        ),
        "",
        "The state of `contact_events` in bytes, at the end and at its largest, by number of contacts in "
        "`contact_ids`. It has a time for each of them, and where they are too many for that, one time for all.",
        "",
        "| contacts | program | last state | largest state |",
        "|---|---|---|---|",
        *(
            f"| {row['contacts']:,} | {row['program']} | {row['last']:,} | {row['largest']:,} |"
            for row in content["states"]
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--most-events", type=int, default=EVENTS[-1])
    parser.add_argument("--most-contacts", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    events = [row for number in EVENTS if number <= options.most_events for row in by_events(number, options.rounds)]
    states = []
    for number in STATE_CONTACTS:
        if number <= options.most_contacts:
            states.append(by_contacts(programs.connector(), number))
        if number <= min(options.most_contacts, MOST_STOCK_CONTACTS):
            states.append(by_contacts(programs.stock(), number))
    content = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine(versions()),
        "events": events,
        "states": states,
    }
    text = as_markdown(content)
    say(f"\n{text}")
    write(options.output, "growth", text, content)


if __name__ == "__main__":
    main()

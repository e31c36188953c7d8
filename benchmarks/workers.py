"""How many requests a second so many workers make: `python -m benchmarks.workers [--rounds N]`.

Swipe One's `contact_events`, at least one request for each contact, with answers after 5, 50 and 300 ms and with 1, 8,
20 and 40 workers. What a sync of very many contacts takes follows from it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks import programs
from benchmarks.__main__ import RESULTS, versions, write
from benchmarks.cost import measure
from benchmarks.measured import TICK, cpu_so_far
from benchmarks.parts import say
from benchmarks.programs import Task
from benchmarks.report import machine, table
from sandbox.process import Sandbox
from sandbox.swipe_one.generator import contact_id

START, END = "2024-01-01T00:00:00Z", "2024-03-31T23:59:59Z"
ANSWER_TIMES = (0.005, 0.05, 0.3)
"""Seconds that the sandbox waits before it answers a request for a contact's events."""
WORKERS = (1, 8, 20, 40)
CONTACTS = 4000
EVENTS_OF_A_CONTACT = 2
BATCH = 25
"""Contacts that a worker takes at once: each gets the same number of whole batches, so that none waits for another."""
QUIET = 0.1
"""Cores that a machine without other work keeps busy at most."""
SECONDS = 8
"""How long a measurement takes about, where one batch for each worker does not take longer."""


@dataclass(frozen=True)
class Cell:
    """One combination that is measured, with so many contacts."""

    answer_time: float
    workers: int
    contacts: int


def cell_of(answer_time: float, workers: int) -> Cell:
    """With whole batches for each worker, as far as there are contacts."""
    contacts_a_second = min(workers / answer_time, 700)
    batches = max(round(SECONDS * contacts_a_second / (BATCH * workers)), 1)
    return Cell(answer_time, workers, min(batches * BATCH * workers, CONTACTS))


@dataclass(frozen=True)
class Run:
    """A read: its requests, how many came in a second, what they took, and what else the machine did."""

    requests: int
    per_second: float
    cpu: float
    """Seconds of CPU that the connector took beyond its start-up."""
    others: float
    """How many of the machine's cores other programs than the connector and the sandbox kept busy meanwhile."""


CELLS = tuple(cell_of(answer_time, workers) for answer_time in ANSWER_TIMES for workers in WORKERS)


def measured(sandbox: Sandbox, cell: Cell) -> Run:
    with tempfile.TemporaryDirectory() as name:
        program, folder = programs.connector(), Path(name)
        contacts = [contact_id(number) for number in range(cell.contacts)]
        sandbox.control.clear_faults()
        startup = measure(program.arguments(_task(sandbox, cell.workers, contacts[:1]), folder))
        sandbox.control.add_fault(path="/contacts/[^/]+/events$", delay=cell.answer_time, times=None)
        sandbox.control.clear_requests()
        busy, served = cpu_of_the_machine(), cpu_so_far(sandbox.pid)
        cost = measure(program.arguments(_task(sandbox, cell.workers, contacts), folder))
        busy, served = cpu_of_the_machine() - busy, cpu_so_far(sandbox.pid) - served
    requests = sandbox.control.requests()
    per_second = rate_of([datetime.fromisoformat(request["time"]) for request in requests], cell.workers)
    others = (busy - served - cost.cpu) / cost.wall
    return Run(len(requests), per_second, cost.cpu - startup.cpu, others)


def rate_of(arrivals: Sequence[datetime], workers: int) -> float:
    """Requests a second, from the first one's arrival to the last one's; each worker's first waits for no answer."""
    return (len(arrivals) - workers) / (arrivals[-1] - arrivals[0]).total_seconds()


def cpu_of_the_machine() -> float:
    """Seconds of CPU of all programs since the machine's start."""
    fields = Path("/proc/stat").read_text(encoding="utf-8").partition("\n")[0].split()[1:]
    user, nice, system, _idle, _iowait, interrupts, soft_interrupts = map(int, fields[:7])
    return (user + nice + system + interrupts + soft_interrupts) / TICK


def _task(sandbox: Sandbox, workers: int, contacts: Sequence[str] = ()) -> Task:
    return Task(sandbox.url, START, END, "contact_events", "swipe_one", workers, contacts)


def in_rounds(sandbox: Sandbox, rounds: int) -> dict[Cell, list[Run]]:
    """Interleaved, so that what else the machine does meets all of them."""
    runs: dict[Cell, list[Run]] = {cell: [] for cell in CELLS}
    for number in range(rounds):
        for cell in CELLS:
            run = measured(sandbox, cell)
            runs[cell].append(run)
            say(
                f"round {number + 1}: answers after {1000 * cell.answer_time:.0f} ms, {cell.workers} workers: "
                f"{run.requests:,} requests, {run.per_second:,.1f} a second; {run.others:.1f} cores busy elsewhere"
            )
    return runs


def rate(cell: Cell, runs: Sequence[Run]) -> dict[str, Any]:
    """The medians of a combination's runs."""
    return {
        "answer_time": cell.answer_time,
        "workers": cell.workers,
        "contacts": cell.contacts,
        "requests": runs[0].requests,
        "per_second": round(statistics.median(run.per_second for run in runs), 2),
        "slowest": round(min(run.per_second for run in runs), 2),
        "fastest": round(max(run.per_second for run in runs), 2),
        "cpu_per_request": round(statistics.median(run.cpu / run.requests for run in runs), 6),
    }


def requests_of_syncs(sandbox: Sandbox, contacts: int) -> dict[str, int]:
    """How many requests the first sync of all contacts makes, and the one behind it, which finds nothing new.

    :raises RuntimeError: if a sync fails
    """
    sandbox.control.clear_faults()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        output, state = folder / "output.jsonl", folder / "state.json"
        command = programs.connector().arguments(_task(sandbox, 8), folder)
        sandbox.control.clear_requests()
        measure(command, output)
        first = sandbox.control.counts()["requests"]
        states = [line for line in output.read_bytes().splitlines() if b'"type":"STATE"' in line]
        state.write_text(json.dumps([json.loads(states[-1])["state"]]), encoding="utf-8")
        sandbox.control.clear_requests()
        measure([*command, "--state", str(state)])
        later = sandbox.control.counts()["requests"]
    say(f"{contacts:,} contacts: {first:,} requests in the first sync, {later:,} in the next")
    return {"contacts": contacts, "first": first, "later": later}


# --- what follows from it


def ceiling(content: Mapping[str, Any]) -> str:
    """The most that any number of workers made, and how many the connector's own work leaves time for."""
    fastest = max(content["rates"], key=lambda rate: float(rate["per_second"]))
    return (
        f"The most that was measured is {fastest['per_second']:,.0f} requests a second, with {fastest['workers']} "
        f"workers and answers after {1000 * fastest['answer_time']:.0f} ms. A request took the connector "
        f"{1000 * fastest['cpu_per_request']:.2f} ms of CPU there, of which it can use hardly more than one core: "
        f"about {1 / fastest['cpu_per_request']:,.0f} a second are the ceiling here, whatever the number of workers."
    )


def as_markdown(content: Mapping[str, Any]) -> str:
    about, scale = content["machine"], content["scale"]
    lines = [
        "# Requests a second by number of workers",
        "",
        f"{content['date']}; {about['cores']} cores, {about['processor']}, Python {about['python']}; "
        f"airbyte-cdk {about['versions']['airbyte-cdk']}. {conditions(content)}",
        "",
        "![Requests a second by number of workers](workers.svg)",
        "",
        "Swipe One's `contact_events` from the sandbox, which runs on the same machine and takes its share of it. The "
        "answer time is what the sandbox waits; its own work and the way to it come on top, which is seen most where "
        f"the answer time is shortest. A contact has {scale['events_of_a_contact']} events on average. Counted is "
        "from the first request to the last.",
        "",
        *rate_table(content),
        "",
        ceiling(content),
    ]
    return "\n".join(lines) + "\n"


def conditions(content: Mapping[str, Any]) -> str:
    """How it was measured, and on how busy a machine."""
    rounds, others = content["scale"]["rounds"], content["others"]
    text = f"Medians of {rounds} interleaved rounds." if rounds > 1 else "One round."
    if others["median"] > QUIET:
        text += (
            f" The machine was shared: other programs kept {others['median']:.1f} of its {content['machine']['cores']} "
            f"cores busy in the median run, up to {others['most']:.1f} in others. The highest rates would be higher "
            "without them."
        )
    return text


def rate_table(content: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            f"{1000 * rate['answer_time']:.0f} ms",
            rate["workers"],
            f"{rate['workers'] / rate['answer_time']:,.1f}",
            f"{rate['per_second']:,.1f}",
            f"{rate['slowest']:,.1f} to {rate['fastest']:,.1f}",
        )
        for rate in content["rates"]
    ]
    return table(
        ("answers after", "workers", "workers ÷ answer time", "requests/s", "slowest to fastest"),
        rows,
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    served = Sandbox(events=EVENTS_OF_A_CONTACT * CONTACTS, contacts=CONTACTS, start=START, end=END, no_example=True)
    with served as sandbox:
        syncs = requests_of_syncs(sandbox, CONTACTS)
        runs = in_rounds(sandbox, options.rounds)
    others = [run.others for of_cell in runs.values() for run in of_cell]
    content = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine(versions()),
        "scale": {"rounds": options.rounds, "events_of_a_contact": EVENTS_OF_A_CONTACT},
        "others": {"median": round(statistics.median(others), 2), "most": round(max(others), 2)},
        "requests": syncs,
        "rates": [rate(cell, of_cell) for cell, of_cell in runs.items()],
    }
    text = as_markdown(content)
    say(f"\n{text}")
    write(options.output, "workers", text, content)


if __name__ == "__main__":
    main()

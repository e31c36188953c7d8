"""What the documentation says of the measurements, made from their files so that a new run says the new thing.

Each function gives the lines of a generated part of a page; `python -m docs.generate` writes them there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.parts import Row
from benchmarks.report import CONNECTOR, STOCK, limit_of_requests, row_of, table
from benchmarks.workers import ceiling, conditions

RESULTS = Path(__file__).with_name("results")
DEFAULT_WORKERS = 8
LONG = 3600
"""Seconds that a sync should take at most, where more workers can bring it about."""

Json = Mapping[str, Any]


def results(name: str) -> Json:
    content: Json = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return content


# --- beside other tools

COMPARED = (
    (CONNECTOR, "this connector, 8 workers"),
    ("limit: raw splice", "limit: raw splice, one thread, no framework"),
    ("limit: decode and encode", "limit: decode and encode every record (orjson)"),
    ("dlt rest_api, extract", "dlt, `rest_api`, extract alone"),
    ("Meltano singer-sdk tap", "Meltano singer-sdk tap"),
    (STOCK, "stock declarative source of the same CDK"),
)


def speed() -> Iterator[str]:
    """The README's table and the sentences below it."""
    content = results("benchmark")
    rows = {(row.part, row.program): row for row in map(row_of, content["rows"])}
    machine = content["machine"]
    yield (
        f"CPU seconds per million events of Cloud4Wi beyond start-up, and the same as multiples of the connector's; "
        f"{content['date']}, {machine['cores']} cores, {machine['processor']}:"
    )
    yield ""
    yield from table(
        ("", "pages of 10,000", "", "pages of 100", "", "peak MB"),
        [
            (
                title,
                *_beside(rows, "read", name),
                *_beside(rows, "pages", name),
                f"{rows['read', name].cost.memory:.0f}",
            )
            for name, title in COMPARED
            if ("read", name) in rows
        ],
    )
    yield ""
    yield f"{_startup(rows)} {_requests(rows)}"


def _beside(rows: Mapping[tuple[str, str], Row], part: str, name: str) -> tuple[str, str]:
    if (part, name) not in rows:
        return "-", "-"
    own = rows[part, name].per_million
    times = own / rows[part, CONNECTOR].per_million
    return f"{own:.1f}", "1" if name == CONNECTOR else f"{times:.0f}" if times >= 10 else f"{times:.1f}"


def _startup(rows: Mapping[tuple[str, str], Row]) -> str:
    check, stock = rows["check", CONNECTOR].cost.cpu, rows["check", STOCK].cost.cpu
    spec = rows["spec", CONNECTOR].cost.cpu
    return f"`check` takes {check:.2f} CPU seconds (the stock source {stock:.2f}), `spec` {spec:.2f}."


def _requests(rows: Mapping[tuple[str, str], Row]) -> str:
    """Requests a second, one for each contact, and what bounds them."""
    found = {
        workers: [row for (part, _), row in rows.items() if part == f"contacts, {workers} workers"]
        for workers in (8, 40)
    }
    rates = (f"with {workers} workers {limit_of_requests(of_part)}" for workers, of_part in found.items())
    return f"One request for each contact, answered after 5 ms: {'; '.join(rates)}."


# --- by number of workers


def requests_a_second() -> Iterator[str]:
    """How it was measured, and the most that it came to."""
    content = results("workers")
    yield f"{content['date']}. {conditions(content)} {ceiling(content)}"


def requests_of_contacts() -> Iterator[str]:
    """How many requests a sync makes for each contact."""
    content = results("workers")
    counted, events = content["requests"], content["scale"]["events_of_a_contact"]
    first, later = (counted[name] / counted["contacts"] for name in ("first", "later"))
    yield (
        f"Swipe One's first sync of {counted['contacts']:,} contacts with {events} events each on average makes "
        f"{first:.2f} requests a contact, the contact list included; the next, which finds nothing new, {later:.2f}."
    )


def sync_times() -> Iterator[str]:
    """How long a first sync of so many contacts takes, and which number of workers to choose."""
    content = results("workers")
    rates = {(rate["answer_time"], rate["workers"]): rate["per_second"] for rate in content["rates"]}
    workers = sorted({number for _, number in rates})
    rows = []
    for contacts in (10_000, 100_000, 1_000_000):
        requests = contacts * content["requests"]["first"] / content["requests"]["contacts"]
        for answer_time in sorted({time for time, _ in rates}):
            times = {number: requests / rates[answer_time, number] for number in workers}
            rows.append(
                (
                    f"{contacts:,}",
                    f"{requests:,.0f}",
                    f"{1000 * answer_time:.0f} ms",
                    *(duration(times[number]) for number in workers),
                    f"**{chosen(times)}**",
                )
            )
    titles = [f"{number} workers" if number > 1 else "1 worker" for number in workers]
    yield from table(("contacts", "requests", "answers after", *titles, "choose"), rows)


def chosen(times: Mapping[int, float]) -> int:
    """The fewest workers, from the default on, that are done within an hour, or that are hardly slower than any.

    `times` has the seconds by number of workers.
    """
    possible = {number: seconds for number, seconds in times.items() if number >= DEFAULT_WORKERS}
    bound = max(LONG, 1.1 * min(possible.values()))
    return min(number for number, seconds in possible.items() if seconds <= bound)


def duration(seconds: float) -> str:
    """In the unit that fits: 45 s, 12 min, 3.4 h, 2.1 days."""
    for size, unit, form in ((86400, "days", ".1f"), (3600, "h", ".1f"), (60, "min", ".0f")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:{form}} {unit}"
    return f"{seconds:.0f} s"


# --- memory and state


def memory() -> Iterator[str]:
    """How peak memory depends on the number of events, and on that of workers."""
    rows = [row for row in results("growth")["events"] if row["program"] == CONNECTOR]
    peaks = ", ".join(f"{row['memory']:.0f} MB for {row['events']:,}" for row in rows)
    before, last = rows[-2:]
    yield (
        f"Peak memory by number of events: {peaks}. The last step is {last['events'] / before['events']:.0f} times the "
        f"events and {last['memory'] / before['memory']:.2f} times the memory. {_memory_of_workers()}"
    )


def _memory_of_workers() -> str:
    rows = [row_of(row) for row in results("benchmark")["rows"] if row["part"] == "memory"]
    peaks = ", ".join(f"{row.cost.memory:.0f} MB with {row.program.partition(', ')[2]}" for row in rows)
    return f"A read of {rows[0].records:,} events takes {peaks}."


def state() -> Iterator[str]:
    """How large the state becomes."""
    rows = [row for row in results("growth")["states"] if row["program"] == CONNECTOR]
    largest, last = max(rows, key=lambda row: int(row["last"])), rows[-1]
    yield (
        f"The state of `contact_events` with {largest['contacts']:,} contacts in `contact_ids` has "
        f"{largest['last']:,} bytes, with {last['contacts']:,} it has {last['last']:,}."
    )

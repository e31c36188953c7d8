"""What a run found: tables, the targets, and whether each was met."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.cost import Cost
from benchmarks.parts import Row

CONNECTOR, STOCK, SPLICE = "connector", "stock declarative source", "limit: raw splice"
SOCKETS = "limit: sockets and raw splice"
PEERS = ("Meltano singer-sdk tap", "dlt rest_api, extract", "dlt rest_api, to JSONL")

Rows = Mapping[tuple[str, str], Row]


@dataclass(frozen=True)
class Target:
    """A bound on a figure; `wanted` says it in words."""

    name: str
    wanted: str
    measure: Callable[[Rows], float]
    met: Callable[[float], bool]
    form: str = "{:.1f}"


def _per_record(rows: Rows, program: str, part: str = "read") -> float:
    return rows[part, program].per_million


def _best_peer(rows: Rows) -> float:
    return min(_per_record(rows, peer) for peer in PEERS if ("read", peer) in rows)


def _rate(rows: Rows, workers: int) -> float:
    part = f"contacts, {workers} workers"
    own, stock = rows[part, CONNECTOR].per_second, rows[part, STOCK].per_second
    if not own or not stock:
        raise ValueError("too little work to tell")
    return own / stock


def _requests_per_page(rows: Rows, program: str) -> float:
    found = rows["carecloud" if program == CONNECTOR else "requests", program].requests_per_page
    if found is None:
        raise ValueError("no page has rows")
    return found


def _faster(rows: Rows, part: str) -> float:
    return rows[part, STOCK].cost.cpu / rows[part, CONNECTOR].cost.cpu


TARGETS = (
    Target(
        "CPU per record beyond start-up, times that of the raw splice",
        "at most 1.3",
        lambda rows: _per_record(rows, CONNECTOR) / _per_record(rows, SPLICE),
        lambda value: value <= 1.3,
        "{:.2f}",
    ),
    Target(
        "CPU per record of the stock source, times the connector's",
        "at least 50",
        lambda rows: _per_record(rows, STOCK) / _per_record(rows, CONNECTOR),
        lambda value: value >= 50,
    ),
    Target(
        "CPU per record of the best peer, times the connector's",
        "at least 15",
        lambda rows: _best_peer(rows) / _per_record(rows, CONNECTOR),
        lambda value: value >= 15,
    ),
    Target(
        "peak memory with 8 workers, MB",
        "below 150",
        lambda rows: rows["memory", "connector, 8 workers"].cost.memory,
        lambda value: value < 150,
        "{:.0f}",
    ),
    Target(
        "peak memory with 40 workers, MB",
        "below 150",
        lambda rows: rows["memory", "connector, 40 workers"].cost.memory,
        lambda value: value < 150,
        "{:.0f}",
    ),
    Target("`spec`, CPU s", "below 0.1", lambda rows: rows["spec", CONNECTOR].cost.cpu, lambda v: v < 0.1, "{:.2f}"),
    Target(
        "`check`, times as fast as stock (CPU)", "at least 2", lambda rows: _faster(rows, "check"), lambda v: v >= 2
    ),
    Target(
        "first record, times as fast as stock (CPU)",
        "at least 2",
        lambda rows: _faster(rows, "first record"),
        lambda value: value >= 2,
    ),
    *(
        Target(
            f"requests a second with {workers} workers, times those of stock",
            "at least 6",
            lambda rows, workers=workers: _rate(rows, workers),  # type: ignore[misc]
            lambda value: value >= 6,
        )
        for workers in (8, 40)
    ),
    *(
        Target(
            f"requests for each page with rows, {title}",
            "at most 1.1",
            lambda rows, program=program: _requests_per_page(rows, program),  # type: ignore[misc]
            lambda value: value <= 1.1,
            "{:.2f}",
        )
        for title, program in (
            ("CareCloud", "carecloud, org_events"),
            ("CareCloud's property records", CONNECTOR),
            ("Swipe One", "swipe_one, contact_events"),
        )
    ),
)


def judged(rows: Sequence[Row], targets: Sequence[Target] = TARGETS) -> list[dict[str, Any]]:
    """Each target with what was measured; null where the parts that it needs were not run."""
    found = {(row.part, row.program): row for row in rows}
    results: list[dict[str, Any]] = []
    for target in targets:
        try:
            value = target.measure(found)
        except (KeyError, ValueError):
            results.append({"target": target.name, "wanted": target.wanted, "measured": None, "met": None})
            continue
        measured = target.form.format(value)
        results.append({"target": target.name, "wanted": target.wanted, "measured": measured, "met": target.met(value)})
    return results


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine(versions: Mapping[str, str]) -> dict[str, Any]:
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "versions": dict(versions),
    }


def as_json(rows: Sequence[Row], about: Mapping[str, Any]) -> dict[str, Any]:
    figures = [
        {
            **asdict(row),
            "cpu_beyond_startup": round(row.beyond, 4),
            "cpu_per_million": round(row.per_million, 3) if row.startup else None,
            "per_second": round(row.per_second, 1) if row.startup and row.per_second else None,
            "requests_per_page": round(row.requests_per_page, 3) if row.requests_per_page else None,
        }
        for row in rows
    ]
    return {**about, "targets": judged(rows), "rows": figures}


def row_of(figures: Mapping[str, Any]) -> Row:
    """A row of the JSON as it was measured."""
    startup = Cost(**figures["startup"]) if figures["startup"] else None
    measured = {name: figures[name] for name in ("part", "program", "records", "requests", "unit", "pages")}
    return Row(**measured, cost=Cost(**figures["cost"]), startup=startup)


def limit_of_requests(rows: Sequence[Row]) -> str:
    """How many requests a second the connector makes in such a part, what bounds it, and what others make."""
    rates = {row.program: row.per_second or 0 for row in rows}
    (own,) = (row for row in rows if row.program == CONNECTOR)
    text = f"{rates[CONNECTOR]:,.0f} {own.unit}s a second"
    cores = rates[CONNECTOR] * own.per_million / 1_000_000
    if rates[CONNECTOR] >= 0.9 * rates.get(SOCKETS, float("inf")):
        text += ", bounded by the answers"
    elif cores >= 0.85:
        text += f", bounded by its own work, which takes {cores:.2f} of a core"
    others = ((SOCKETS, "bare sockets"), (STOCK, "the stock source"))
    beside = ", ".join(f"{title} {rates[name]:,.0f}" for name, title in others if name in rates)
    return f"{text} ({beside})" if beside else text


TITLES = {
    "read": "Reading Cloud4Wi events in pages of 10,000",
    "pages": "The same in pages of 100",
    "memory": "Memory by number of workers",
    "carecloud": "CareCloud's property records",
    "requests": "Requests for each page with rows",
    "contacts, 8 workers": "One request for each contact, answered after 5 ms, 8 workers",
    "contacts, 40 workers": "One request for each contact, answered after 5 ms, 40 workers",
}


def verdicts(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of a table of the targets."""
    lines = ["| target | wanted | measured | met |", "|---|---|---|---|"]
    for result in results:
        met = "not measured" if result["met"] is None else "yes" if result["met"] else "**no**"
        lines.append(f"| {result['target']} | {result['wanted']} | {result['measured'] or '-'} | {met} |")
    return lines


def as_markdown(rows: Sequence[Row], about: Mapping[str, Any], picture: str = "benchmark.svg") -> str:
    machine = about["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        "# Benchmark",
        "",
        f"{about['date']}; {machine['cores']} cores, {machine['processor']}, Python {machine['python']}; {versions}.",
        "",
        f"Medians of up to {about['scale']['rounds']} interleaved rounds; only ratios within one run mean anything. "
        "CPU is user and system time of the process; start-up is the same command on an account without events (with "
        "one contact), and is taken off the figures per million and per second. Slow programs get less of the work, as "
        "the number of records says. What each program wrote was compared with what the sandbox serves, event by event."
        " Seconds, and what follows from them, depend on what else the machine does; CPU seconds hardly do.",
        "",
        f"![CPU seconds for a million]({picture})",
        "",
        *verdicts(judged(rows)),
    ]
    startups = [row for row in rows if row.startup is None]
    if startups:
        lines += ["", "## Start-up", "", "| | program | CPU s | seconds | peak MB |", "|---|---|---|---|---|"]
        lines += [
            f"| {row.part} | {row.program} | {row.cost.cpu:.2f} | {row.cost.wall:.2f} | {row.cost.memory:.0f} |"
            for row in startups
        ]
    for part in dict.fromkeys(row.part for row in rows if row.startup):
        of_part = [row for row in rows if row.part == part]
        lines += ["", f"## {TITLES.get(part, part)}", "", *_table(of_part)]
        if part.startswith("contacts") and any(row.program == CONNECTOR for row in of_part):
            lines += ["", f"The connector makes {limit_of_requests(of_part)}."]
    return "\n".join(lines) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """The lines of a table in Markdown."""
    first, *others = (f"| {' | '.join(map(str, row))} |".replace("|  |", "| |") for row in (head, *rows))
    return [first, f"|{'---|' * len(head)}", *others]


def _table(rows: Sequence[Row]) -> list[str]:
    unit = rows[0].unit
    own = rows[0].per_million
    lines = [
        f"| program | {unit}s | {unit}s/s | CPU s per million | times the connector's | start-up CPU s | peak MB "
        "| requests | requests/page |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        startup = f"{row.startup.cpu:.2f}" if row.startup else "-"
        rate = f"{row.per_second:,.0f}" if row.per_second else "-"
        per_page = f"{row.requests_per_page:.2f}" if row.requests_per_page else "-"
        lines.append(
            f"| {row.program} | {row.records:,} | {rate} | {row.per_million:.1f} | "
            f"{row.per_million / own:.2f} | {startup} | {row.cost.memory:.0f} | {row.requests:,} | {per_page} |"
        )
    return lines

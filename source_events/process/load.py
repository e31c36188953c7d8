"""The command `load`: streams into a warehouse, with a line for each at the end."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import partial

from rich.box import ASCII2, SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from source_events.load import StreamLoad
from source_events.process.catalog import catalogue
from source_events.process.entrypoint import prepare_memory
from source_events.process.people import configuration_for_people, tell
from source_events.process.progress import told
from source_events.process.signals import end_on_request
from source_events.process.sparkline import sparkline
from source_events.process.table import printable
from source_events.process.unwritable import written
from source_events.tally import Trends
from source_events.warehouse import Warehouse, hide_password, warehouse_of, working_folder

STOPPED = "source-events: stopped; load again: it goes on from what the warehouse has."
MOST_PARTS, MOST_TYPES, LONGEST_TYPE = 26, 12, 24


def run(arguments: Namespace) -> None:
    """Load the streams; exits with 1 if one fails, after all others."""
    hide_password(arguments.to)
    prepare_memory()
    config = configuration_for_people(arguments.config)
    dataset = arguments.dataset or config["provider"]["provider_type"]
    warehouse = warehouse_of(arguments.to, dataset)
    streams = [entry.stream for entry in catalogue(config, arguments.stream or ()).streams]
    end_on_request(sentence=STOPPED)
    loads: list[StreamLoad] = []
    with working_folder(f"{arguments.to} {dataset}") as folder:
        for stream in streams:
            load = StreamLoad(config, stream, warehouse, dataset, folder, arguments.full_refresh)
            with told(partial(progress, load, len(loads) + 1, len(streams)), share=load.share, beside_output=True):
                load.run()
            if load.failure:
                tell("error", load.failure)
            loads.append(load)
    with written():
        print(summary(loads, warehouse, dataset))
        show_trends(loads)
        if question := question_of(loads, warehouse, dataset):
            print(f"\nTo go on: {question}")
    if any(load.failure for load in loads):
        sys.exit(1)


def progress(load: StreamLoad, number: int, streams: int) -> list[str]:
    """Which stream of how many, and how far it is."""
    return [f"{number}/{streams} {line}" for line in load.progress()]


def summary(loads: Sequence[StreamLoad], warehouse: Warehouse, dataset: str) -> str:
    """A line for each stream, and where they are."""
    width = max(len(load.name) for load in loads)
    lines = [f"{load.name:{width}}  {account(load)}" for load in loads]
    lines.append(f"\nIn {warehouse.name}, dataset {dataset}.")
    return "\n".join(lines)


def show_trends(loads: Sequence[StreamLoad]) -> None:
    """What was read of the first stream of events, type by type over time: the others mostly have the same events."""
    for load in loads:
        if trends := load.tally.trends(MOST_PARTS):
            print()
            console = Console(file=sys.stdout, highlight=False)
            days = " to ".join(dict.fromkeys(moment(time)[:10] for time in (load.first, load.last) if time))
            console.print(Text(f"What was read of {load.name}, by type, {days}", "bold"))
            console.print(drawing(trends))
            return


def drawing(trends: Trends) -> Table:
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    table = Table(
        box=ASCII2 if plain else SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    table.add_column("type", no_wrap=True, overflow="ellipsis", max_width=LONGEST_TYPE)
    bars = len(trends.trends[0].counts)
    table.add_column(f"{bars} bar{'' if bars == 1 else 's'} of {lasting(trends.length)}", no_wrap=True)
    table.add_column("events", justify="right", no_wrap=True)
    most = MOST_TYPES if len(trends.trends) > MOST_TYPES + 1 else MOST_TYPES + 1
    shown, others = trends.trends[:most], trends.trends[most:]
    rows: list[tuple[str, Sequence[int], int]] = [(printable(each.type), each.counts, each.total) for each in shown]
    if others:
        together = [sum(numbers) for numbers in zip(*(trend.counts for trend in others), strict=True)]
        rows.append((f"{len(others)} others", together, sum(trend.total for trend in others)))
    for type, counts, total in rows:
        table.add_row(Text(type), Text(sparkline(counts, plain=plain)), f"{total:,}")
    return table


def lasting(length: timedelta) -> str:
    """3 days, an hour."""
    hours = int(length.total_seconds()) // 3600
    for size, one, more in ((24 * 7, "a week", "weeks"), (24, "a day", "days"), (1, "an hour", "hours")):
        if hours % size == 0:
            return one if hours == size else f"{hours // size} {more}"
    raise ValueError(f"{length} is no number of hours")


def question_of(loads: Sequence[StreamLoad], warehouse: Warehouse, dataset: str) -> str | None:
    """A command that asks the warehouse something."""
    asked = next((load.name for load in loads if load.read and "type" in load.columns), None)
    return warehouse.question(f"{dataset}.{asked}") if warehouse.question and asked else None


def account(load: StreamLoad) -> str:
    parts = [f"{load.read:,} read"]
    if load.new is not None:
        parts += [f"{load.new:,} new", f"{load.read - load.new:,} again"]
    elif not load.warehouse.merges:
        parts.append("added to what is there, also if it is there")
    if load.first and load.last:
        parts.append(f"createdAt {moment(load.first)} to {moment(load.last)}")
    if load.failure:
        parts.append("failed")
    return ", ".join(parts)


def moment(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

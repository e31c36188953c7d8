"""The command `load`: streams into a warehouse, with a line for each at the end."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from datetime import datetime, timezone

from source_events.load import StreamLoad, Warehouse, hide_password, warehouse_of, working_folder
from source_events.process.catalog import catalogue
from source_events.process.entrypoint import prepare_memory
from source_events.process.people import configuration_for_people, tell
from source_events.process.progress import told
from source_events.process.unwritable import written


def run(arguments: Namespace) -> None:
    """Load the streams; exits with 1 if one fails, after all others."""
    hide_password(arguments.to)
    prepare_memory()
    config = configuration_for_people(arguments.config)
    dataset = arguments.dataset or config["provider"]["provider_type"]
    warehouse = warehouse_of(arguments.to, dataset)
    streams = [entry.stream for entry in catalogue(config, arguments.stream or ()).streams]
    loads = []
    with working_folder(f"{arguments.to} {dataset}") as folder:
        for stream in streams:
            load = StreamLoad(config, stream, warehouse, dataset, folder, arguments.full_refresh)
            with told(load.progress, beside_output=True):
                load.run()
            if load.failure:
                tell("error", load.failure)
            loads.append(load)
    with written():
        print(summary(loads, warehouse, dataset))
    if any(load.failure for load in loads):
        sys.exit(1)


def summary(loads: Sequence[StreamLoad], warehouse: Warehouse, dataset: str) -> str:
    """A line for each stream, and where they are."""
    width = max(len(load.name) for load in loads)
    lines = [f"{load.name:{width}}  {account(load)}" for load in loads]
    lines.append(f"\nIn {warehouse.name}, dataset {dataset}.")
    asked = next((load.name for load in loads if load.read and "type" in load.columns), None)
    if warehouse.question and asked:
        lines.append(f"To go on: {warehouse.question(f'{dataset}.{asked}')}")
    return "\n".join(lines)


def account(load: StreamLoad) -> str:
    parts = [f"{load.read:,} read"]
    if load.new is not None:
        parts += [f"{load.new:,} new", f"{load.read - load.new:,} again"]
    if load.first and load.last:
        parts.append(f"createdAt {moment(load.first)} to {moment(load.last)}")
    if load.failure:
        parts.append("failed")
    return ", ".join(parts)


def moment(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

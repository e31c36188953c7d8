"""What a read costs, measured beside what it must cost at least: `python -m benchmarks [--events N] [--rounds N]`.

The sandbox serves generated Cloud4Wi events in pages of 10,000. Machines are noisy: the rounds are interleaved, the
medians are shown, and only ratios between lines of one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.cloud4wi import CLIENT_KEY, CLIENT_SECRET, EMPTY_ORGANIZATION_ID, ORGANIZATION_ID
from sandbox.process import Sandbox

CONNECTOR = [sys.executable, "-m", "source_events"]


@dataclass
class Cost:
    """What one process took: seconds, seconds of CPU, and the megabytes that it had in memory at most."""

    wall: float
    cpu: float
    memory: float


def measure(command: Sequence[str], output: Path = Path(os.devnull)) -> Cost:
    """
    :raises RuntimeError: if the command fails
    """
    with output.open("wb") as file:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.memory for cost in costs),
    )


def write_files(folder: Path, url: str) -> dict[str, str]:
    """The connector's files; returns the commands' arguments by name."""
    provider = {
        "provider_type": "cloud4wi",
        "organization_id": ORGANIZATION_ID,
        "client_key": CLIENT_KEY,
        "client_secret": CLIENT_SECRET,
        "api_url": url,
    }
    stream = {"name": "org_events", "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
    selected = {"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append"}
    files = {
        "config": {"provider": provider, "start_date": "2024-01-01T00:00:00Z", "end_date": "2024-12-31T00:00:00Z"},
        "empty": {
            "provider": {**provider, "organization_id": EMPTY_ORGANIZATION_ID},
            "start_date": "2024-01-01T00:00:00Z",
            "end_date": "2024-01-02T00:00:00Z",
        },
        "catalog": {"streams": [selected]},
    }
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return {name: str(folder / f"{name}.json") for name in files}


def commands(files: Mapping[str, str], url: str) -> dict[str, list[str]]:
    read = [*CONNECTOR, "read", "--catalog", files["catalog"], "--config"]
    return {
        "spec": [*CONNECTOR, "spec"],
        "check": [*CONNECTOR, "check", "--config", files["config"]],
        "read of an empty organisation": [*read, files["empty"]],
        "read": [*read, files["config"]],
        "limit: download only": [sys.executable, "-m", "benchmarks.limits", "download", url],
        "limit: raw splice": [sys.executable, "-m", "benchmarks.limits", "splice", url],
        "limit: decode and encode": [sys.executable, "-m", "benchmarks.limits", "decode", url],
    }


def report(costs: Mapping[str, Cost], events: int) -> str:
    startup = costs["read of an empty organisation"]
    splice = costs["limit: raw splice"]
    read = costs["read"]
    lines = [f"{'':32}{'seconds':>9}{'CPU s':>9}{'MB':>7}"]
    lines += [f"{name:32}{cost.wall:9.2f}{cost.cpu:9.2f}{cost.memory:7.0f}" for name, cost in costs.items()]
    beyond = (read.cpu - startup.cpu) * 1_000_000 / events
    lines += [
        "",
        f"Beyond start-up, a million events cost {beyond:.1f} CPU seconds: "
        f"{(read.cpu - startup.cpu) / splice.cpu:.1f} times the raw splice, "
        f"{(read.cpu - startup.cpu) / costs['limit: decode and encode'].cpu:.1f} times decoding and encoding.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(
        f"{options.events:,} events, {options.rounds} rounds; {platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}",
        flush=True,
    )
    with (
        Sandbox(
            events=options.events,
            contacts=2000,
            no_example=True,
            start="2024-01-01T00:00:00Z",
            end="2024-12-30T00:00:00Z",
        ) as sandbox,
        tempfile.TemporaryDirectory() as folder,
    ):
        files = write_files(Path(folder), sandbox.url)
        compared = commands(files, sandbox.url)
        output = Path(folder) / "output.jsonl"
        measure(compared["read"], output)
        # In a process of its own: what this one holds in memory would count as memory of the processes that it starts.
        subprocess.run([sys.executable, "-m", "benchmarks.completeness", str(output), sandbox.url], check=True)
        output.unlink()
        costs: dict[str, list[Cost]] = {}
        for _ in range(options.rounds):
            for name, command in compared.items():
                costs.setdefault(name, []).append(measure(command))
        print(report({name: median(found) for name, found in costs.items()}, options.events))


if __name__ == "__main__":
    main()

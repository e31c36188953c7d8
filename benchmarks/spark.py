"""What a record costs on its way through Spark, and how tasks share the waiting: `python -m benchmarks.spark`.

CPU is that of whole trees of processes, Java included, beyond the same program's on an account of few events. With an
API that answers after 300 ms the time of a read is measured by the number of executors, each with one task.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.__main__ import RESULTS
from benchmarks.parts import END, START, say
from benchmarks.report import machine, table
from sandbox.cloud4wi import CLIENT_KEY, CLIENT_SECRET, ORGANIZATION_ID
from sandbox.process import Sandbox

EVENTS = {"arrow": 400_000, "tuples": 100_000, "community": 60_000, "texts": 60_000}
"""As many as each program reads in some minutes at most."""
REPEATS = 3
NAMES = {
    "arrow": "this connector",
    "tuples": "the same with tuples",
    "community": "a minimal source as the community's",
    "texts": "that one with objects as JSON text",
}
EXECUTORS = (1, 2, 4)
ANSWER_TIME, PAGES, ROWS = 0.3, 120, 350


def configuration(sandbox: Sandbox, workers: int) -> dict[str, Any]:
    credentials = {"organization_id": ORGANIZATION_ID, "client_key": CLIENT_KEY, "client_secret": CLIENT_SECRET}
    provider = {"provider_type": "cloud4wi", "api_url": sandbox.url, **credentials}
    return {"provider": provider, "start_date": START, "end_date": END, "num_workers": workers}


def run(sandbox: Sandbox, source: str, master: str, partitions: int) -> dict[str, float]:
    """The records, seconds and seconds of CPU of the last of some reads in one session: the others warm it up.

    :raises RuntimeError: if it fails
    """
    with tempfile.TemporaryDirectory() as name:
        config, said = Path(name) / "config.json", Path(name) / "said"
        config.write_text(json.dumps(configuration(sandbox, partitions)), encoding="utf-8")
        program = [sys.executable, "-m", "benchmarks.peers.spark_sources", source, str(config), master]
        environment = {**os.environ, "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
        with said.open("wb") as output, (Path(name) / "errors").open("w+b") as errors:
            done = subprocess.run(
                [*program, str(partitions), str(REPEATS)], stdout=output, stderr=errors, env=environment, check=False
            )
            errors.seek(0)
            if done.returncode:
                raise RuntimeError(f"{source} failed: {errors.read().decode(errors='replace')[-2000:]}")
        last: dict[str, float] = json.loads(said.read_text(encoding="utf-8").splitlines()[-1])
        return last


def costs(rounds: int, share: float) -> list[dict[str, Any]]:
    """Interleaved rounds of each program."""
    events = {source: round(number * share) for source, number in EVENTS.items()}
    found: dict[str, list[dict[str, float]]] = {source: [] for source in events}
    for number in range(rounds):
        for source, records in events.items():
            with Sandbox(streamed=records, start=START, end=END) as sandbox:
                said = run(sandbox, source, "local[2]", 2)
            if said["records"] != records:
                raise RuntimeError(f"{source} read {said['records']} of {records} records")
            found[source].append(said)
            say(f"round {number + 1}: {source}: {said['cpu']:.2f} CPU s, {said['seconds']:.1f} s")
    return [
        {
            "source": source,
            "records": events[source],
            "cpu": statistics.median(said["cpu"] for said in runs),
            "cpu_per_million": statistics.median(said["cpu"] * 1e6 / events[source] for said in runs),
            "records_per_second": statistics.median(events[source] / said["seconds"] for said in runs),
        }
        for source, runs in found.items()
    ]


def times(rounds: int, share: float) -> list[dict[str, Any]]:
    """Seconds of a read from a slow API, by the number of executors; the first run of each warms them up."""
    pages = round(PAGES * share)
    seconds: dict[int, list[float]] = {executors: [] for executors in EXECUTORS}
    with Sandbox(streamed=pages * ROWS, start=START, end=END) as sandbox:
        sandbox.control.behaviour("cloud4wi", page_cap=ROWS)
        sandbox.control.add_fault(path="/events$", delay=ANSWER_TIME, times=None)
        for number in range(rounds):
            for executors in EXECUTORS:
                said = run(sandbox, "arrow", f"local-cluster[{executors},1,1024]", executors)
                if said["records"] != pages * ROWS:
                    raise RuntimeError(f"{said['records']} of {pages * ROWS} records were read")
                seconds[executors].append(said["seconds"])
                say(f"round {number + 1}: {executors} executors: {said['seconds']:.1f} s")
    return [{"executors": number, "seconds": statistics.median(found)} for number, found in seconds.items()]


def as_markdown(content: Mapping[str, Any]) -> str:
    about = content["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    own, alone = content["costs"][0]["cpu_per_million"], content["times"][0]["seconds"]
    return "\n".join(
        [
            "# Spark",
            "",
            f"{content['date']}; {about['cores']} cores, {about['processor']}, Python {about['python']}; {packages}. "
            f"{_rounds(content['rounds'])} Only ratios mean anything.",
            "",
            "## CPU per record",
            "",
            "Cloud4Wi's `org_events` from the sandbox, in `local[2]`, a hash of all columns: the last run of a query "
            "that has been planned. CPU is that of the whole tree of processes, the driver, Java, and the Python "
            "workers, from the begin of the run to its end; the sandbox's is not in it. The community's connectors "
            "declare a struct for each object whose fields are known, and make a `Row` of it; this connector leaves "
            "objects as JSON text, and so does the last line.",
            "",
            *table(
                ("source", "records", "CPU s", "CPU s per million", "times ours", "records/s"),
                [
                    (
                        NAMES[row["source"]],
                        f"{row['records']:,}",
                        f"{row['cpu']:.1f}",
                        f"{row['cpu_per_million']:.1f}",
                        f"{row['cpu_per_million'] / own:.1f}",
                        f"{row['records_per_second']:,.0f}",
                    )
                    for row in content["costs"]
                ],
            ),
            "",
            "## Time by number of executors",
            "",
            f"The API answers after {ANSWER_TIME * 1000:.0f} ms, {ROWS} events a page; `local-cluster[N,1,1024]`, one "
            "task at a time on each executor, one request at a time in each task. The last run of a query; to plan "
            "it takes another second or so before the first.",
            "",
            *table(
                ("executors", "seconds", "times as fast as one"),
                [
                    (row["executors"], f"{row['seconds']:.1f}", f"{alone / row['seconds']:.2f}")
                    for row in content["times"]
                ],
            ),
            "",
        ]
    )


def _rounds(number: int) -> str:
    return f"Medians of {number} interleaved rounds." if number > 1 else "One round."


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spark", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the work (default: all of it)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()
    content = {
        "date": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine({name: version(name) for name in ("airbyte-cdk", "pyspark", "pyarrow")}),
        "rounds": options.rounds,
        "costs": costs(options.rounds, options.share),
        "times": times(options.rounds, options.share),
    }
    text = as_markdown(content)
    say(f"\n{text}")
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "spark.md").write_text(text, encoding="utf-8")
    (options.output / "spark.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Executors that are processes of their own, and what becomes of a read when some of them are killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pytest

from integration_tests.documentation.pages import PROJECT
from integration_tests.secrecy import forms_of, secrets_of
from integration_tests.spark.conftest import configuration
from sandbox.process import Sandbox

pytestmark = [pytest.mark.spark, pytest.mark.timeout(900)]

LONGEST = 400
"""Seconds that a cluster may take for anything: several Java processes take long to start on a busy machine."""

EXECUTOR, PYTHON_WORKER = "CoarseGrainedExecutorBackend", "pyspark.daemon"
MASTER, WORKER = "org.apache.spark.deploy.master.Master", "org.apache.spark.deploy.worker.Worker"


@pytest.fixture(scope="module")
def large() -> Iterator[Sandbox]:
    """Enough for four tasks, in many pages."""
    with Sandbox(events=31_000, no_example=True) as running:
        yield running


@pytest.fixture
def config(large: Sandbox, tmp_path: Path) -> Path:
    large.control.reset()
    large.control.behaviour("cloud4wi", page_cap=500)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(configuration(large, "cloud4wi")), encoding="utf-8")
    return path


class Run:
    """A Spark program, or a part of a cluster, in a session of its own, with what it writes in a file."""

    def __init__(self, command: list[str], log: Path, **environment: str) -> None:
        self.log = log
        variables = {**os.environ, "PYTHONPATH": str(PROJECT), "SPARK_NO_DAEMONIZE": "1", **environment}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=variables, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def kill(self) -> None:
        """All of its session."""
        for pid in self.processes(""):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def processes(self, name: str) -> list[int]:
        """Those of its session whose command line has the name."""
        found = []
        for entry in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                pid = int(entry.name)
                if os.getsid(pid) == self.process.pid and name in (entry / "cmdline").read_text(errors="replace"):
                    found.append(pid)
        return found

    def said(self, pattern: str) -> str | None:
        match = re.search(pattern, self.log.read_text(encoding="utf-8", errors="replace"))
        return match[1] if match else None


def until(condition: Callable[[], Any], seconds: float = LONGEST) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def program(master: str, config: Path) -> Run:
    folder = config.parent
    command = [sys.executable, "-m", "integration_tests.spark.program", master, str(config), str(folder / "events")]
    return Run(command, folder / "program.log")


def written(config: Path) -> Counter[str]:
    return Counter(pyarrow.dataset.dataset(config.parent / "events").to_table(["id"])["id"].to_pylist())


def complete(large: Sandbox, run: Run, config: Path) -> None:
    status = run.process.wait(LONGEST)
    assert status == 0, run.log.read_text(errors="replace")[-4000:]
    assert written(config) == Counter(dict.fromkeys(large.control.event_ids("cloud4wi"), 1))


def logins(large: Sandbox) -> int:
    return sum(each["method"] == "POST" for each in large.control.requests())


def test_two_executors_read_all_of_it_once(large: Sandbox, config: Path) -> None:
    with program("local-cluster[2,1,1024]", config) as run:
        complete(large, run, config)
    assert logins(large) == 5
    for secret in secrets_of(json.loads(config.read_text())):
        assert not [form for form in forms_of(secret) if form in run.log.read_text(errors="replace")]


@pytest.mark.parametrize("killed", [EXECUTOR, PYTHON_WORKER])
def test_what_is_killed_in_the_middle_of_a_partition_is_read_again_by_another(
    large: Sandbox, config: Path, killed: str
) -> None:
    large.control.add_fault(path="/events", delay=0.3, times=None)
    with program("local-cluster[2,1,1024]", config) as run:
        until(lambda: large.control.counts()["rows"] > 3000 or run.process.poll() is not None)
        os.kill(run.processes(killed)[-1], signal.SIGKILL)
        large.control.clear_faults()
        complete(large, run, config)
    assert logins(large) > 5


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[Run]]]:
    """A master and two workers with a core each."""
    spark_class = Path(sys.executable).with_name("spark-class")

    def started(name: str, *arguments: str) -> Run:
        command = [str(spark_class), *arguments, "--host", "127.0.0.1", "--webui-port", "0"]
        return Run(command, tmp_path / f"{name}.log")

    with ExitStack() as running:
        master = running.enter_context(started("master", MASTER, "--port", "0"))
        url = until(lambda: master.said(r"Starting Spark master at (spark://\S+)"))
        folder = str(tmp_path / "work")
        workers = [
            running.enter_context(
                started(f"worker{number}", WORKER, url, "--cores", "1", "--memory", "1g", "--work-dir", folder)
            )
            for number in range(2)
        ]
        until(lambda: all(worker.said(r"(Successfully registered with master)") for worker in workers))
        yield url, workers


def test_a_worker_of_a_cluster_may_be_lost(large: Sandbox, config: Path, cluster: tuple[str, list[Run]]) -> None:
    url, workers = cluster
    large.control.add_fault(path="/events", delay=0.3, times=None)
    with program(url, config) as run:
        until(lambda: large.control.counts()["rows"] > 3000 or run.process.poll() is not None)
        assert all(worker.processes(EXECUTOR) for worker in workers)
        workers[0].kill()
        large.control.clear_faults()
        complete(large, run, config)
    logs = [run.log, *config.parent.glob("*.log"), *(config.parent / "work").rglob("std*")]
    text = "".join(path.read_text(errors="replace") for path in logs)
    assert "Starting Spark master" in text
    for secret in secrets_of(json.loads(config.read_text())):
        assert not [form for form in forms_of(secret) if form in text]

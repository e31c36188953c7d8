"""What a person reads who runs the connector with PyAirbyte: nothing that looks broken where all is well."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration_tests.documentation.pages import PROJECT, Outcome, Page, addresses, run_commands
from integration_tests.warehouse.loading import DEMO_PYTHON, SCRIPTS, marks, said
from sandbox.process import Sandbox
from source_events import providers

pytestmark = [*marks, pytest.mark.timeout(600)]

CONFIG = "examples/cloud4wi/config.json"
BLOCKS = Page(PROJECT / "examples/pyairbyte/README.md").blocks("python")
(CELL,) = (block.text for block in BLOCKS if "get_source" in block.text)
WAYS = {
    "to_duckdb": f"python examples/pyairbyte/to_duckdb.py events.duckdb {CONFIG}",
    "notebook": f"python - <<'CELL'\n{CELL}CELL",
    "get_records": f"python {SCRIPTS / 'samples.py'} get_records {CONFIG}",
    "print_samples": f"python {SCRIPTS / 'samples.py'} print_samples {CONFIG}",
}
LONGEST_ANSWER = 100
"""Seconds for PyAirbyte's start and the connector's check, on a machine that has other things to do."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=5000) as running:
        yield running


@pytest.fixture
def busy() -> Iterator[None]:
    """Other work for each processor: what ends at once when it is alone takes its time here."""
    burning = f"import os\nwhile os.getppid() == {os.getpid()}: pass"
    processes = [subprocess.Popen([sys.executable, "-c", burning]) for _ in range(os.cpu_count() or 1)]
    yield
    for process in processes:
        process.kill()
        process.wait(10)


def ran(command: str, addresses: dict[str, str], folder: Path) -> Outcome:
    environment = {
        "AIRBYTE_OFFLINE_MODE": "1",
        "DO_NOT_TRACK": "1",
        "NO_LIVE_PROGRESS": "1",
        "AIRBYTE_LOGGING_ROOT": str(folder / "logs"),
    }
    return run_commands([command], addresses, folder, DEMO_PYTHON, environment)


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_succeeds_looks_like_one(way: str, sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = ran(WAYS[way], addresses(sandbox.url), tmp_path)
    assert outcome.status == 0, outcome.text[-4000:]
    logs = said(tmp_path / "logs")
    assert logs
    for ugly in ("Traceback", "Exit Code", "exit_code", "Error", "Could not determine"):
        assert ugly not in outcome.text + logs


@pytest.mark.parametrize("script", ["to_duckdb.py events.duckdb", "to_postgres.py"])
def test_a_wrong_configuration_is_told_before_anything_is_loaded(script: str, sandbox: Sandbox, tmp_path: Path) -> None:
    wrong = "examples/cloud4wi/wrong.json"
    command = (
        f"sed '/client_secret/s/: .*/: \"a-wrong-secret\"/' {CONFIG} > {wrong}\n"
        f"python examples/pyairbyte/{script} examples/app_market/config.json {wrong}"
    )
    outcome = ran(command, addresses(sandbox.url), tmp_path)
    assert outcome.status == 1
    last = outcome.text.splitlines()[-1]
    assert last.startswith(f"{wrong}: ")
    assert "`provider.client_secret`" in last
    assert "Traceback" not in outcome.text
    assert not (tmp_path / "events.duckdb").exists()


def test_without_a_network_it_says_so_within_seconds(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = {name: f"http://127.0.0.1:{nobody.getsockname()[1]}" for name in providers.names()}
        began = time.monotonic()
        outcome = ran(WAYS["to_duckdb"], dead, tmp_path)
    assert time.monotonic() - began < LONGEST_ANSWER
    assert outcome.status == 1
    assert "Check `provider.api_url` and the network" in outcome.text.splitlines()[-1]
    assert "Traceback" not in outcome.text


@pytest.mark.parametrize("content", [None, '{"start_date": '], ids=["no file", "no JSON"])
def test_a_file_that_cannot_be_read_is_told_in_a_sentence(content: str | None, tmp_path: Path) -> None:
    if content:
        (tmp_path / "config.json").write_text(content)
    outcome = ran("python examples/pyairbyte/to_duckdb.py events.duckdb config.json", {}, tmp_path)
    assert outcome.status == 1
    assert outcome.text.splitlines()[-1].startswith("config.json: ")
    assert "Traceback" not in outcome.text

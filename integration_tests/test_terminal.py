"""What a person sees who runs the connector in a terminal, and that nothing but the protocol is in its output."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from integration_tests.cloud4wi import config
from integration_tests.connector import Json, Output, catalog, changed
from sandbox.process import Sandbox
from unit_tests.process.terminals import read_all, run, running, seen

COMMAND = ["-m", "source_events"]
HURRIED = [
    "-c",
    "from source_events.process import progress; progress.LOG_EVERY = 0.5; progress.DRAW_EVERY = 0.05\n"
    "from source_events.cli import run; run()",
]
"""The same with lines of the log that come more often than every ten seconds."""
REFUSED = (
    "Cloud4Wi does not accept the credentials. Check `provider.client_key` and `provider.client_secret`. "
    "(The API answered 401 Unauthorized: invalid client key or secret.)"
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=400, contacts=40, no_example=True) as running:
        yield running


@pytest.fixture
def arguments(sandbox: Sandbox, tmp_path: Path) -> dict[str, list[str]]:
    """Of each command, of an API that takes its time."""
    sandbox.control.reset()
    sandbox.control.add_fault(delay=0.1, times=None)
    right = config(sandbox.url, num_workers=2)
    wrong = changed(right, {"client_secret": "wrong"})
    files: dict[str, Json] = {"right": right, "wrong": wrong, "catalog": catalog()}
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    cataloged = ["--catalog", str(tmp_path / "catalog")]
    found: dict[str, list[str]] = {}
    for name in ("right", "wrong"):
        given = ["--config", str(tmp_path / name)]
        found |= {f"{name} check": ["check", *given], f"{name} discover": ["discover", *given]}
        found[f"{name} preview"] = ["preview", *given]
        found[f"{name} read"] = ["read", *given, *cataloged]
    return found


def run_at_terminal(arguments: list[str], folder: Path) -> tuple[Output, str]:
    """The output, which is a file, and what was written to the terminal."""
    path = folder / "output"
    with path.open("wb") as file:
        status, written = run(arguments, file)
    return Output(path.read_text(encoding="utf-8"), status), written


def told(output: Output, stream: str) -> list[str]:
    """The lines of the log that say how far a stream is."""
    return [line for line in output.logs if line.startswith(f"{stream}: ") and "complete" not in line]


def test_a_line_shows_how_far_a_read_is_and_goes_with_it(arguments: dict[str, list[str]], tmp_path: Path) -> None:
    output, written = run_at_terminal([*COMMAND, *arguments["right read"]], tmp_path)
    assert output.status == 0
    assert len(output.records("contact_events")) == 400
    assert re.search(r" 0:0\d contact_events: \d+ of 40 contacts, \d+ records", written)
    assert re.search(r"org_events: \d+ (of about \d+ )?records", written)
    assert seen(written) == []
    # Too short for a line of the log.
    assert told(output, "contact_events") == told(output, "org_events") == []


def test_the_log_says_how_far_each_running_stream_is(arguments: dict[str, list[str]]) -> None:
    done = subprocess.run(
        [sys.executable, *HURRIED, *arguments["right read"]], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    output = Output(done.stdout, 0)
    form = r"contact_events: (\d+ of \d+ contacts( found so far)?, )?\d+ records"
    lines = told(output, "contact_events")
    assert len(lines) >= 2
    assert all(re.fullmatch(form, line) for line in lines)
    assert any("of 40 contacts, " in line for line in lines)
    end = next(position for position, line in enumerate(output.logs) if line.startswith("org_events: 400 records, c"))
    assert not any(line in output.logs[end:] for line in told(output, "org_events"))


def test_the_platform_is_told_how_many_records_of_contacts_to_expect(
    arguments: dict[str, list[str]], tmp_path: Path
) -> None:
    output, _ = run_at_terminal([*COMMAND, *arguments["right read"]], tmp_path)
    traces = [message["trace"] for message in output.messages if message["type"] == "TRACE"]
    estimates = [trace["estimate"] for trace in traces if trace["type"] == "ESTIMATE"]
    rows = [estimate["row_estimate"] for estimate in estimates if estimate["name"] == "contact_events"]
    assert rows
    assert 360 <= rows[-1] <= 440


def interrupted(command: list[str], when: str, output: IO[bytes] | int) -> str:
    """What is written to the terminal by a command that is interrupted when it has written `when` there."""
    with running(command, stdout=output) as (process, terminal):
        written = ""
        while when not in written:
            written += os.read(terminal, 1 << 16).decode()
        process.send_signal(signal.SIGINT)
        written += read_all(terminal)
        assert process.wait(10) == -signal.SIGINT
    return written


def test_ctrl_c_is_answered_with_a_sentence(arguments: dict[str, list[str]], tmp_path: Path) -> None:
    path = tmp_path / "output"
    with path.open("wb") as file:
        written = interrupted([*COMMAND, *arguments["right read"]], "contacts, ", file)
    assert seen(written) == ["source-events: stopped; go on from the last STATE line."]
    text = path.read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert Output(text, -signal.SIGINT).messages


def test_a_preview_shows_that_it_looks_and_leaves_the_table_alone(
    arguments: dict[str, list[str]], tmp_path: Path
) -> None:
    with (tmp_path / "table").open("wb") as file:
        status, written = run([*COMMAND, *arguments["right preview"]], file)
    assert status == 0
    assert " 0:00 org_events: looking for records" in written
    assert seen(written) == []
    assert (tmp_path / "table").read_text(encoding="utf-8").startswith("10 records of org_events, Cloud4Wi\n")


def test_ctrl_c_ends_a_preview_with_a_sentence(arguments: dict[str, list[str]]) -> None:
    written = interrupted([*COMMAND, *arguments["right preview"]], "looking for records", subprocess.DEVNULL)
    assert seen(written) == ["source-events: stopped."]


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("right check", None),
        ("right discover", None),
        ("wrong check", f"source-events: error: {REFUSED}"),
        ("wrong read", f"source-events: error: [a-z]+_events: {re.escape(REFUSED)}"),
    ],
)
def test_an_error_is_a_sentence_and_success_is_silent(
    arguments: dict[str, list[str]], tmp_path: Path, command: str, sentence: str | None
) -> None:
    output, written = run_at_terminal([*COMMAND, *arguments[command]], tmp_path)
    assert output.messages
    left = seen(written)
    if sentence is None:
        assert left == []
    else:
        [line] = left
        assert line == sentence or re.fullmatch(sentence, line)


def test_where_the_messages_are_on_the_terminal_too_no_line_is_drawn(arguments: dict[str, list[str]]) -> None:
    written = at_one_terminal([*COMMAND, *arguments["right read"]])
    assert "\x1b" not in written
    assert [json.loads(line)["type"] for line in written.split("\r\n") if line].count("RECORD") == 800


def at_one_terminal(arguments: list[str]) -> str:
    """What is written to a terminal that is standard output and standard error."""
    shell = ["-c", "import os, sys; os.dup2(2, 1); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"]
    with running([*shell, *arguments], stdout=subprocess.DEVNULL) as (process, terminal):
        written = read_all(terminal)
        assert process.wait(10) == 0
    return written


@pytest.mark.parametrize("command", ["right check", "right discover", "wrong check", "wrong read"])
def test_without_a_terminal_standard_error_stays_empty(arguments: dict[str, list[str]], command: str) -> None:
    options: dict[str, Any] = {"capture_output": True, "timeout": 60, "check": False}
    done = subprocess.run([sys.executable, *COMMAND, *arguments[command]], **options)
    assert done.stderr == b""
    assert done.stdout


def test_a_wait_of_a_minute_is_not_silent(sandbox: Sandbox, arguments: dict[str, list[str]]) -> None:
    """Also while nothing arrives at all."""
    sandbox.control.reset()
    sandbox.control.add_fault(path="/events$", status=429, headers={"Retry-After": "30"}, times=None)
    began = time.monotonic()
    with subprocess.Popen([sys.executable, *HURRIED, *arguments["right read"]], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(json.loads(line))
            logged = [each["log"]["message"] for each in lines if each["type"] == "LOG"]
            if sum(each == "org_events: 0 records" for each in logged) >= 3:
                break
        process.terminate()
        process.stdout.read()
    assert any("The API answered 429" in each for each in logged)
    assert time.monotonic() - began < 30

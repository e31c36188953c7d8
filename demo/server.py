"""The sandbox, run by the connector's environment: PyAirbyte's has no web server."""

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandbox.process import PROJECT, READY, START_TIMEOUT, STOP_TIMEOUT, Control


class SandboxFailed(RuntimeError):
    """The sandbox did not start."""


@contextmanager
def running_sandbox(python: Path, contacts: int) -> Iterator[tuple[str, Control]]:
    """An empty sandbox on a free port: its address and its control endpoints.

    :raises SandboxFailed: if it does not start
    """
    options = ["--port=0", f"--parent={os.getpid()}", "--events=0", f"--contacts={contacts}", "--no-example"]
    process = subprocess.Popen(
        [str(python), "-m", "sandbox", *options],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        url = _address(process)
        yield url, Control(url)
    finally:
        _stop(process)


def _address(process: "subprocess.Popen[str]") -> str:
    """Wait for the line that tells it; a process that stays silent for too long is killed, which ends the wait."""
    assert process.stdout is not None
    timer = threading.Timer(START_TIMEOUT, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
    finally:
        timer.cancel()
    if not line.startswith(READY):
        raise SandboxFailed("the sandbox did not start; its own message stands above")
    return line.removeprefix(READY).strip()


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()

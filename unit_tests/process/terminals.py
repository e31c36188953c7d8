"""Terminals to look at: what a program writes to one, and what a person would see of it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any


def read_all(descriptor: int) -> str:
    """What has been written to a terminal that nobody has open for writing any more."""
    parts = []
    try:
        while part := os.read(descriptor, 1 << 16):
            parts.append(part)
    except OSError:
        # Linux says so that a terminal has come to its end.
        pass
    os.close(descriptor)
    return b"".join(parts).decode()


@contextmanager
def running(arguments: Sequence[str], **options: Any) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A Python process whose standard error is a terminal, and the descriptor to read that from."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, *arguments], stderr=theirs, env=environment, **options) as process:
        os.close(theirs)
        try:
            yield process, ours
        finally:
            if process.poll() is None:
                process.kill()


def run(arguments: Sequence[str], stdout: IO[bytes]) -> tuple[int, str]:
    """Exit status, and what was written to the terminal that is standard error."""
    with running(arguments, stdout=stdout) as (process, terminal):
        written = read_all(terminal)
        return process.wait(10), written


def seen(written: str) -> list[str]:
    """The lines that are left on the terminal at the end."""
    lines = [""]
    for part in written.replace("\r\n", "\n").split("\n"):
        *_, erased = part.split("\x1b[2K")
        left = ""
        for overwritten in erased.split("\r"):
            left = overwritten + left[len(overwritten) :]
        lines[-1] = left
        lines.append("")
    return [line for line in lines if line]

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from unit_tests.reading import configuration

FULL = Path("/dev/full")
"""A device that is always full."""
SENTENCE = (
    "source-events: error: the output cannot be written: {}. Make room and run it again; "
    "a read goes on from the last STATE line that is whole.\n"
)


def run(arguments: list[str], output: Path, **options: object) -> tuple[int, str]:
    """Exit status and standard error."""
    with output.open("wb") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "source_events", *arguments],
            stdout=stream,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
            env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
            **options,  # type: ignore[call-overload]
        )
    return done.returncode, done.stderr


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("command", ["spec", "check", "discover", "read", "--help"])
def test_a_full_disk_is_one_sentence_and_a_failure(tmp_path, command):
    catalog = {"streams": []}
    files = []
    for name, content in (("config", configuration()), ("catalog", catalog)):
        (tmp_path / name).write_text(json.dumps(content))
        files += [f"--{name}", str(tmp_path / name)]
    given = {"check": files[:2], "discover": files[:2], "read": files}.get(command, [])
    assert run([command, *given], FULL) == (1, SENTENCE.format("No space left on device"))


def test_so_is_a_limit_that_is_reached_in_the_middle_of_a_line(tmp_path):
    (tmp_path / "config").write_text(json.dumps(configuration()))

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    output = tmp_path / "output"
    ended = run(["discover", "--config", str(tmp_path / "config")], output, preexec_fn=limit)
    assert ended == (1, SENTENCE.format("File too large"))
    assert output.stat().st_size == 10_000


def test_nothing_is_said_where_the_reader_has_gone():
    code = (
        "import os; from source_events.process.output import LineWriter\n"
        "read, write = os.pipe(); os.close(read)\n"
        "LineWriter(open(write, 'wb', buffering=0)).write('a line\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")

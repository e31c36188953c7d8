"""The process dies of the signal behind a whole line, at whatever moment it comes, and speaks on a terminal only."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest

from unit_tests.process.terminals import read_all, running, seen

asked_by = pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
ENDLESS = (
    "from source_events.process.output import LineWriter; from source_events.process.signals import end_on_request;"
    "writer = LineWriter(open(1, 'wb', buffering=0, closefd=False)); end_on_request(writer.stop);"
    "line = 'x' * 100_000 + chr(10);"
    "[writer.write(line) for _ in iter(int, 1)]"
)
"""Writes the same line for ever."""


@asked_by
def test_it_leaves_no_half_line(asked):
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE) as process:
        # Read all the while: a process that nobody reads may end in the middle of a line.
        parts = []
        reader = threading.Thread(target=lambda: parts.extend(iter(lambda: process.stdout.read1(1 << 20), b"")))
        reader.start()
        while sum(map(len, parts)) < 1_000_000:
            time.sleep(0.01)
        process.send_signal(asked)
        # As `timeout` and a terminal do, which ask a whole group of processes.
        process.send_signal(asked)
        reader.join(10)
        written = b"".join(parts)
    assert process.returncode == -asked
    assert set(map(len, written.splitlines())) == {100_000}
    assert written.endswith(b"\n")


@asked_by
def test_it_does_not_wait_for_a_reader_that_has_gone_to_sleep(asked):
    with subprocess.Popen([sys.executable, "-c", ENDLESS], stdout=subprocess.PIPE) as process:
        assert process.stdout.read(1) == b"x"
        began = time.monotonic()
        process.send_signal(asked)
        assert process.wait(10) == -asked
        assert time.monotonic() - began < 5


@asked_by
def test_the_first_process_of_a_container_ends_with_the_status_of_a_shell(asked):
    """Where no signal kills: a namespace of processes whose first one the connector is."""
    unshare = [shutil.which("unshare") or "unshare", "--pid", "--fork", "--kill-child"]
    if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("unshare cannot make a namespace of processes here")
    code = f"import os; assert os.getpid() == 1; {ENDLESS}"
    with subprocess.Popen([*unshare, sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout.read(1) == b"x"
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), asked)
        threading.Thread(target=process.stdout.read).start()
        assert process.wait(10) == 128 + asked


DRAWING = (
    "import time; from source_events.process import progress, signals; progress.DRAW_EVERY = 0.001\n"
    "signals.end_on_request(sentence='It has ended.')\n"
    "with progress.told(lambda: ['a: 1 records']): time.sleep(60)"
)
"""Draws a line for a minute."""


class TestTerminal:
    @pytest.mark.parametrize(("asked", "left"), [(signal.SIGINT, ["It has ended."]), (signal.SIGTERM, [])])
    def test_whoever_presses_a_key_is_answered_and_a_program_that_stops_it_is_not(self, asked, left):
        with running(["-c", DRAWING], stdout=subprocess.DEVNULL) as (process, terminal):
            written = os.read(terminal, 1 << 16)
            while b"a: 1 records" not in written:
                written += os.read(terminal, 1 << 16)
            process.send_signal(asked)
            process.send_signal(asked)
            written += read_all(terminal).encode()
            assert process.wait(10) == -asked
        assert seen(written.decode()) == left

    def test_a_key_that_is_pressed_again_before_the_answer_is_written_does_not_take_it_away(self):
        again = "import os, signal; write = os.write\n"
        again += "os.write = lambda *to: os.kill(os.getpid(), signal.SIGINT) or write(*to)\n"
        with running(["-c", f"{again}{DRAWING}"], stdout=subprocess.DEVNULL) as (process, terminal):
            assert seen(read_all(terminal)) == ["It has ended."]
            assert process.wait(10) == -signal.SIGINT

    def test_a_terminal_that_takes_no_word_does_not_keep_the_process(self):
        with running(["-c", ENDLESS], stdout=subprocess.PIPE) as (process, terminal):
            assert process.stdout.read(1) == b"x"
            termios.tcflow(terminal, termios.TCOOFF)
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == -signal.SIGINT
            os.close(terminal)


class TestAnyMoment:
    """From the first line of the connector's own code on: while it imports, answers and ends."""

    TELLS = """
import importlib.abc, os, signal, sys
class Tells(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), {asked:d})
sys.meta_path.insert(0, Tells())
sys.argv = ["source-events", *{arguments!r}]
from source_events.cli import run
run()
"""
    """Sends the process a signal as soon as it begins to import a module."""

    @asked_by
    @pytest.mark.parametrize(
        ("arguments", "module"),
        [
            (["spec"], "source_events.settings.specification"),
            (["read", "--help"], "argparse"),
            (["discover", "--config", "config.json"], "source_events.process.imports"),
            (["discover", "--config", "config.json"], "source_events.process.entrypoint"),
            (["discover", "--config", "config.json"], "airbyte_cdk.models"),
            (["discover", "--config", "config.json"], "requests"),
            (["read", "--config", "config.json", "--catalog", "catalog.json"], "source_events.source"),
        ],
        ids=lambda value: value if isinstance(value, str) else value[0],
    )
    def test_a_start_is_interrupted_without_a_word(self, tmp_path, arguments, module, asked):
        code = self.TELLS.format(module=module, asked=asked, arguments=arguments)
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (-asked, b"", b"")


@pytest.mark.parametrize("arguments", [["spec"], ["--help"], ["read", "--help"]], ids=" ".join)
def test_without_a_reader_it_ends_in_silence(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "source_events", *arguments],
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=60,
            # Else what `argparse` cannot write is no error.
            env={**os.environ, "PYTHONUNBUFFERED": ""},
        )
    assert (done.returncode, done.stderr) == (1, b"")

"""The example that keeps a state in a file: whatever a sync has left behind, the file is at least as good as before."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from integration_tests.connector import Json
from sandbox.process import PROJECT

SCRIPT = PROJECT / "examples/docker/last_state.py"
RECORD = {"type": "RECORD", "record": {"stream": "org_events", "emitted_at": 1, "data": {"id": "a", "type": "STATE"}}}
LOG = {"type": "LOG", "log": {"level": "INFO", "message": 'the "STATE" of things'}}


def entry(stream: str, time: str, **descriptor: str) -> Json:
    name = {"name": stream, **descriptor}
    return {"type": "STREAM", "stream": {"stream_descriptor": name, "stream_state": {"createdAt": time}}}


def message(stream: str, time: str, **descriptor: str) -> Json:
    return {"type": "STATE", "state": {**entry(stream, time, **descriptor), "sourceStats": {"recordCount": 1.0}}}


class Files:
    def __init__(self, folder: Path) -> None:
        self.messages, self.state = folder / "messages.jsonl", folder / "state.json"

    def say(self, *messages: Json, cut: bytes = b"") -> None:
        self.messages.write_bytes(b"".join(json.dumps(each).encode() + b"\n" for each in messages) + cut)

    def keep(self, *entries: Json) -> None:
        self.state.write_text(json.dumps(entries))

    @property
    def times(self) -> dict[str, str]:
        """What the state file says of each stream."""
        entries = json.loads(self.state.read_text())
        return {
            each["stream"]["stream_descriptor"]["name"]: each["stream"]["stream_state"]["createdAt"] for each in entries
        }

    def run(self, *arguments: object, **settings: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPT), *map(str, arguments or (self.messages, self.state))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, **settings)
        assert "Traceback" not in done.stderr
        # Nothing is left beside the files.
        assert {path.name for path in self.state.parent.iterdir()} <= {self.messages.name, self.state.name}
        return done


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_the_last_state_of_each_stream_is_kept_as_it_was_told(files):
    files.say(RECORD, message("org_events", "1"), LOG, message("contacts", "1"), message("org_events", "2"))
    done = files.run()
    assert (done.returncode, done.stderr) == (0, "")
    expected = [message("org_events", "2")["state"], message("contacts", "1")["state"]]
    assert json.loads(files.state.read_text()) == expected


def test_a_stream_that_is_missing_today_keeps_its_state(files):
    files.keep(entry("org_events", "1"), entry("contact_events", "1"))
    files.say(message("org_events", "2"))
    done = files.run()
    assert files.times == {"org_events": "2", "contact_events": "1"}
    assert done.stdout == f"{files.state}: 1 streams from {files.messages}, 1 as before\n"


def test_streams_of_the_same_name_in_two_namespaces_are_two(files):
    files.keep(entry("events", "1", namespace="a"), entry("events", "1", namespace="b"))
    files.say(message("events", "2", namespace="b"))
    files.run()
    entries = [each["stream"] for each in json.loads(files.state.read_text())]
    assert [(each["stream_descriptor"]["namespace"], each["stream_state"]["createdAt"]) for each in entries] == [
        ("a", "1"),
        ("b", "2"),
    ]


@pytest.mark.parametrize("said", [[], [RECORD, LOG]], ids=["nothing", "no state"])
def test_a_run_that_failed_early_changes_nothing(files, said):
    files.keep(entry("org_events", "1"))
    before = files.state.read_bytes()
    files.say(*said)
    assert files.run().returncode == 0
    assert files.state.read_bytes() == before


def test_a_run_that_failed_early_leaves_a_file_from_which_the_next_begins(files):
    files.say()
    assert files.run().returncode == 0
    assert json.loads(files.state.read_text()) == []


@pytest.mark.parametrize(
    "cut",
    [
        b'{"type": "STATE", "state": {"type": "STREAM", "str',
        '{"type": "STATE", "text": "é'.encode()[:-1],
        b"STATE",
        b'["STATE"]',
        b'"STATE"',
        b'{"type": "STATE", "a": ' + b"[" * 100_000,
        b"\x00" * 10,
    ],
    ids=["a line", "a character", "no JSON", "a list", "a text", "a deep one", "zeros"],
)
def test_a_line_that_is_cut_or_no_message_is_passed_over(files, cut):
    files.keep(entry("org_events", "1"))
    files.say(message("org_events", "2"), cut=cut)
    assert files.run().returncode == 0
    assert files.times == {"org_events": "2"}


@pytest.mark.parametrize(
    "state",
    [
        {"type": "GLOBAL", "global": {"shared_state": {}, "stream_states": []}},
        {"type": "LEGACY", "data": {"org_events": {}}},
        {"data": {"org_events": {}}},
        {"type": "STREAM", "stream": {}},
        None,
    ],
    ids=["global", "legacy", "older still", "without a stream", "null"],
)
def test_a_state_that_is_not_one_of_a_stream_is_refused_with_a_sentence(files, state):
    files.keep(entry("org_events", "1"))
    before = files.state.read_bytes()
    files.say(message("org_events", "2"), {"type": "STATE", "state": state})
    done = files.run()
    assert (done.returncode, files.state.read_bytes()) == (1, before)
    assert done.stderr == (
        f"{files.messages} has a state that is not one of a stream, as this connector's are; nothing was changed.\n"
    )


def test_such_a_state_in_the_file_is_refused_too(files):
    files.keep({"type": "GLOBAL", "global": {}})
    before = files.state.read_bytes()
    files.say(message("org_events", "2"))
    assert files.run().returncode == 1
    assert files.state.read_bytes() == before


@pytest.mark.parametrize("content", ["", "{", '{"org_events": {}}', json.dumps(RECORD) + "\n" + json.dumps(LOG)])
def test_a_file_that_is_no_state_is_not_written_over(files, content):
    files.state.write_text(content)
    files.say(message("org_events", "2"))
    done = files.run()
    assert (done.returncode, files.state.read_text()) == (1, content)
    assert done.stderr == (
        f"{files.state} has no list of states, and was not touched: name another file, or remove this one.\n"
    )


def test_without_messages_nothing_happens(files):
    files.keep(entry("org_events", "1"))
    done = files.run()
    assert (done.returncode, files.times) == (1, {"org_events": "1"})
    assert done.stderr == f"{files.messages} cannot be read: No such file or directory\n"


@pytest.mark.parametrize("arguments", [[], ["messages.jsonl"], ["a", "b", "c"]], ids=len)
def test_a_wrong_call_says_the_right_one(arguments):
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True, input="", check=False)
    assert (done.returncode, done.stderr) == (1, "usage: last_state.py MESSAGES STATE\n")


def test_who_could_read_the_file_still_can(files):
    files.keep(entry("org_events", "1"))
    files.state.chmod(0o640)
    files.say(message("org_events", "2"))
    files.run()
    assert files.state.stat().st_mode & 0o777 == 0o640


def test_a_new_file_can_be_read_by_whom_the_system_lets(files):
    files.say(message("org_events", "2"))
    files.run(umask=0o022)
    assert files.state.stat().st_mode & 0o777 == 0o644


def test_a_link_stays_one(files, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real = Files(tmp_path / "elsewhere")
    real.keep(entry("org_events", "1"))
    link = tmp_path / "link.json"
    link.symlink_to(real.state)
    real.say(message("org_events", "2"))
    real.run(real.messages, link)
    assert link.is_symlink()
    assert real.times == {"org_events": "2"}


def test_where_nothing_can_be_written_the_file_stays(files):
    files.keep(entry("org_events", "1"))
    files.say(message("org_events", "2"))
    # As on a full disk: no file may grow beyond this many bytes.
    limited = "import resource, runpy, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
    limited += "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10)); sys.argv = sys.argv[1:];"
    limited += "runpy.run_path(sys.argv[0], run_name='__main__')"
    command = [sys.executable, "-c", limited, SCRIPT, files.messages, files.state]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, files.times) == (1, {"org_events": "1"})
    assert done.stderr == f"{files.state} cannot be written, and was not touched: File too large\n"
    assert {path.name for path in files.state.parent.iterdir()} == {"messages.jsonl", "state.json"}


@pytest.mark.parametrize("moment", ["os.fsync", "pathlib.Path.replace"])
def test_killed_while_it_writes_it_leaves_the_old_file_whole(files, moment):
    files.keep(entry("org_events", "1"))
    files.say(message("org_events", "2"))
    killed = "import os, pathlib, runpy, signal, sys; sys.argv = sys.argv[1:];"
    killed += f"{moment} = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
    killed += "runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", killed, SCRIPT, files.messages, files.state], timeout=30, check=False)
    assert done.returncode == -9
    assert files.times == {"org_events": "1"}
    for left in {*files.state.parent.iterdir()} - {files.messages, files.state}:
        left.unlink()
    assert files.run().returncode == 0
    assert files.times == {"org_events": "2"}

"""Killed at any moment and started again from the last state that it printed, the connector loses nothing."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from integration_tests import cloud4wi, swipe_one, systems
from integration_tests.connector import COMMAND, Json, Output, catalog, run
from integration_tests.systems import KEYS, STREAMS
from sandbox.process import Sandbox
from sandbox.provider import Options
from sandbox.swipe_one.generator import generate_contacts

KILLS = 6
INCREMENTAL = {"org_events", "contact_events", "property_records"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=1500, contacts=60, no_example=True) as running:
        yield running


def config(provider: str, sandbox: Sandbox) -> Json:
    """Many slices, and few workers, so that a sync has many moments between its beginning and its end."""
    return systems.config(provider, sandbox, window_size="P2D", num_workers=2)


@dataclass
class Running:
    """A read that goes on, and what it has written so far."""

    process: subprocess.Popen[bytes]
    errors: Path
    """What it writes to standard error."""
    written: bytearray = field(default_factory=bytearray)

    @property
    def output(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def until(self, size: int) -> None:
        """Take what it writes until that is so many bytes, or it has come to its end."""
        while len(self.written) < size:
            piece = os.read(self.output.fileno(), min(65536, size - len(self.written)))
            if not piece:
                return
            self.written += piece

    def ended(self, kill: int | None = None, timeout: float = 60) -> Output:
        """What it has written in whole lines, after a signal if one is given."""
        if kill is not None:
            self.process.send_signal(kill)
        self.until(2**40)
        self.output.close()
        status = self.process.wait(timeout)
        return Output(bytes(self.written).rpartition(b"\n")[0].decode(), status)


def selection(streams: tuple[str, ...]) -> Json:
    """A catalogue with the events as increments, and all else as a whole."""
    chosen = catalog(*streams)
    for entry in chosen["streams"]:
        if entry["stream"]["name"] not in INCREMENTAL:
            entry["sync_mode"] = "full_refresh"
    return chosen


def started(folder: Path, configuration: Json, streams: tuple[str, ...], state: list[Json]) -> Running:
    arguments = []
    for name, content in (("config", configuration), ("catalog", selection(streams)), ("state", state)):
        path = folder / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        arguments += [f"--{name}", str(path)]
    errors = folder / "errors"
    with errors.open("wb") as file:
        return Running(subprocess.Popen([*COMMAND, "read", *arguments], stdout=subprocess.PIPE, stderr=file), errors)


def merged(state: list[Json], output: Output) -> list[Json]:
    """The state that the platform keeps: the last one of each stream, of this run or of an earlier one."""
    by_stream = {entry["stream"]["stream_descriptor"]["name"]: entry for entry in [*state, *output.state]}
    return list(by_stream.values())


def cursors(state: list[Json]) -> dict[str, Json]:
    return {entry["stream"]["stream_descriptor"]["name"]: entry["stream"]["stream_state"] for entry in state}


@pytest.mark.parametrize("provider", STREAMS)
def test_the_union_of_killed_runs_is_complete(provider: str, sandbox: Sandbox, tmp_path: Path) -> None:
    """Each run has less left to do than the one before, and is killed earlier on average."""
    streams = STREAMS[provider]
    sandbox.control.reset()
    undisturbed = run("read", config=config(provider, sandbox), catalog=selection(streams))
    assert (undisturbed.status, undisturbed.errors) == (0, [])
    # What has been written is not much further than what has been read.
    sandbox.control.add_fault(delay=0.02, times=None)
    moments = random.Random(f"{provider} is killed")
    state: list[Json] = []
    found: dict[str, set[str]] = {stream: set() for stream in streams}
    outputs = []
    for number in range(KILLS):
        running = started(tmp_path, config(provider, sandbox), streams, state)
        running.until(moments.randrange(len(undisturbed.text) // (number + 2)))
        outputs.append(running.ended(signal.SIGKILL))
        state = merged(state, outputs[-1])
        if outputs[-1].status == 0:
            break
    if outputs[-1].status != 0:
        outputs.append(started(tmp_path, config(provider, sandbox), streams, state).ended())
        state = merged(state, outputs[-1])
    *killed, last = outputs
    assert [output.status for output in killed] == [-signal.SIGKILL] * len(killed)
    assert len(killed) >= 4
    assert (last.status, last.errors) == (0, [])
    for output in outputs:
        for stream in streams:
            found[stream] |= set(keys(provider, output, stream))
    assert found == {stream: set(keys(provider, undisturbed, stream)) for stream in streams}
    assert cursors(state) == cursors(undisturbed.state)


def keys(system: str, output: Output, stream: str) -> list[str]:
    return [record[KEYS[system][stream]] for record in output.records(stream)]


def test_a_sync_of_thousands_of_contacts_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    """Behind the 8025th contact the API does not answer any more."""
    with Sandbox(events=2000, contacts=CONTACTS, no_example=True) as sandbox:
        control, configuration = sandbox.control, systems.config("swipe_one", sandbox)
        control.add_fault(path=EVENTS_OF_A_CONTACT, skip=8025, times=None, delay=300)
        running = started(tmp_path, configuration, ("contact_events",), [])
        killed = stopped_at(running, 7800)
        state = killed.state
        cursor = cursors(state)["contact_events"]
        assert asked_for(control.requests()) > 7800
        # Beside the place in the list there are only the names of contacts in batches that ended before others.
        assert len(cursor["contacts"]) < 1000
        control.clear_faults()
        control.clear_requests()
        last = run("read", config=configuration, catalog=catalog("contact_events"), state=state)
        assert (last.status, last.errors) == (0, [])
        assert CONTACTS - 8025 < asked_for(control.requests()) < CONTACTS - 7800
        records = [record for output in (killed, last) for record in output.records("contact_events")]
        assert set(swipe_one.contents(records)) == set(control.event_ids("swipe_one"))
        assert cursors(last.state)["contact_events"] == {"createdAt": cursor["list_read"]["until"]}


CONTACTS = 12_000
EVENTS_OF_A_CONTACT = "/contacts/[^/]+/events$"


def stopped_at(running: Running, contacts: int) -> Output:
    """What it has written until its state said that so many contacts had been read; then it is killed."""
    times = [contact["createdAt"] for contact in generate_contacts(CONTACTS, Options.start, Options.end)]
    place = f"{times[contacts][:19]}Z"
    rest = b""
    while piece := os.read(running.output.fileno(), 65536):
        running.written += piece
        *lines, rest = (rest + piece).split(b"\n")
        states = [json.loads(line)["state"]["stream"]["stream_state"] for line in lines if b'"list_read"' in line]
        if any(state["list_read"]["created_at"] >= place for state in states):
            return running.ended(signal.SIGKILL)
    raise AssertionError("it does not come so far")


def asked_for(requests: list[Json]) -> int:
    """How many contacts' events were asked for, and told."""
    found = {entry["path"] for entry in requests if re.search(EVENTS_OF_A_CONTACT, entry["path"]) and entry["status"]}
    return len(found)


def test_asked_to_end_it_ends_within_a_second_with_a_whole_line(sandbox: Sandbox, tmp_path: Path) -> None:
    running = started(tmp_path, config("cloud4wi", sandbox), STREAMS["cloud4wi"], [])
    running.until(20_000)
    began = time.monotonic()
    output = running.ended(signal.SIGTERM)
    assert time.monotonic() - began < 1
    assert output.status == -signal.SIGTERM
    assert running.written.endswith(b"}\n")
    assert output.messages


def test_when_nobody_reads_any_more_it_ends_in_silence(sandbox: Sandbox, tmp_path: Path) -> None:
    running = started(tmp_path, config("cloud4wi", sandbox), STREAMS["cloud4wi"], [])
    running.until(20_000)
    running.output.close()
    assert running.process.wait(10) == 1
    assert running.errors.read_text() == ""


class TestSlowReader:
    """What is written to is a pipe that nobody reads from for a while."""

    def test_it_stops_the_fetching_and_not_the_sync(self, tmp_path: Path) -> None:
        with Sandbox(events=60_000, contacts=100, no_example=True) as full:
            control = full.control
            running = started(tmp_path, cloud4wi.config(full.url, window_size="P1D"), ("org_events",), [])
            running.until(1_000_000)
            memory, requests = settled(running, control.requests)
            time.sleep(3)
            assert len(control.requests()) == requests
            assert resident(running.process.pid) <= memory + 1
            output = running.ended()
            assert output.status == 0
            assert len(set(output.ids("org_events"))) == 60_000
            assert memory < 150


def settled(running: Running, requests: Callable[[], list[Json]]) -> tuple[float, int]:
    """The memory in megabytes and the number of requests, when neither has changed for a second."""
    before: tuple[float, int] | None = None
    for _ in range(30):
        now = (resident(running.process.pid), len(requests()))
        if now == before:
            return now
        before = now
        time.sleep(1)
    raise AssertionError("it goes on fetching")


def resident(process: int) -> float:
    """Megabytes of memory."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    [size] = [line.split()[1] for line in lines if line.startswith("VmRSS")]
    return int(size) // 1024

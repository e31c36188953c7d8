"""One long sync under faults: what came of it, how much memory it took, and how long."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from integration_tests.connector import COMMAND, Json, catalog
from sandbox.process import Control

FAULTS: Mapping[str, Json] = {
    "429 with Retry-After": {"status": 429, "headers": {"Retry-After": "1"}},
    "500 without a body": {"status": 500},
    "502 as HTML": {"status": 502, "body": "<html><body>Not now</body></html>"},
    "503 with a date": {"status": 503, "headers": {"Retry-After": "Mon, 01 Jan 2024 00:00:00 GMT"}},
    "reset": {"reset": True},
    "reset within the body": {"reset_after": 200},
    "cut": {"cut": 200},
    "no body": {"cut": 0},
    "broken gzip": {"corrupt_gzip": True},
    "200 as HTML": {"status": 200, "body": "<html><body>Not now</body></html>"},
    "200 that ends in the middle": {"status": 200, "body": '{"events": [{"id": '},
    "redirect": {"redirect": ""},
    "slow": {"delay": 1.0},
    "expired token": {"expire_token": True},
    "expired scroll": {"expire_scroll": True},
}
"""Every kind that the sandbox has and that passes."""


def disturb(control: Control, path: str, share: int, times: int | None) -> None:
    """All kinds of faults together hit one request in `share`, never two at once; each kind `times` times at most."""
    every = share * len(FAULTS)
    for number, fault in enumerate(FAULTS.values()):
        # The request that a fault has hit is not seen by those behind it in the list.
        control.add_fault(path=path, skip=number * share // 2, every=every, times=times, **fault)


class Expected(Protocol):
    """The events of a stream, of which each must come."""

    def see(self, record: Json) -> None:
        """Tick one off."""

    def missing(self) -> int:
        """How many have not come."""

    unknown: int
    """Records that are none of them."""


class Numbered:
    """Events whose number follows from their id: a byte each."""

    def __init__(self, events: int, number_of: Callable[[str], int]) -> None:
        self._seen = bytearray(events)
        self._number_of = number_of
        self.unknown = 0

    def see(self, record: Json) -> None:
        number = self._number_of(record["id"])
        if number < len(self._seen):
            self._seen[number] = 1
        else:
            self.unknown += 1

    def missing(self) -> int:
        return self._seen.count(0)


class Told:
    """Events as the sandbox tells them; those that are alike must come as often, under as many ids."""

    def __init__(self, events: Sequence[str], content_of: Callable[[Json], str]) -> None:
        self._wanted = Counter(events)
        self._content_of = content_of
        self._ids: dict[str, str] = {}
        self.unknown = 0

    def see(self, record: Json) -> None:
        content = self._content_of(record)
        if content in self._wanted:
            self._ids[record["id"]] = content
        else:
            self.unknown += 1

    def missing(self) -> int:
        found = Counter(self._ids.values())
        assert all(found[content] <= number for content, number in self._wanted.items()), "one event has two ids"
        return (self._wanted - found).total()


@dataclass
class Endured:
    """How a sync went. `memory` are samples in megabytes, a few a second, from its first record to its end."""

    status: int = -1
    seconds: float = 0
    records: Counter[str] = field(default_factory=Counter)
    memory: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    states: int = 0

    def growth(self) -> float:
        """The most memory of the last third over that of the second: of the first, the caches are not full yet."""
        third = len(self.memory) // 3
        return max(self.memory[-third:]) / max(self.memory[third : 2 * third])


class _Record(msgspec.Struct):
    stream: str
    data: Any


class _Message(msgspec.Struct):
    type: str
    record: _Record | None = None
    log: Any = None
    trace: Any = None


def endure(config: Json, expected: Mapping[str, Expected], *, timeout: float) -> Endured:
    """Read these streams as a platform does, line by line as they come.

    A sync that is not at its end after `timeout` seconds is killed: its status is then negative.
    """
    endured = Endured()
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for name, content in (("config", config), ("catalog", catalog(*expected))):
            path = Path(folder) / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
            arguments += [f"--{name}", str(path)]
        began = time.monotonic()
        with subprocess.Popen([*COMMAND, "read", *arguments], stdout=subprocess.PIPE) as process:
            killer = threading.Timer(timeout, process.kill)
            killer.start()
            assert process.stdout is not None
            with _watched(process, endured):
                for line in process.stdout:
                    _note(line, expected, endured)
            killer.cancel()
            endured.status = process.wait()
    endured.seconds = time.monotonic() - began
    return endured


_decode = msgspec.json.Decoder(_Message).decode


def _note(line: bytes, expected: Mapping[str, Expected], endured: Endured) -> None:
    message = _decode(line)
    if message.record is not None:
        endured.records[message.record.stream] += 1
        expected[message.record.stream].see(message.record.data)
    elif message.type == "STATE":
        endured.states += 1
    elif message.type == "LOG":
        endured.said.append(message.log["message"])
    elif message.type == "TRACE" and message.trace["type"] == "ERROR":
        endured.errors.append(message.trace["error"]["message"])


@contextmanager
def _watched(process: subprocess.Popen[bytes], endured: Endured) -> Iterator[None]:
    """Sample the memory from the first record on."""
    ended = threading.Event()

    def sample() -> None:
        while not ended.wait(0.25):
            size = resident(process.pid)
            if endured.records and size:
                endured.memory.append(size)

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield
    finally:
        ended.set()
        sampler.join()


def resident(process: int) -> float:
    """Megabytes of memory; 0 for a process that has come to its end."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    sizes = [line.split()[1] for line in lines if line.startswith("VmRSS")]
    return int(sizes[0]) / 1024 if sizes else 0

"""Runs the connector as Airbyte does: a process with files, whose standard output holds the messages."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Json = dict[str, Any]
COMMAND = [sys.executable, "-m", "source_events"]
STREAMS = ("org_events", "contact_events")


@dataclass
class Output:
    """What a run has written, and how it ended."""

    text: str
    status: int
    messages: list[Json] = field(init=False)

    def __post_init__(self) -> None:
        # Not `splitlines`: a record may hold other characters that Python counts as line breaks.
        self.messages = [json.loads(line) for line in self.text.split("\n") if line]

    def records(self, stream: str) -> list[Json]:
        found = (message["record"] for message in self.messages if message["type"] == "RECORD")
        return [record["data"] for record in found if record["stream"] == stream]

    def ids(self, stream: str) -> Counter[str]:
        return Counter(record["id"] for record in self.records(stream))

    @property
    def state(self) -> list[Json]:
        """The last state of each stream, in the form in which the platform hands it to the next sync."""
        last = {
            message["state"]["stream"]["stream_descriptor"]["name"]: message["state"]["stream"]
            for message in self.messages
            if message["type"] == "STATE"
        }
        return [{"type": "STREAM", "stream": stream} for stream in last.values()]

    def cursor(self, stream: str) -> Json:
        states = {entry["stream"]["stream_descriptor"]["name"]: entry["stream"]["stream_state"] for entry in self.state}
        cursor: Json = states[stream]
        return cursor

    @property
    def errors(self) -> list[Json]:
        traces = (message["trace"] for message in self.messages if message["type"] == "TRACE")
        return [trace["error"] for trace in traces if trace["type"] == "ERROR"]

    @property
    def logs(self) -> list[str]:
        return [message["log"]["message"] for message in self.messages if message["type"] == "LOG"]

    @property
    def connection_status(self) -> Json:
        (status,) = [m["connectionStatus"] for m in self.messages if m["type"] == "CONNECTION_STATUS"]
        found: Json = status
        return found


def run(command: str, timeout: float = 300, **files: Any) -> Output:
    """Run a command with its arguments as files, for example `run("read", config=…, catalog=…, state=…)`."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = []
        for name, content in files.items():
            path = Path(folder) / f"{name}.json"
            path.write_text(json.dumps(content), encoding="utf-8")
            arguments += [f"--{name}", str(path)]
        done = subprocess.run(
            [*COMMAND, command, *arguments], capture_output=True, text=True, timeout=timeout, check=False
        )
    assert not done.stderr, done.stderr
    return Output(done.stdout, done.returncode)


def catalog(*streams: str, sync_mode: str = "incremental") -> Json:
    return {
        "streams": [
            {
                "stream": {"name": name, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]},
                "sync_mode": sync_mode,
                "destination_sync_mode": "append_dedup",
                "cursor_field": ["createdAt"],
                "primary_key": [["id"]],
            }
            for name in streams or STREAMS
        ]
    }


def read(config: Json, *streams: str, state: list[Json] | None = None, timeout: float = 300) -> Output:
    files: dict[str, Any] = {"config": config, "catalog": catalog(*streams)}
    return run("read", timeout, **files, **({"state": state} if state is not None else {}))


def changed(config: Json, provider: Mapping[str, Any] | None = None, **fields: Any) -> Json:
    return {**config, "provider": {**config["provider"], **(provider or {})}, **fields}


def once(ids: Iterable[str]) -> Counter[str]:
    return Counter(dict.fromkeys(ids, 1))

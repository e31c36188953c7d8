"""Runs the sandbox as a process of its own, for tests and benchmarks."""

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import requests

PROJECT = Path(__file__).resolve().parent.parent
START_TIMEOUT = 120
STOP_TIMEOUT = 5
READY = "sandbox listening on "
AUTHORITY = "its certificate authority is "


class Sandbox:
    """A running sandbox: a context manager, or `start()` and `stop()`.

    Keyword arguments are the command line's options with underscores: `Sandbox(events=10_000, no_example=True)`.
    The server listens on a free port and ends with this process, whatever happens to it.
    """

    def __init__(self, **options: int | float | str | bool) -> None:
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._url: str | None = None
        self._authority: str | None = None

    @property
    def url(self) -> str:
        if self._url is None:
            raise RuntimeError("the sandbox is not running")
        return self._url

    @property
    def authority(self) -> str:
        """The file with the certificate of the authority that vouches for a sandbox with `tls`."""
        if self._authority is None:
            raise RuntimeError("the sandbox is not running with `tls`")
        return self._authority

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("the sandbox is not running")
        return self._process.pid

    @property
    def control(self) -> "Control":
        return Control(self.url, self._authority)

    def start(self) -> "Sandbox":
        with tempfile.TemporaryFile("w+") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sandbox", *_arguments({"port": 0, "parent": os.getpid(), **self._options})],
                cwd=PROJECT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
            line = _next_line(self._process)
            if not line.startswith(READY):
                self.stop()
                errors.seek(0)
                raise RuntimeError(f"the sandbox did not start: {errors.read().strip() or 'timed out'}")
            self._url = line.removeprefix(READY).strip()
            if self._url.startswith("https:"):
                self._authority = _next_line(self._process).removeprefix(AUTHORITY).strip()
        return self

    def stop(self) -> None:
        process, self._process, self._url, self._authority = self._process, None, None, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class Control:
    """The control endpoints of a running sandbox."""

    def __init__(self, url: str, authority: str | None = None) -> None:
        self._url = f"{url}/control"
        self._verify = authority or True

    def requests(self) -> list[dict[str, Any]]:
        """All API requests since the start or the last `clear_requests()`, in order of arrival."""
        entries: list[dict[str, Any]] = self._send("GET", "requests")["requests"]
        return entries

    def counts(self) -> dict[str, int]:
        """The numbers of `requests`, of answers with rows (`pages`), of their `rows`, and the `max_in_flight`."""
        counts: dict[str, int] = self._send("GET", "requests/count")
        return counts

    def max_in_flight(self) -> int:
        """The most API requests that were in flight at once."""
        return int(self._send("GET", "requests")["max_in_flight"])

    def credentials(self) -> list[str]:
        """Every `Authorization` header that came since the start or the last `clear_requests()`."""
        found: list[str] = self._send("GET", "credentials")["credentials"]
        return found

    def clear_requests(self) -> None:
        self._send("DELETE", "requests")

    def faults(self) -> list[dict[str, Any]]:
        faults: list[dict[str, Any]] = self._send("GET", "faults")["faults"]
        return faults

    def add_fault(self, **fault: Any) -> dict[str, Any]:
        """Add a fault, for example `add_fault(path="/events$", status=503, times=2)`."""
        return self._send("POST", "faults", fault)

    def remove_fault(self, number: int) -> None:
        self._send("DELETE", f"faults/{number}")

    def clear_faults(self) -> None:
        self._send("DELETE", "faults")

    def behaviour(self, provider: str, **changes: Any) -> dict[str, Any]:
        """Change switches of a provider, if any are given, and return all of them."""
        path = f"{provider}/behaviour"
        return self._send("POST", path, changes) if changes else self._send("GET", path)

    def expire(self, provider: str, *, tokens: bool = False, scrolls: bool = False) -> None:
        """Let all access tokens or all scrolls expire now."""
        self._send("POST", f"{provider}/expire", {"tokens": tokens, "scrolls": scrolls})

    def add_events(self, provider: str, events: Sequence[Mapping[str, Any]] | None = None, **request: Any) -> int:
        """Add full events, or `generate=100` with optional contacts, seed, start and end; return their number."""
        given = {} if events is None else {"events": list(events)}
        return int(self._send("POST", f"{provider}/events", {**given, **request})["added"])

    def delete_events(self, provider: str, ids: Sequence[str]) -> None:
        """Delete events by their ids as `event_ids` tells them; all of them must be there."""
        deleted = self._send("POST", f"{provider}/events/delete", {"ids": list(ids)})["deleted"]
        if deleted != len(ids):
            raise ValueError(f"{deleted} of {len(ids)} events were there")

    def event_ids(self, provider: str, contact: str | None = None) -> list[str]:
        query = {} if contact is None else {"contact": contact}
        ids: list[str] = self._send("GET", f"{provider}/events/ids", query=query)["ids"]
        return ids

    def delete_contact(self, provider: str, contact: str) -> None:
        self._send("POST", f"{provider}/contacts/{contact}/delete")

    def reset(self) -> None:
        """All as at the start, but for added events."""
        self._send("POST", "reset")

    def _send(
        self, method: str, path: str, content: Any = None, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        response = requests.request(
            method, f"{self._url}/{path}", json=content, params=query, verify=self._verify, timeout=60
        )
        if not response.ok:
            raise ValueError(f"{method} /control/{path}: {response.status_code} {response.text}")
        answer: dict[str, Any] = response.json()
        return answer


def _arguments(options: Mapping[str, int | float | str | bool]) -> list[str]:
    arguments: list[str] = []
    for name, value in options.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            arguments.append(option)
        elif value is not False:
            arguments.append(f"{option}={value}")
    return arguments


def _next_line(process: "subprocess.Popen[str]") -> str:
    """Wait for a line; a process that stays silent for too long is killed, which ends the wait."""
    timer = threading.Timer(START_TIMEOUT, process.kill)
    timer.start()
    try:
        return process.stdout.readline() if process.stdout is not None else ""
    finally:
        timer.cancel()

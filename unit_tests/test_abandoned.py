"""A caller who leaves before the end ends the read: no thread of it stays, whatever it is waiting for."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteMessage, Type
from urllib3.connectionpool import HTTPConnectionPool

from source_events.components.partition import page_of
from source_events.source import SourceEvents
from source_events.transport import memory
from source_events.transport.network import Network
from unit_tests.exchange import Request, Response, Transport
from unit_tests.reading import LOGGER, catalog
from unit_tests.transport.server import Server

URLOPEN = HTTPConnectionPool.urlopen
CARECLOUD = {
    "provider_type": "carecloud",
    "api_url": "https://project.example.com/v1.0",
    "time_zone": "UTC",
    "credentials": {"auth_type": "basic", "login": "l", "password": "a-fake-password"},
}


def config(**fields: Any) -> dict[str, Any]:
    return {"provider": CARECLOUD, "start_date": "2024-01-01", "end_date": "2024-01-31T23:59:59Z", **fields}


class Project:
    """Answers each window with so many events from its begin, and says when it has been asked so often."""

    def __init__(self, events: int = 1, *, fails_from: int | None = None, asked: int = 0) -> None:
        self.events, self.fails_from = events, fails_from
        self.number, self.most = 0, asked
        self.reached = threading.Event()
        self._lock = threading.Lock()

    def answer(self, made: Request) -> Response:
        with self._lock:
            self.number += 1
            number = self.number
        if number >= self.most:
            self.reached.set()
        if self.fails_from and number >= self.fails_from:
            return Response(b"", 503)
        bound = dict(made.query).get("time_from")
        # It is a second before the window.
        begin = datetime.fromisoformat(bound) + timedelta(seconds=1) if bound else None
        rows = [
            {"event_id": f"{begin} {each}", "created_at": str(begin), "text": "x" * 1000} for each in range(self.events)
        ]
        found = rows if begin else []
        return Response(json.dumps({"data": {"events": found, "total_items": len(found)}}).encode())


@contextmanager
def a_second_later_no_thread_is_left() -> Iterator[None]:
    """Threads of the read that are alive a second behind its end. The one that watches bodies ends by itself."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + 1
    while left := [thread for thread in threading.enumerate() if thread not in before and thread.name != "bodies"]:
        assert time.monotonic() < deadline, left
        left[0].join(0.05)


def read(**fields: Any) -> Iterator[AirbyteMessage]:
    return iter(SourceEvents().read(LOGGER, config(**fields), catalog("org_events"), []))


def to_first_record(messages: Iterator[AirbyteMessage]) -> None:
    for message in messages:
        if message.type is Type.RECORD:
            return
    raise AssertionError("no record came")


def test_a_break_ends_the_read(network: Transport) -> None:
    network.answer = Project(events=3).answer  # type: ignore[method-assign]
    with a_second_later_no_thread_is_left():
        for message in SourceEvents().read(LOGGER, config(window_size="P1D"), catalog("org_events"), []):
            if message.type is Type.RECORD:
                break
        del message


def test_an_error_of_the_callers_ends_it(network: Transport) -> None:
    network.answer = Project().answer  # type: ignore[method-assign]
    with a_second_later_no_thread_is_left(), suppress(ZeroDivisionError):
        for message in SourceEvents().read(LOGGER, config(window_size="P1D"), catalog("org_events"), []):
            if message.type is Type.RECORD:
                raise ZeroDivisionError


def test_so_it_does_with_twenty_thousand_windows(network: Transport) -> None:
    """The slices of 14 days in minutes are not listed to their end first, nor read."""
    project = Project()
    network.answer = project.answer  # type: ignore[method-assign]
    messages = read(window_size="PT1M", end_date="2024-01-14T21:19:59Z")
    with a_second_later_no_thread_is_left():
        to_first_record(messages)
        messages.close()  # type: ignore[attr-defined]
    asked = project.number
    assert asked < 5000
    time.sleep(0.1)
    assert project.number == asked


def test_so_it_does_while_a_worker_waits_for_memory(network: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Event()

    class Noted(threading.Condition):
        def wait_for(self, predicate: Any, timeout: float | None = None) -> Any:
            if not predicate():
                waiting.set()
            return super().wait_for(predicate, timeout)

    # Each answer has 100 kB, and no two have room at once: the caller keeps the first one.
    monkeypatch.setattr(memory.Memory.__init__, "__defaults__", (400_000,))
    monkeypatch.setattr(memory.threading, "Condition", Noted)
    monkeypatch.setattr(memory, "SIZE_BEFORE_ANY_ANSWER", 1000)
    network.answer = Project(events=100).answer  # type: ignore[method-assign]
    messages = SourceEvents().read_pages(config(window_size="P1D"), catalog("org_events"))
    with a_second_later_no_thread_is_left():
        kept = next(filter(None, map(page_of, messages)))
        assert waiting.wait(5)
        messages.close()  # type: ignore[attr-defined]
    kept.release()


def test_so_it_does_while_a_worker_waits_to_try_again(network: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = threading.Event()

    def wait(network: Network, seconds: float) -> None:
        if seconds:
            waiting.set()
            network._closed.wait(60)
        network._raise_closed()

    monkeypatch.setattr(Network, "wait", wait)
    # The first answer tells of events without a time.
    network.answer = Project(fails_from=4).answer  # type: ignore[method-assign]
    messages = read(window_size="P1D")
    with a_second_later_no_thread_is_left():
        to_first_record(messages)
        assert waiting.wait(5)
        messages.close()  # type: ignore[attr-defined]


def test_so_it_does_while_a_worker_waits_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over real connections: the first answer comes, and none after it."""
    monkeypatch.setattr(HTTPConnectionPool, "urlopen", URLOPEN)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    body = b'{"data":{"events":[{"event_id":"e","created_at":"0000-00-00 00:00:00"}],"total_items":1}}'
    server = Server(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body), b"")
    messages = read(window_size="P1D", provider={**CARECLOUD, "api_url": server.url})
    with a_second_later_no_thread_is_left():
        to_first_record(messages)
        assert server.asked.acquire(timeout=5)
        assert server.asked.acquire(timeout=5)
        messages.close()  # type: ignore[attr-defined]
    server.close()

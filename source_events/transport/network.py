"""Requests as they leave, and answers as they come: shared connections, and the limits on them."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit
from weakref import WeakSet

import requests
import urllib3
from requests.adapters import HTTPAdapter

from source_events import __version__
from source_events.transport.body import BodyWatch, read_body
from source_events.transport.memory import Closed, Memory, Reservation
from source_events.transport.rate import Rate

logger = logging.getLogger("airbyte")

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
"""Seconds. The read time-out is for the gap between two pieces of an answer, not for the whole of it."""


@dataclass(slots=True)
class Reply:
    """What a server answered. Its body is here as a whole; the memory is its owner's to release."""

    request: requests.PreparedRequest
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes
    memory: Reservation | None = None

    @property
    def ok(self) -> bool:
        return self.status < 400

    def release(self) -> None:
        memory, self.memory = self.memory, None
        if memory is not None:
            memory.release()


class Network:
    """All requests of one command go through it: logins, retries and redirects too.

    At most `num_workers` are under way at once, and none leaves before its rate allows. What differs from one request
    to the next is little, so `prepare` is for templates and `fetch` for each of them.
    """

    def __init__(self, num_workers: int, rate: Rate, memory: Memory) -> None:
        self._rate = rate
        self._memory = memory
        self._slots = Slots(num_workers)
        self._watch = BodyWatch()
        self._adapter = SharedAdapter(num_workers, rate)
        self._session = Session(self._adapter, self._watch)
        self._closed = threading.Event()

    def prepare(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        parameters: Mapping[str, Any] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
    ) -> requests.PreparedRequest:
        """A request with a JSON body or the fields of an HTML form, if any.

        Parameters that are None are left out, those in a list repeated.
        """
        request = requests.Request(
            method, url, headers=dict(headers), params=dict(parameters or {}), json=body, data=dict(form or {})
        )
        return self._session.prepare_request(request)

    def settings(self, url: str) -> Mapping[str, Any]:
        """What the environment says of a host: proxies and certificate authorities. It is looked up once a template."""
        return self._session.merge_environment_settings(url, {}, None, None, None)

    def fetch(self, request: requests.PreparedRequest, settings: Mapping[str, Any], *, reserve: bool = True) -> Reply:
        """Send a request, and read its answer when there is memory for it.

        Without `reserve` the answer's memory is not counted: for small answers that somebody waits for who holds some.

        :raises requests.RequestException: if there is no answer, or none that could be read
        :raises BodyTooLarge: if it is larger than any page
        :raises Closed: if the read is abandoned
        """
        if self._session.cookies:
            # Some that an answer has brought since, as those that lead to one server of several.
            request.headers.pop("Cookie", None)
            request.prepare_cookies(self._session.cookies)
        with self._slots.occupied():
            self._raise_closed()
            began = time.monotonic()
            try:
                reply = self._fetched(request, settings, reserve)
            except Exception:
                # Closing ends the requests that are under way: what they fail with is no failure of the API's.
                self._raise_closed()
                raise
        if logger.isEnabledFor(logging.DEBUG):
            address = (request.url or "").partition("?")[0]
            seconds = time.monotonic() - began
            logger.debug(f"{request.method} {address}: {reply.status}, {len(reply.body)} bytes in {seconds:.3f} s")
        return reply

    def wait(self, seconds: float) -> None:
        """
        :raises Closed: if the read is abandoned meanwhile
        """
        self._closed.wait(seconds)
        self._raise_closed()

    def close(self) -> None:
        """End all requests that are under way, and all waiting for one; no more are made."""
        self._closed.set()
        self._memory.close()
        self._watch.close()
        self._adapter.abort()

    def _raise_closed(self) -> None:
        if self._closed.is_set():
            raise Closed

    def _fetched(self, request: requests.PreparedRequest, settings: Mapping[str, Any], reserve: bool) -> Reply:
        timeout = (CONNECT_TIMEOUT, READ_TIMEOUT)
        # The body is not read with it: first there must be memory.
        response = self._session.send(request, **{**settings, "stream": True}, timeout=timeout)
        memory = None
        try:
            if reserve:
                memory = self._memory.reserve(_size(response) or self._memory.expected)
            body = read_body(response, self._watch)
        except BaseException:
            if memory is not None:
                memory.release()
            raise
        finally:
            response.close()
        if memory is not None:
            memory.resize(len(body))
            self._memory.note(len(body))
        return Reply(request, response.status_code, response.reason or "", response.headers, body, memory)


class Slots:
    """At most so many requests at once. A thread that logs in during a request needs no second slot."""

    def __init__(self, number: int) -> None:
        # A queue of tokens, because a semaphore of the standard library takes as long as a request's preparation.
        self._free: SimpleQueue[None] = SimpleQueue()
        for _ in range(number):
            self._free.put(None)
        self._mine = threading.local()

    @contextmanager
    def occupied(self) -> Iterator[None]:
        if getattr(self._mine, "occupied", False):
            yield
            return
        self._free.get()
        self._mine.occupied = True
        try:
            yield
        finally:
            self._mine.occupied = False
            self._free.put(None)


class SharedAdapter(HTTPAdapter):
    """Keeps connections open for all threads, lets no request leave too early, and can end those under way."""

    def __init__(self, num_workers: int, rate: Rate) -> None:
        self._rate = rate
        self._pools: dict[Any, urllib3.connectionpool.ConnectionPool] = {}
        self._connections: WeakSet[urllib3.connection.HTTPConnection] = WeakSet()
        self._aborted = False
        self._lock = threading.Lock()
        super().__init__(pool_maxsize=num_workers)

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> Any:
        """The pool of the request's host, looked up once: that takes a sixth of a small request's time."""
        url = request.url or ""
        key = (url[: url.find("/", len("https://"))], verify, cert, *(proxies or {}).items())
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = super().get_connection_with_tls_context(request, verify, proxies, cert)
            self._keep_track(pool)
        return pool

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._rate.acquire()
        try:
            return super().send(request, *args, **kwargs)
        except requests.RequestException:
            raise
        except OSError as error:
            # A file of certificate authorities that is not there is no error of a request for `requests`.
            raise requests.exceptions.SSLError(error, request=request) from error

    def abort(self) -> None:
        """End the requests that are under way: a thread that waits for an answer does not wait for its time-out."""
        with self._lock:
            self._aborted = True
            connections = tuple(self._connections)
        for connection in connections:
            with suppress(OSError, AttributeError):
                connection.sock.shutdown(socket.SHUT_RDWR)

    def _keep_track(self, pool: Any) -> None:
        adapter = self

        class Tracked(pool.ConnectionCls):  # type: ignore[misc]
            def __init__(self, *args: Any, **kwargs: Any) -> None:
                super().__init__(*args, **kwargs)
                with adapter._lock:
                    adapter._connections.add(self)

            def connect(self) -> None:
                super().connect()
                # One that was being made meanwhile had nothing to shut down.
                if adapter._aborted:
                    raise Closed

        pool.ConnectionCls = Tracked


class Session(requests.Session):
    """A session over the shared connections that takes credentials nowhere else."""

    def __init__(self, adapter: HTTPAdapter, watch: BodyWatch) -> None:
        super().__init__()
        self._watch = watch
        self.headers["User-Agent"] = f"source-events/{__version__}"
        for scheme in ("https://", "http://"):
            self.mount(scheme, adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Follow a redirect only within the host, and never from https to http."""
        try:
            target = super().get_redirect_target(resp)
            if target is None:
                return None
            followed = stays_with(resp.url, urljoin(resp.url, target))
        except ValueError:
            # It is no address, or no text at all.
            return None
        if not followed:
            return None
        # Before `requests` reads it, without a bound.
        resp._content = read_body(resp, self._watch)
        resp._content_consumed = True  # type: ignore[attr-defined]
        return target


def _size(response: requests.Response) -> int | None:
    """The bytes of the body, if the answer tells them: in pieces it does not, and compressed it tells others."""
    announced = response.headers.get("Content-Length", "")
    return (
        int(announced)
        if announced.isascii() and announced.isdecimal() and "Content-Encoding" not in response.headers
        else None
    )


def stays_with(here: str, there: str) -> bool:
    """Whether credentials may go on from one address to another: within the host, and never from https to http.

    :raises ValueError: if one is no address
    """
    before, after = urlsplit(here), urlsplit(there)
    same_origin = (before.scheme, _port(before)) == (after.scheme, _port(after))
    upgraded = (before.scheme, after.scheme) == ("http", "https")
    return before.hostname == after.hostname and (same_origin or upgraded)


def _port(address: SplitResult) -> int | None:
    return address.port or {"http": 80, "https": 443}.get(address.scheme)

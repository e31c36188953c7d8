"""What all requests of one command share: connections, the limits on them, and the memory their answers may take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from airbyte_cdk.sources.streams.call_rate import HttpAPIBudget, MovingWindowCallRatePolicy, Rate
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.adapters import HTTPAdapter

from source_events import __version__
from source_events.authentication import Token
from source_events.page import Answer

MEMORY_FOR_ANSWERS = 48 * 1024 * 1024
"""Bytes that answers may take from when they are read until their records are written."""
MEMORY_PER_BYTE = 3
"""An answer is in memory about three times: as it came, decoded, and as finished records."""


class Connection:
    """Shared by all streams, and by logins: `num_workers` and `requests_per_minute` hold for all of them together."""

    def __init__(self, num_workers: int, requests_per_minute: int | None) -> None:
        self.slots = Slots(num_workers)
        self.memory = Memory(MEMORY_FOR_ANSWERS)
        self.token = Token()
        self.totals = Totals()
        self.adapter = RateLimitedAdapter(num_workers, requests_per_minute)
        self.refusal: AirbyteTracedException | None = None
        """The first error that only the user can mend. No request is sent after it."""


class Totals:
    """Rows that were announced and rows that came, over all slices whose first answer announced a number."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.received = self.announced = 0

    def add(self, received: int, announced: int | None) -> None:
        """Count one slice that has been read to its end."""
        if announced is not None:
            with self._lock:
                self.received += received
                self.announced += announced


class Slots:
    """At most so many requests at once. A thread that renews a token during a request needs no second slot."""

    def __init__(self, number: int) -> None:
        self._free = threading.BoundedSemaphore(number)
        self._mine = threading.local()

    @contextmanager
    def occupied(self) -> Iterator[None]:
        if getattr(self._mine, "occupied", False):
            yield
            return
        with self._free:
            self._mine.occupied = True
            try:
                yield
            finally:
                self._mine.occupied = False


class Memory:
    """A bound on the bytes of answers in flight: whoever reads an answer waits until earlier ones have been written.

    An answer larger than the bound is let through alone. What is reserved is free again when nobody refers to the
    reservation any more, so an answer that is dropped on the way cannot block the others; should something hold on to
    one, the wait ends after `patience` seconds all the same.
    """

    def __init__(self, limit: int, patience: float = 60.0) -> None:
        self._limit = limit
        self._patience = patience
        self._used = 0
        self._changed = threading.Condition()

    def reserve(self, size: int) -> Reservation:
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + size <= self._limit, self._patience)
            self._used += size
        return Reservation(self, size)

    def change(self, difference: int) -> None:
        with self._changed:
            self._used += difference
            self._changed.notify_all()


class Reservation:
    """So many bytes of the memory, until it is collected."""

    def __init__(self, memory: Memory, size: int) -> None:
        self._memory = memory
        self._size = size

    def resize(self, size: int) -> None:
        """Correct an announced size by the real one; never waits."""
        self._memory.change(size - self._size)
        self._size = size

    def __del__(self) -> None:
        self._memory.change(-self._size)


class RateLimitedAdapter(HTTPAdapter):
    """Keeps connections open for all threads and counts every request that leaves: logins, retries and redirects."""

    def __init__(self, num_workers: int, requests_per_minute: int | None) -> None:
        policies = []
        if requests_per_minute:
            # Half a second more than a minute: the server's clock sees the requests closer together than they left.
            rate = Rate(requests_per_minute, timedelta(seconds=60.5))
            policies.append(MovingWindowCallRatePolicy(rates=[rate], matchers=[]))
        self._budget = HttpAPIBudget(policies=policies)
        super().__init__(pool_maxsize=num_workers)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._budget.acquire_call(request)
        return super().send(request, *args, **kwargs)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> PageResponse:
        response = PageResponse()
        vars(response).update(vars(super().build_response(req, resp)))
        return response


class PageResponse(requests.Response):
    """A response that can be rid of its body, and keeps what has been decoded of it."""

    answer: Answer | None = None
    reservation: Reservation | None = None

    def load(self) -> int:
        """Read the body in one piece, which costs half of what `requests` takes for it; returns its length.

        :raises requests.RequestException: as `requests` does, if the body is cut off, late or wrongly compressed
        """
        try:
            self._content = self.raw.read(decode_content=True)
        except urllib3.exceptions.ReadTimeoutError as error:
            raise requests.exceptions.ReadTimeout(error, request=self.request, response=self) from error
        except urllib3.exceptions.DecodeError as error:
            raise requests.exceptions.ContentDecodingError(error, request=self.request, response=self) from error
        except urllib3.exceptions.HTTPError as error:
            raise requests.exceptions.ChunkedEncodingError(error, request=self.request, response=self) from error
        self._content_consumed = True
        return len(self._content)

    def take(self) -> tuple[bytes, Reservation | None]:
        """The body and the memory reserved for it, both of which leave the response."""
        body, self._content = self.content, b""
        reservation, self.reservation = self.reservation, None
        return body, reservation


class Session(requests.Session):
    """A session over the shared connections; each requester has its own, because the CDK keeps authentication in it."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self.headers["User-Agent"] = f"source-events/{__version__}"
        for scheme in ("https://", "http://"):
            self.mount(scheme, connection.adapter)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, and read the body when there is memory for it."""
        if self._connection.refusal:
            raise self._connection.refusal
        with self._connection.slots.occupied():
            response = super().send(request, **{**kwargs, "stream": True})
            assert isinstance(response, PageResponse)
            announced = response.headers.get("Content-Length", "")
            length = int(announced) if announced.isdigit() else 0
            response.reservation = self._connection.memory.reserve(length * MEMORY_PER_BYTE)
            try:
                response.reservation.resize(response.load() * MEMORY_PER_BYTE)
            finally:
                response.close()
        return response

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Follow a redirect only within the host, and never from https to http: credentials go nowhere else."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        here, there = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
        same_host = here.hostname == there.hostname and (here.scheme, here.port) == (there.scheme, there.port)
        upgraded = here.hostname == there.hostname and (here.scheme, there.scheme) == ("http", "https")
        return target if same_host or upgraded else None

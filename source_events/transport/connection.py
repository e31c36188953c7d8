"""What all requests of one command share: connections, the limits on them, and the memory their answers may take."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from queue import SimpleQueue
from types import MappingProxyType
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams.call_rate import HttpAPIBudget, MovingWindowCallRatePolicy, Rate
from airbyte_cdk.sources.types import StreamSlice
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from requests.adapters import HTTPAdapter

from source_events import __version__
from source_events.records.page import Answer, Row
from source_events.transport.body import BodyTooLarge, BodyWatch, read_body

MEMORY_FOR_ANSWERS = 48 * 1024 * 1024
"""Bytes that answers may take from when they are read until their records are written."""
MEMORY_PER_BYTE = 3
"""An answer is in memory about three times: as it came, in rows, and in the piece that is written."""
SIZE_BEFORE_ANY_ANSWER = 4 * 1024 * 1024
"""Bytes to expect of an answer that does not tell its size, as long as none has been read."""


class Connection:
    """Shared by all streams, and by logins: `num_workers` and `requests_per_minute` hold for all of them together."""

    def __init__(self, num_workers: int, requests_per_minute: int | None) -> None:
        self.slots = Slots(num_workers)
        self.readers = Readers(num_workers)
        self.memory = Memory(MEMORY_FOR_ANSWERS)
        self.token = Token()
        self.totals = Totals()
        self.watch = BodyWatch()
        self.undated: set[str] = set()
        """The ids of events without a time, where an API has such events; they are read with `createdAt` null."""
        self.adapter = RateLimitedAdapter(num_workers, requests_per_minute)
        self._failure: tuple[str, FailureType] | None = None

    def fail(self, message: str, failure_type: FailureType) -> AirbyteTracedException:
        """The error to raise when no further request makes sense: no other slice will fare better.

        Only the first one counts; all requests that are still to come end with it.
        """
        message = filter_secrets(message)
        self._failure = self._failure or (message, failure_type)
        return AirbyteTracedException(message=message, internal_message=message, failure_type=failure_type)

    def raise_failure(self) -> None:
        """
        :raises AirbyteTracedException: if a request has failed for good
        """
        if self._failure:
            message, failure_type = self._failure
            raise AirbyteTracedException(message=message, internal_message=message, failure_type=failure_type)


def connection_of(config: Mapping[str, Any]) -> Connection:
    """The connection that a completed configuration carries to the components."""
    connection: Connection = config["connection"]
    return connection


@dataclass
class StreamTotals:
    """The rows of one stream.

    `received` are all that came, and `left_out` how many of them are no records, by the reason; `finished` are those of
    slices that have been read to their end. `announced` sums the totals that slices announced, `answered` the rows
    that came for these. `expected` are the records that the slices begun so far are likely to have, `gone` the
    contacts, or events, that the API did not know any more.
    """

    received: int = 0
    finished: int = 0
    announced: int | None = None
    answered: int = 0
    expected: int = 0
    told: int = 0
    gone: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def repeated(self) -> int:
        """Rows that came more than once, because their slice was begun anew; known when all slices are at their end."""
        return max(self.received - self.finished, 0) if self.finished else 0


class Totals:
    """What came for each stream and what became of it, counted once a page by whichever thread has read it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: defaultdict[str, StreamTotals] = defaultdict(StreamTotals)
        self._grown: set[str] = set()

    def of(self, stream: str) -> StreamTotals:
        """The totals as they are now; for a stream without any, zeros."""
        with self._lock:
            found = self._streams.get(stream, StreamTotals())
            return replace(found, left_out=Counter(found.left_out))

    def receive(self, stream: str, rows: int, left_out: Mapping[str, int] = MappingProxyType({})) -> None:
        """Count the rows of a page, or some of them."""
        with self._lock:
            totals = self._streams[stream]
            totals.received += rows
            totals.left_out.update(left_out)

    def begin(self, stream: str, expected: int) -> None:
        """The first answer of a slice tells that so many records are likely to come."""
        with self._lock:
            totals = self._streams[stream]
            totals.expected += expected
            if totals.expected >= max(totals.told * WORTH_TELLING, 1):
                self._grown.add(stream)

    def finish(self, stream: str, rows: int, announced: int | None) -> None:
        """Count a slice that has been read to its end, and what its first answer announced."""
        with self._lock:
            totals = self._streams[stream]
            totals.finished += rows
            if announced is not None:
                totals.announced = (totals.announced or 0) + announced
                totals.answered += rows

    def miss(self, stream: str) -> None:
        """Count a contact, or an event, that the API does not know any more."""
        with self._lock:
            self._streams[stream].gone += 1

    def estimates(self) -> Sequence[tuple[str, int]]:
        """Streams and the records to expect of them, where these have become so many more that it is worth telling."""
        if not self._grown:
            return ()
        with self._lock:
            for stream in self._grown:
                self._streams[stream].told = self._streams[stream].expected
            told = [(stream, self._streams[stream].told) for stream in sorted(self._grown)]
            self._grown.clear()
            return told


WORTH_TELLING = 1.1
"""How many times as much an estimate must be as the last one, so that thousands of slices make some dozens."""


def counts(stream_slice: StreamSlice | None) -> bool:
    """Whether the rows of a slice are the stream's, and do not only tell which contacts there are to read."""
    return stream_slice is None or bool(stream_slice.extra_fields.get("counts", True))


def stream_of(response: requests.Response) -> str:
    """The stream that an answer is for."""
    return response.stream if isinstance(response, PageResponse) else ""


class Token:
    """The token in use. Threads that find it refused at the same time renew it once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: str | None = None

    def get(self, login: Callable[[], str]) -> str:
        with self._lock:
            if self._value is None:
                self._value = login()
            return self._value

    def renew(self, refused: str, login: Callable[[], str]) -> str:
        """The token to use instead of the refused one, which another thread may have renewed already."""
        with self._lock:
            if self._value == refused or self._value is None:
                self._value = login()
            return self._value


class Slots:
    """At most so many requests at once. A thread that renews a token during a request needs no second slot."""

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


class Readers:
    """How many of the workers are reading a slice or a batch of contacts, also while they make no request."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._active = 0
        self._lock = threading.Lock()

    @property
    def idle(self) -> int:
        """The workers that have nothing to do."""
        return max(self._number - self._active, 0)

    def begin(self, workers: int = 1) -> None:
        """So many workers begin to read."""
        with self._lock:
            self._active += workers

    def end(self) -> None:
        """One of them has come to its end."""
        with self._lock:
            self._active -= 1


class Memory:
    """A bound on the bytes of answers in flight: whoever reads an answer waits until earlier ones have been written.

    An answer larger than the bound is let through alone. What is reserved is free again when nobody refers to the
    reservation any more, so an answer that is dropped on the way cannot block the others. Should something hold on to
    one, the wait ends after `patience` seconds in which nothing was handed over: however long the reader of the output
    takes, no more is read meanwhile.
    """

    def __init__(self, limit: int, patience: float = 60.0) -> None:
        self._limit = limit
        self._patience = patience
        self._used = 0
        self._changed = threading.Condition()
        self._recent: deque[int] = deque([SIZE_BEFORE_ANY_ANSWER], maxlen=20)
        self._hand_overs = 0
        self._reader_is_busy = False

    @property
    def expected(self) -> int:
        """The bytes to expect of an answer that does not tell its size: those of the largest recent one."""
        return max(tuple(self._recent))

    def reserve(self, size: int) -> Reservation:
        with self._changed:
            hand_overs = None
            while not self._changed.wait_for(
                lambda: not self._used or self._used + size <= self._limit, self._patience
            ):
                if not self._reader_is_busy and hand_overs == self._hand_overs:
                    break
                hand_overs = self._hand_overs
            self._used += size
        return Reservation(self, size)

    def reserve_for(self, rows: Iterable[Row[Any]]) -> Reservation:
        """What rows take that have been held without a reservation."""
        return self.reserve(sum(memoryview(row.raw).nbytes for row in rows) * MEMORY_PER_BYTE)

    @contextmanager
    def handing_over(self) -> Iterator[None]:
        """While somebody takes what has been read."""
        self._hand_overs += 1
        self._reader_is_busy = True
        try:
            yield
        finally:
            self._reader_is_busy = False

    def note(self, size: int) -> None:
        """An answer has turned out to have so many bytes."""
        self._recent.append(size)

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
        self._pools: dict[Any, urllib3.connectionpool.ConnectionPool] = {}
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
        return pool

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self._budget.acquire_call(request)
        return super().send(request, *args, **kwargs)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> PageResponse:
        response = PageResponse()
        vars(response).update(vars(super().build_response(req, resp)))
        return response


class PageResponse(requests.Response):
    """A response that can be rid of its body, and keeps what has been decoded of it."""

    stream: str = ""
    answer: Answer | None = None
    reservation: Reservation | None = None
    _content_consumed: bool

    def load(self, watch: BodyWatch) -> int:
        """Read the body; returns its length.

        :raises requests.RequestException: if the body is cut off, late or wrongly compressed
        :raises BodyTooLarge: if it is larger than any page
        """
        if not self._content_consumed:
            self._content = read_body(self, watch)
            self._content_consumed = True
        return len(self.content)

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
        self._answers = threading.local()
        self.headers["User-Agent"] = f"source-events/{__version__}"
        for scheme in ("https://", "http://"):
            self.mount(scheme, connection.adapter)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send, and read the body when there is memory for it."""
        self._connection.raise_failure()
        there = vars(self._answers).pop("next", None)
        if isinstance(there, requests.Response):
            there.request = request
            return there
        if there is not None:
            there.request = request
            raise there
        with self._connection.slots.occupied():
            # Another request may have failed for good while this one waited.
            self._connection.raise_failure()
            try:
                return self._sent(request, kwargs)
            except BodyTooLarge as error:
                raise self._connection.fail(str(error), FailureType.config_error) from error

    def _sent(self, request: requests.PreparedRequest, options: Mapping[str, Any]) -> PageResponse:
        response = super().send(request, **{**options, "stream": True})
        assert isinstance(response, PageResponse)
        memory = self._connection.memory
        response.reservation = memory.reserve((_size(response) or memory.expected) * MEMORY_PER_BYTE)
        size = 0
        try:
            size = response.load(self._connection.watch)
            memory.note(size)
        finally:
            # Nothing of a body that broke off: the error refers to the response for as long as it is retried.
            response.reservation.resize(size * MEMORY_PER_BYTE)
            response.close()
        return response

    def answer_next_with(self, answer: requests.Response | requests.RequestException) -> None:
        """The next request of this thread has been sent already, and this is what came of it."""
        self._answers.next = answer

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Follow a redirect only within the host, and never from https to http: credentials go nowhere else."""
        try:
            target = super().get_redirect_target(resp)
            if target is None:
                return None
            here, there = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
            same_origin = (here.scheme, _port(here)) == (there.scheme, _port(there))
        except ValueError:
            # It is no address, or no text at all.
            return None
        upgraded = (here.scheme, there.scheme) == ("http", "https")
        if here.hostname != there.hostname or not (same_origin or upgraded):
            return None
        if isinstance(resp, PageResponse):
            # Before `requests` reads it, without a bound.
            resp.load(self._connection.watch)
        return target


def _size(response: requests.Response) -> int | None:
    """The bytes of the body, if the answer tells them: in pieces it does not, and compressed it tells others."""
    announced = response.headers.get("Content-Length", "")
    return (
        int(announced)
        if announced.isascii() and announced.isdecimal() and "Content-Encoding" not in response.headers
        else None
    )


def _port(address: SplitResult) -> int | None:
    return address.port or {"http": 80, "https": 443}.get(address.scheme)

"""A network of expected requests, below `requests`: connections are pooled, answers read and errors mapped as always.

Strict both ways: a request that was not expected fails the test, and so does an expected one that was not made.
"""

from __future__ import annotations

import http.client
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

from urllib3 import HTTPHeaderDict, HTTPResponse
from urllib3.connectionpool import HTTPConnectionPool

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Request:
    """A request as it leaves: the query must be equal, of the headers those that are named here.

    The body is what its JSON holds; that of an HTML form stays the text that it is.
    """

    method: str
    url: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    def having(self, **parameters: str) -> Request:
        """The same with other query parameters."""
        return replace(self, query=tuple(sorted({**dict(self.query), **parameters}.items())))

    def without(self, *names: str) -> Request:
        return replace(self, query=tuple((name, value) for name, value in self.query if name not in names))

    def matches(self, made: Request) -> bool:
        same = (self.method, self.url, self.query, self.body) == (made.method, made.url, made.query, made.body)
        return same and set(self.headers) <= set(made.headers)


@dataclass(frozen=True)
class Response:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    truncated: bool = False


Outcome = Response | Exception | Callable[[], Response]


@dataclass
class Expectation:
    request: Request
    outcomes: list[Outcome]


class Transport:
    """What the network is expected to be asked, and what it was asked."""

    def __init__(self) -> None:
        self.made: list[Request] = []
        self.unexpected: list[Request] = []
        self._expectations: list[Expectation] = []
        self._lock = threading.Lock()

    def expect(self, request: Request, *outcomes: Outcome) -> None:
        """The request is made once for each outcome, and gets them in this order."""
        self._expectations.append(Expectation(request, list(outcomes)))

    def forget(self) -> None:
        """For a test that judges by itself what was asked for."""
        self._expectations.clear()
        self.unexpected.clear()

    def verify(self) -> None:
        assert not self.unexpected, f"not expected: {self.unexpected}"
        missing = [expectation.request for expectation in self._expectations if expectation.outcomes]
        assert not missing, f"never made: {missing}"

    def answer(self, made: Request) -> Response:
        with self._lock:
            self.made.append(made)
            outcome = next(
                (
                    expectation.outcomes.pop(0)
                    for expectation in self._expectations
                    if expectation.outcomes and expectation.request.matches(made)
                ),
                None,
            )
            if outcome is None:
                self.unexpected.append(made)
        if outcome is None:
            return Response(b'{"message": "not expected by the test"}', 405)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome if isinstance(outcome, Response) else outcome()


@contextmanager
def intercepted() -> Iterator[Transport]:
    """All requests of this process go to the transport."""
    transport = Transport()

    def urlopen(pool: HTTPConnectionPool, method: str, url: str, body: Any = None, **options: Any) -> HTTPResponse:
        parts, headers = urlsplit(url), options.get("headers") or {}
        default = {"https": 443, "http": 80}[pool.scheme]
        host = pool.host if pool.port in (None, default) else f"{pool.host}:{pool.port}"
        made = Request(
            method,
            f"{pool.scheme}://{host}{parts.path}",
            tuple(sorted(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))),
            body if FORM in headers.values() else json.loads(body) if body else None,
            tuple(headers.items()),
        )
        return as_urllib3(transport.answer(made))

    with patch.object(HTTPConnectionPool, "urlopen", urlopen):
        yield transport


class Truncated(io.BytesIO):
    """A body that is shorter than announced, as `http.client` tells it."""

    def read(self, amount: int | None = None) -> bytes:
        data = super().read(amount)
        if amount is None:
            raise http.client.IncompleteRead(data, 1)
        return data


def as_urllib3(response: Response) -> HTTPResponse:
    length = len(response.body) + (1 if response.truncated else 0)
    return HTTPResponse(
        body=Truncated(response.body) if response.truncated else io.BytesIO(response.body),
        headers=HTTPHeaderDict({"Content-Length": str(length), **response.headers}),
        status=response.status,
        reason=REASONS.get(response.status, "") if response.reason is None else response.reason,
        preload_content=False,
        decode_content=False,
        request_method="GET",
    )


REASONS = {200: "OK", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}

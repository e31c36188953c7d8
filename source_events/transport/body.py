"""Bodies of answers: read in one piece, within bounds of size and time that hold whatever a server sends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

import requests
import urllib3

LARGEST_BODY = 256 * 1024 * 1024
"""Bytes, unpacked. A compressed body of a thousandth of that may have more."""
LONGEST_BODY = 300.0
"""Seconds for the whole of a body. The read time-out is for the gap between two pieces of it."""


class BodyTooLarge(Exception):
    """No page has such a body."""

    def __init__(self) -> None:
        super().__init__(
            f"An answer of the API has more than {LARGEST_BODY // 2**20} MiB. Choose a shorter `window_size`; "
            "if that does not help, check that `provider.api_url` leads to the API."
        )


def read_body(response: requests.Response, watch: BodyWatch) -> bytes:
    """The unpacked body; in one piece, which costs half of what `requests` takes for it.

    :raises requests.RequestException: as `requests` does, if the body is cut off, late or wrongly compressed
    :raises BodyTooLarge: if it has more than `LARGEST_BODY`
    """
    request, raw = response.request, response.raw
    length = raw.length_remaining if "Content-Encoding" not in response.headers else None
    # Read with a bound, a body is copied once more.
    bound = LARGEST_BODY + 1 if length is None or length > LARGEST_BODY else None
    try:
        with watch.over(raw):
            body: bytes = raw.read(bound, decode_content=True)
    except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
        raise requests.exceptions.ReadTimeout(error, request=request, response=response) from error
    except urllib3.exceptions.DecodeError as error:
        raise requests.exceptions.ContentDecodingError(error, request=request, response=response) from error
    except urllib3.exceptions.HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(error, request=request, response=response) from error
    if len(body) > LARGEST_BODY:
        raise BodyTooLarge
    return body


class BodyWatch:
    """Breaks off the reading of bodies that take longer than `longest` seconds.

    One thread looks after all of them, for as long as there are any: one for each would cost more than a small answer.
    """

    def __init__(self, longest: float | None = None) -> None:
        self._longest = LONGEST_BODY if longest is None else longest
        self._deadlines: dict[urllib3.BaseHTTPResponse, float] = {}
        self._lock = threading.Lock()
        self._watches = False
        self._closed = threading.Event()

    def close(self) -> None:
        """Break off all bodies that are being read, and all that would be, and end the thread."""
        with self._lock:
            self._closed.set()
            bodies = list(self._deadlines)
        _break_off(bodies)

    @contextmanager
    def over(self, body: urllib3.BaseHTTPResponse) -> Iterator[None]:
        """
        :raises TimeoutError: if the body was broken off, or is not read any more
        """
        deadline = time.monotonic() + self._longest
        with self._lock:
            if self._closed.is_set():
                raise TimeoutError("no body is read any more")
            self._deadlines[body] = deadline
            if not self._watches:
                self._watches = True
                threading.Thread(target=self._watch, name="bodies", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:
                del self._deadlines[body]
            # However its end was met: a body without a length seems to be complete when it is broken off.
            if self._closed.is_set() or time.monotonic() > deadline:
                raise TimeoutError(f"no end of the body within {self._longest:.0f} seconds")

    def _watch(self) -> None:
        while self._sleep_while_needed():
            now = time.monotonic()
            with self._lock:
                overdue = [body for body, deadline in self._deadlines.items() if now > deadline]
            _break_off(overdue)

    def _sleep_while_needed(self) -> bool:
        closed = self._closed.wait(self._longest / 60)
        with self._lock:
            self._watches = bool(self._deadlines) and not closed
            return self._watches


def _break_off(bodies: Iterable[urllib3.BaseHTTPResponse]) -> None:
    for body in bodies:
        # It may have come to its end by now.
        with suppress(ValueError, RuntimeError, OSError):
            body.shutdown()

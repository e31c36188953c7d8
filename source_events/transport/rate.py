"""How fast requests may leave: below the user's ceiling, and as fast as a server that does not say its limit allows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf

MINUTE = 60.5
"""Half a second more than a minute: the server's clock sees the requests closer together than they left."""

SLOW_DOWN = 0.8
"""The share of the rate at which a request was refused that is left at once."""

PLATEAU = 0.96
"""The share of that rate which is approached again and held for longest, because it was too high, if only just."""

RECOVERY_SECONDS = 6.0
RECOVERY_REQUESTS = 60
"""The plateau is reached after so many seconds, or for as long as so many requests take, whichever is longer."""

FALLING = 0.9

LOWEST_RATE = 0.1
LONGEST_PAUSE = 60.0

LONGEST_WAIT = 1.0
"""Whoever waits looks again after so many seconds, because the rate changes meanwhile."""


class _Request(threading.local):
    """When the request of this thread left."""

    left = -inf


class Rate:
    """Lets the requests of all threads leave one by one; a thread tells what became of its own before its next one.

    `requests_per_minute` is kept in any 60 seconds, whoever sends the requests.

    Nothing else is limited until a request is refused for its rate. Then the rate is what was really answered in the
    second before, less a fifth, evenly spaced. It grows along the curve of CUBIC (RFC 9438, section 4.2), as in the
    adaptive mode of botocore's retries: fast at first, hardly at all near the rate that was too high, and fast again
    when that turns out to be no limit any more. Unlike there, the curve has a fixed length in requests, not a fixed
    steepness: it takes as many requests to be refused again whether a server allows one a second or two hundred.
    Refusals of requests that left before the rate fell say nothing new. If nothing is answered any more, which is how a
    spent quota looks, all requests pause: 1, 1, 2, 4 … 60 seconds.
    """

    def __init__(
        self,
        requests_per_minute: int | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._wait = wait
        self._request = _Request()
        self._lock = threading.Lock()
        self._queue: list[object] = []
        self._per_minute = requests_per_minute
        self._minute: deque[float] = deque(maxlen=requests_per_minute or 0)
        self._limited = requests_per_minute is not None
        self._next = -inf
        self._answered: deque[float] = deque(maxlen=1000)
        self._last_answered = -inf
        self._ceiling = inf
        self._plateau = inf
        self._slowed = -inf
        self._measured_from = -inf
        self._resumes = -inf
        self._pause = 0.0

    def acquire(self) -> None:
        """Wait until the next request may leave. What `wait` raises passes through, and no request is counted."""
        if not self._limited:
            self._request.left = self._clock()
            return
        ticket = object()
        with self._lock:
            self._queue.append(ticket)
        try:
            while (delay := self._leave(ticket)) > 0:
                self._wait(min(delay, LONGEST_WAIT))
        finally:
            with self._lock:
                self._queue.remove(ticket)

    def succeeded(self) -> None:
        """The request of this thread was answered, with anything but a refusal for its rate."""
        left = self._request.left
        with self._lock:
            self._answered.append(left)
            self._last_answered = max(self._last_answered, left)
            if self._measured_from < left <= self._slowed:
                self._measure()

    def refused(self) -> None:
        """The request of this thread was refused for its rate: all requests slow down together."""
        left = self._request.left
        with self._lock:
            if left <= self._slowed:
                return
            now = self._clock()
            rate = self._rate(now)
            if rate == inf or self._last_answered > self._slowed:
                self._ceiling = rate * (FALLING if rate < self._plateau < inf else 1)
                self._measured_from = left - 1
                self._slowed = now
                self._measure()
                since = min((t for t in self._answered if t > self._measured_from), default=left)
                self._resumes = max(since + 1.05, now) if rate == inf else now + 2 / rate
                self._pause = 0.25
            else:
                self._slowed = now
                self._pause = min(self._pause * 2, LONGEST_PAUSE)
                self._resumes = now + self._pause
            self._next = max(self._next, self._resumes)
            self._limited = True

    def _measure(self) -> None:
        answered = sum(1 for left in self._answered if self._measured_from < left <= self._slowed)
        if self._ceiling == inf:
            self._plateau = max(answered, 1) * PLATEAU
        else:
            self._plateau = max(min(self._ceiling, max(answered + 1, self._ceiling / 2)) * PLATEAU, LOWEST_RATE)

    def _rate(self, now: float) -> float:
        """Requests a second."""
        if self._plateau == inf:
            return inf
        length = max(RECOVERY_SECONDS, RECOVERY_REQUESTS / self._plateau)
        return self._plateau * (1 + (1 - SLOW_DOWN / PLATEAU) * (max(now - self._resumes, 0) / length - 1) ** 3)

    def _leave(self, ticket: object) -> float:
        """Let the request leave, or return the seconds until those before it and then it may leave."""
        with self._lock:
            now = self._clock()
            position = self._queue.index(ticket)
            interval = 1 / self._rate(now)
            ready = self._next + position * interval
            if self._per_minute and (index := len(self._minute) - self._per_minute + position) >= 0:
                ready = max(ready, self._minute[min(index, len(self._minute) - 1)] + MINUTE)
            if ready > now:
                return ready - now
            # Who slept too long is made up for, but never by two requests at once.
            self._next = max(self._next + interval, now + interval / 2)
            self._minute.append(now)
            self._request.left = now
            return 0.0

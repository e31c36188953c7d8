"""How fast requests may leave: below the user's ceiling, and as fast as a server that does not say its limit allows."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from math import inf

MINUTE, SECOND = 60.5, 1.05
"""Longer than they are: a server's clock may see requests closer together than they left."""

SLOW_DOWN, PLATEAU, FALLING = 0.8, 0.96, 0.9
"""Of a rate that was too high: the share used next; the share that is approached again and held for longest; and what
is left of that if the plateau before had not even been reached (RFC 9438, section 4.7)."""

RECOVERY_SECONDS, RECOVERY_REQUESTS = 6.0, 60
"""The plateau is reached after so many seconds, and not before the time of so many requests."""

LOWEST_RATE = 0.1

FEW = 5
"""Answers in a second, and fewer, tell little about how fast a server may be asked."""

LOWEST_DOUBTFUL, LONGEST_DOUBTFUL = 1.0, 10.0
"""Requests a second, and the seconds to the plateau, where less than a second was measured, or few answers."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0
"""Each is three times as long as the one before: five, and a minute is over."""

LONGEST_WAIT = 1.0
"""Who waits looks again after so many seconds, because the rate changes meanwhile."""


class _Request(threading.local):
    """When the latest request of this thread left."""

    left = -inf


class Rate:
    """Lets the requests of all threads leave one after the other; each thread tells what became of its own.

    `requests_per_minute` holds for any 60 seconds, with the half second of `MINUTE` for a server's clock. With `spread`
    the requests are evenly spaced, and the first waits as long as any other: so the ceiling holds for whatever follows
    on this, too, and need not know of it.

    Nothing else is limited until a request is refused for its rate. Then the rate is the one that was really answered
    in the second before, less a fifth, evenly spaced. It grows along the curve of CUBIC (RFC 9438, section 4.2), as in
    botocore's adaptive retries: fast at first, hardly at all near the rate that was too high, and fast again where
    that is no limit any more. Other than there the length of the curve is fixed and not its steepness, so that
    refusals are as rare for a server that allows one request a second as for one that allows two hundred.

    The first refusal, if it comes in the first second or in one with hardly an answer, tells that there may be a limit,
    and little about what it is: a server that refuses a single request for another reason must not be asked once in ten
    seconds from then on. So that rate is taken to be one a second at least, and its curve is shorter.

    Refusals of requests that left before the rate fell say nothing new. If nothing is answered since, as when a quota
    is spent, all requests pause, longer each time.
    """

    def __init__(
        self,
        requests_per_minute: int | None = None,
        *,
        spread: bool = False,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock, self._wait = clock, wait
        self._lock = threading.Lock()
        self._request = _Request()
        self._queue: list[object] = []
        self._least_interval = MINUTE / requests_per_minute if spread and requests_per_minute else 0.0
        self._next = clock() + self._least_interval if self._least_interval else -inf
        self._per_minute = requests_per_minute or 0
        self._minute: deque[float] = deque(maxlen=self._per_minute)
        self._limited = requests_per_minute is not None
        self._answered: deque[float] = deque(maxlen=1000)
        self._refused_at = self._plateau = self._measured_from = inf
        self._slowed = self._resumed = -inf
        self._first = inf
        self._early = self._doubtful = False
        self._blocked, self._pause = False, 0.0

    def acquire(self) -> None:
        """Wait until the next request may leave. What `wait` raises passes through, and no request has been counted."""
        if not self._limited:
            self._request.left = self._clock()
            self._first = min(self._first, self._request.left)
            return
        ticket = object()
        with self._lock:
            self._queue.append(ticket)
        try:
            while (delay := self._leave(ticket)) > 0:
                self._wait(min(delay, LONGEST_WAIT))
        except BaseException:
            with self._lock:
                self._queue.remove(ticket)
            raise

    def succeeded(self) -> None:
        """The latest request of this thread was answered, with anything but a refusal for its rate."""
        left = self._request.left
        with self._lock:
            self._answered.append(left)
            if left > self._slowed:
                self._blocked = False
            elif left > self._measured_from:
                self._measure()

    def refused(self) -> None:
        """The latest request of this thread was refused for its rate: all requests slow down together."""
        left = self._request.left
        with self._lock:
            if left <= self._slowed:
                return
            now = self._clock()
            rate = self._rate(now)
            self._slowed = now
            if self._blocked:
                self._measured_from = inf
                if self._pause > FIRST_PAUSE:
                    self._plateau = max(self._plateau * SLOW_DOWN, LOWEST_RATE)
                self._resumed = now + self._pause
                self._pause = min(self._pause * 3, LONGEST_PAUSE)
            else:
                self._early = left - self._first < 1
                self._measured_from = left - 1
                self._refused_at = rate * FALLING if rate < self._plateau else rate
                self._measure()
                oldest = min((t for t in self._answered if t > self._measured_from), default=left)
                self._resumed = now + 2 / rate if rate < inf else max(oldest + SECOND, now)
                self._pause = FIRST_PAUSE
            self._blocked = True
            self._next = max(self._next, self._resumed)
            self._limited = True

    def _measure(self) -> None:
        """Set the plateau to what was answered of the second before the refusal; some of it may be answered later."""
        answered = sum(self._measured_from < left <= self._slowed for left in self._answered)
        # A known rate is more exact than a count, which is only needed if the threads did not reach that rate.
        self._doubtful = self._refused_at == inf and (self._early or answered <= FEW)
        known = min(self._refused_at, max(answered + 1, self._refused_at / 2)) if self._refused_at < inf else answered
        self._plateau = max(known * PLATEAU, LOWEST_DOUBTFUL if self._doubtful else LOWEST_RATE)

    def _rate(self, now: float) -> float:
        """Requests a second."""
        if self._plateau == inf:
            return inf
        longest = LONGEST_DOUBTFUL if self._doubtful else inf
        length = min(max(RECOVERY_SECONDS, RECOVERY_REQUESTS / self._plateau), longest)
        passed = max(now - self._resumed, 0) / length
        return self._plateau * (1 + (1 - SLOW_DOWN / PLATEAU) * (passed - 1) ** 3)

    def _leave(self, ticket: object) -> float:
        """Let the request leave, or return the seconds until it may, behind those that came before it."""
        with self._lock:
            now = self._clock()
            before = self._queue.index(ticket)
            interval = max(1 / self._rate(now), self._least_interval)
            ready = self._next + before * interval
            if self._minute and (index := len(self._minute) - self._per_minute + before) >= 0:
                minutes, index = divmod(index, len(self._minute))
                ready = max(ready, self._minute[index] + MINUTE * (1 + minutes))
            if ready > now:
                return ready - now
            self._queue.remove(ticket)
            # A thread that slept too long is made up for, but never by two requests at once.
            self._next = max(self._next + interval, now + (self._least_interval or interval / 2))
            self._minute.append(now)
            self._request.left = now
            return 0.0

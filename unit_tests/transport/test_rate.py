"""Requests leave below the user's ceiling, and as fast as a server allows that does not say how fast that is."""

from __future__ import annotations

import heapq
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from source_events.transport.rate import Rate

Server = Callable[[float], bool]
"""Whether a request that arrives at that second is answered."""


class Simulation:
    """Threads that run one at a time, each when a virtual clock has come to the end of its wait."""

    def __init__(self) -> None:
        self.now = 0.0
        self._waiting: list[tuple[float, int, threading.Lock]] = []
        self._number = 0
        self._mine = threading.local()
        self._ended = threading.Lock()
        self._errors: list[BaseException] = []

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self._enter(seconds, self._mine.turn)
        self._pass_on()
        self._mine.turn.acquire()

    def start(self, work: Callable[[], None], after: float = 0.0) -> None:
        turn = threading.Lock()
        turn.acquire()
        self._enter(after, turn)

        def run() -> None:
            self._mine.turn = turn
            turn.acquire()
            try:
                work()
            except BaseException as error:
                self._errors.append(error)
            finally:
                self._pass_on()

        threading.Thread(target=run, daemon=True).start()

    def run(self) -> None:
        """Until all threads have ended."""
        self._ended.acquire()
        self._pass_on()
        assert self._ended.acquire(timeout=120)
        assert self._errors == []

    def _enter(self, seconds: float, turn: threading.Lock) -> None:
        self._number += 1
        heapq.heappush(self._waiting, (self.now + seconds, self._number, turn))

    def _pass_on(self) -> None:
        if not self._waiting:
            self._ended.release()
            return
        self.now, _, turn = heapq.heappop(self._waiting)
        turn.release()


class FixedWindow:
    """So many requests in each second of the server's clock."""

    def __init__(self, limit: float, start: float = 0.0, length: float = 1.0) -> None:
        self.limit, self._start, self._length = limit, start, length
        self._window, self._used = -1, 0

    def __call__(self, now: float) -> bool:
        window = int((now + self._start) / self._length)
        if window != self._window:
            self._window, self._used = window, 0
        if self._used >= self.limit:
            return False
        self._used += 1
        return True


class SlidingWindow:
    """So many requests in any second."""

    def __init__(self, limit: float, start: float = 0.0) -> None:
        self.limit = limit
        self._allowed: deque[float] = deque()

    def __call__(self, now: float) -> bool:
        while self._allowed and self._allowed[0] <= now - 1:
            self._allowed.popleft()
        if len(self._allowed) >= self.limit:
            return False
        self._allowed.append(now)
        return True


class TokenBucket:
    """So many requests a second, and as many at once."""

    def __init__(self, limit: float, start: float = 0.0) -> None:
        self.limit = self._burst = self._tokens = limit
        self._then = 0.0

    def __call__(self, now: float) -> bool:
        self._tokens = min(self._burst, self._tokens + (now - self._then) * self.limit)
        self._then = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


SERVERS = [FixedWindow, SlidingWindow, TokenBucket]


@dataclass
class Sync:
    """What became of the requests of a sync, each refused one of which was sent again."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    attempts: list[int] = field(default_factory=list)
    first_refused: float = float("inf")
    refused_later: int = 0
    """Refusals of requests that left after the first refusal had been told."""

    @property
    def share_refused(self) -> float:
        return len(self.refused) / (len(self.refused) + len(self.answered))


def sync(server: Server, workers: int, requests: int, seed: int = 1, then: Callable[[int], None] | None = None) -> Sync:
    """Answers take 5 to 50 ms; `then` is told how many there were so far."""
    simulation, chance, result = Simulation(), random.Random(seed), Sync()
    rate = Rate(clock=simulation.clock, wait=simulation.wait)
    left = iter(range(requests))

    def attempt() -> bool:
        rate.acquire()
        departed = simulation.now
        there, back = (chance.uniform(0.0025, 0.025) for _ in range(2))
        simulation.wait(there)
        allowed = server(simulation.now)
        simulation.wait(back)
        if allowed:
            rate.succeeded()
            result.answered.append(simulation.now)
            if then:
                then(len(result.answered))
        else:
            rate.refused()
            result.refused.append(simulation.now)
            result.first_refused = min(result.first_refused, simulation.now)
            result.refused_later += departed > result.first_refused
        return allowed

    def work() -> None:
        for _ in left:
            attempts = 1
            while not attempt():
                attempts += 1
            result.attempts.append(attempts)

    for _ in range(workers):
        simulation.start(work)
    simulation.run()
    assert len(result.answered) == requests
    return result


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("server", SERVERS)
def test_eight_workers_get_all_from_a_server_that_allows_five_a_second(server: type[SlidingWindow], seed: int) -> None:
    result = sync(server(5, start=seed / 10), workers=8, requests=201, seed=seed)

    assert result.share_refused <= 1 / 20
    assert result.answered[-1] <= 1.2 * 201 / 5


@pytest.mark.parametrize("limit", [1, 2, 5, 20, 50, 200])
@pytest.mark.parametrize("workers", [2, 8, 40])
@pytest.mark.parametrize("server", SERVERS)
def test_any_limit_is_learnt_by_any_number_of_workers(server: type[SlidingWindow], workers: int, limit: int) -> None:
    requests = max(201, 20 * limit)

    result = sync(server(limit, start=0.3), workers, requests)

    workers_own = workers / 0.0275
    assert result.refused_later <= requests / 30
    assert result.answered[-1] <= 1.2 * requests / min(limit, workers_own)


@pytest.mark.parametrize("factor", [0.5, 2])
@pytest.mark.parametrize("limit", [6, 50])
@pytest.mark.parametrize("server", SERVERS)
def test_a_limit_that_changes_is_learnt_anew(server: type[SlidingWindow], limit: int, factor: float) -> None:
    changing, before = server(limit, start=0.3), 60 * limit

    def change(answered: int) -> None:
        if answered == before:
            changing.limit = limit * factor

    result = sync(changing, 8, before + int(120 * limit * factor), then=change)

    changed = result.answered[before]
    after = [moment - changed for moment in result.answered if moment > changed]
    assert sum(moment > changed for moment in result.refused) <= len(after) / 20
    assert after[-1] <= 1.3 * 120
    later = sum(35 < moment <= 45 for moment in after)
    assert later >= 0.8 * 10 * limit * factor


def test_a_quota_of_a_minute_is_waited_for_in_eight_attempts() -> None:
    result = sync(FixedWindow(30, length=60), workers=1, requests=90)

    assert max(result.attempts) <= 8
    assert 120 < result.answered[-1] < 240


@pytest.mark.parametrize("refused", [1, 2, 8])
def test_a_server_that_refuses_the_first_requests_without_a_limit_is_soon_asked_fast(refused: int) -> None:
    left = iter(range(refused))

    result = sync(lambda now: next(left, None) is None, workers=8, requests=500)

    assert len(result.refused) == refused
    assert result.answered[-1] < 90


@pytest.mark.parametrize("answered", [0, 1, 5])
def test_a_refusal_after_a_second_with_few_answers_does_not_slow_down_for_long(answered: int) -> None:
    alone = Alone()
    alone.send()
    alone.wait(3)
    alone.send(answered)
    alone.be_refused()
    refused = alone.now

    alone.send(200)

    assert alone.now - refused < 75


def test_nothing_is_limited_until_a_request_is_refused() -> None:
    waits: list[float] = []
    rate = Rate(clock=lambda: 0.0, wait=waits.append)

    for _ in range(1000):
        rate.acquire()
        rate.succeeded()

    assert waits == []


def test_the_refusals_of_a_burst_slow_down_once_and_requests_leave_evenly_in_their_order() -> None:
    simulation = Simulation()
    rate = Rate(clock=simulation.clock, wait=simulation.wait)
    left: list[tuple[int, float]] = []

    def work(number: int) -> None:
        rate.acquire()
        simulation.wait(0.01 * (10 - number))
        rate.succeeded() if number < 5 else rate.refused()
        rate.acquire()
        left.append((number, simulation.now))

    for number in range(10):
        simulation.start(lambda number=number: work(number))  # type: ignore[misc]
    simulation.run()

    # Five were answered of those that left at 0, although later than the refusals: 0.8 * 5 a second, and growing.
    assert [number for number, _ in left] == [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]
    assert left[0][1] == pytest.approx(1.05)
    gaps = [later - earlier for (_, earlier), (_, later) in pairwise(left)]
    assert gaps[0] == pytest.approx(1 / 4)
    assert all(1 / 5 < gap < 1 / 3.9 for gap in gaps)


class Alone:
    """One thread with a clock of its own, which moves when the thread waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rate = Rate(clock=lambda: self.now, wait=self.wait)

    def wait(self, seconds: float) -> None:
        self.now += seconds

    def send(self, requests: int = 1, every: float = 0.0) -> None:
        for _ in range(requests):
            self.rate.acquire()
            self.wait(every)
            self.rate.succeeded()

    def be_refused(self) -> None:
        self.rate.acquire()
        self.rate.refused()

    def gap(self) -> float:
        """The seconds between two requests, neither of which makes up for a rest."""
        self.send(2)
        then = self.now
        self.send()
        return self.now - then


def test_the_rate_is_four_fifths_of_what_was_answered_in_the_second_before() -> None:
    alone = Alone()
    alone.send(20, every=0.15)

    alone.be_refused()

    # Of 20 requests, those of the last six times 0.15 seconds.
    assert alone.gap() == pytest.approx(1 / (0.8 * 6), rel=0.03)


def test_the_rate_grows_along_a_cubic_curve_to_just_below_what_was_too_much_and_then_beyond() -> None:
    alone = Alone()
    alone.send(100)
    alone.be_refused()
    resumed = 1.05

    def after(seconds: float) -> float:
        alone.wait(resumed + seconds - alone.now)
        return 1 / alone.gap()

    assert after(3) == pytest.approx(96 * (1 - 1 / 6 / 8), rel=0.005)
    assert after(6) == pytest.approx(96, rel=0.005)
    assert after(12) == pytest.approx(96 * (1 + 1 / 6), rel=0.005)
    assert after(24) == pytest.approx(96 * (1 + 27 / 6), rel=0.005)


def test_a_rate_refused_beyond_the_plateau_falls_by_a_fifth_and_one_refused_before_it_by_more() -> None:
    alone = Alone()
    alone.send(100)
    alone.be_refused()
    alone.wait(8)
    alone.send(100)
    beyond = alone.gap()

    alone.be_refused()
    refused = alone.now
    alone.send()
    pause = alone.now - refused
    after = alone.gap()
    alone.send(100)
    before_it = alone.gap()
    alone.be_refused()

    assert pause == pytest.approx(2 * beyond, rel=0.02)
    assert beyond / after == pytest.approx(0.8, rel=0.03)
    assert before_it / alone.gap() == pytest.approx(0.72, rel=0.03)


def test_a_rate_that_was_never_used_is_halved() -> None:
    alone = Alone()
    alone.send(100)
    alone.be_refused()
    alone.wait(12)
    unused = alone.gap()
    alone.wait(2)

    alone.be_refused()

    assert unused / alone.gap() < 0.8 / 2 * 1.3


def test_each_pause_is_three_times_as_long_as_the_one_before_up_to_a_minute() -> None:
    alone = Alone()
    refused = []
    for _ in range(9):
        alone.be_refused()
        refused.append(alone.now)

    pauses = [later - earlier for earlier, later in pairwise(refused)]
    assert pauses[3:] == pytest.approx([4.5, 13.5, 40.5, 60, 60])


@pytest.mark.parametrize(
    ("second", "answered", "resumed", "seconds_to_the_plateau"),
    [(0.99, 5, 1.05, 10.0), (1.0, 6, 1.55, 60 / (0.96 * 6))],
)
def test_a_refusal_less_than_a_second_after_the_first_request_slows_down_for_ten_seconds_at_most(
    second: float, answered: int, resumed: float, seconds_to_the_plateau: float
) -> None:
    alone, began = Alone(), 100.0
    alone.wait(began)
    alone.send()
    alone.wait(0.5)
    alone.send(answered)
    alone.wait(began + second - alone.now)
    alone.be_refused()

    alone.wait(began + resumed + 2 * seconds_to_the_plateau - alone.now)

    assert 1 / alone.gap() == pytest.approx(0.96 * 6 * (1 + 1 / 6), rel=0.005)


def test_few_requests_are_refused_for_a_quota_of_a_minute() -> None:
    result = sync(FixedWindow(300, length=60), workers=8, requests=1200)

    assert result.share_refused <= 1 / 20
    assert result.answered[-1] <= 1.2 * 240


def test_a_late_comer_does_not_overtake_under_the_ceiling() -> None:
    simulation = Simulation()
    rate = Rate(1, clock=simulation.clock, wait=simulation.wait)
    left: list[tuple[str, float]] = []

    def work(name: str) -> None:
        rate.acquire()
        left.append((name, simulation.now))

    for name, start in (("first", 0.0), ("second", 0.1), ("late", 60.5)):
        simulation.start(lambda name=name: work(name), after=start)  # type: ignore[misc]
    simulation.run()

    assert left == [("first", 0.0), ("second", pytest.approx(60.5)), ("late", pytest.approx(121))]


def test_a_long_rest_is_not_followed_by_a_burst() -> None:
    simulation = Simulation()
    rate = Rate(clock=simulation.clock, wait=simulation.wait)
    left: list[float] = []

    def work() -> None:
        rate.acquire()
        simulation.wait(0.01)
        rate.refused()
        simulation.wait(10)
        for _ in range(3):
            rate.acquire()
            left.append(simulation.now)

    simulation.start(work)
    simulation.run()

    assert left[0] == 10.01
    assert all(later - earlier > 0.3 for earlier, later in pairwise(left))


def test_the_ceiling_lets_its_number_leave_at_once_and_the_next_a_minute_later() -> None:
    simulation = Simulation()
    rate = Rate(3, clock=simulation.clock, wait=simulation.wait)
    left: list[float] = []

    def work() -> None:
        rate.acquire()
        left.append(simulation.now)

    for _ in range(8):
        simulation.start(work)
    simulation.run()

    assert left == pytest.approx([0, 0, 0, 60.5, 60.5, 60.5, 121, 121])


@settings(max_examples=60, deadline=None)
@given(
    per_minute=st.integers(1, 12),
    workers=st.lists(st.lists(st.tuples(st.floats(0, 40), st.booleans()), max_size=15), min_size=1, max_size=5),
)
def test_no_minute_has_more_requests_than_the_ceiling(per_minute: int, workers: list[list[tuple[float, bool]]]) -> None:
    simulation = Simulation()
    rate = Rate(per_minute, clock=simulation.clock, wait=simulation.wait)
    left: list[float] = []

    def work(requests: list[tuple[float, bool]]) -> None:
        for seconds, refused in requests:
            simulation.wait(seconds)
            rate.acquire()
            left.append(simulation.now)
            rate.refused() if refused else rate.succeeded()

    for requests in workers:
        simulation.start(lambda requests=requests: work(requests))  # type: ignore[misc]
    simulation.run()

    assert len(left) == sum(map(len, workers))
    assert all(later - earlier > 60 for earlier, later in zip(left, left[per_minute:], strict=False))


def test_a_wait_that_is_abandoned_leaves_nothing_behind() -> None:
    now, waits = 0.0, 0

    def wait(seconds: float) -> None:
        nonlocal now, waits
        waits += 1
        if waits <= 3:
            raise InterruptedError
        now += seconds

    rate = Rate(1, clock=lambda: now, wait=wait)
    rate.acquire()
    for _ in range(3):
        with pytest.raises(InterruptedError):
            rate.acquire()

    rate.acquire()

    assert now == 60.5


def test_others_are_not_held_up_by_a_request_that_waits() -> None:
    rate: Rate
    now = 0.0

    def wait(seconds: float) -> None:
        nonlocal now
        now += seconds
        other = threading.Thread(target=rate.succeeded, daemon=True)
        other.start()
        other.join(10)
        assert not other.is_alive()

    rate = Rate(1, clock=lambda: now, wait=wait)
    rate.acquire()
    rate.acquire()

    assert now == 60.5


def test_threads_that_come_at_the_same_time_keep_the_ceiling() -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)

    class Waits(Exception):
        pass

    def wait(seconds: float) -> None:
        raise Waits

    def outcome(rate: Rate, ready: threading.Barrier) -> str:
        ready.wait(10)
        try:
            rate.acquire()
        except Waits:
            return "waits"
        return "left"

    try:
        with ThreadPoolExecutor(8) as pool:
            for _ in range(100):
                rate, ready = Rate(2, wait=wait), threading.Barrier(8)
                outcomes = sorted(pool.map(outcome, [rate] * 8, [ready] * 8))
                assert outcomes == ["left"] * 2 + ["waits"] * 6
    finally:
        sys.setswitchinterval(interval)


def test_threads_learn_the_rate_of_a_server_together() -> None:
    server, lock, rate = SlidingWindow(20), threading.Lock(), Rate()
    left = iter(range(60))
    outcomes: list[bool] = []
    started = time.monotonic()

    def attempt() -> bool:
        rate.acquire()
        with lock:
            allowed = server(time.monotonic())
            outcomes.append(allowed)
        rate.succeeded() if allowed else rate.refused()
        return allowed

    def work() -> None:
        while True:
            with lock:
                if next(left, None) is None:
                    return
            while not attempt():
                pass

    threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert outcomes.count(True) == 60
    assert outcomes.count(False) <= 12
    assert 2 <= time.monotonic() - started < 15


def test_spread_requests_are_as_far_apart_as_the_ceiling_says_and_the_first_waits_too():
    simulation = Simulation()
    left = []

    def work() -> None:
        for _ in range(2):
            rate = Rate(60, spread=True, clock=simulation.clock, wait=simulation.wait)
            for _ in range(3):
                rate.acquire()
                left.append(simulation.now)

    simulation.start(work)
    simulation.run()
    assert min(after - before for before, after in pairwise([0.0, *left])) >= 1
    assert left[-1] < 6.5

"""How far each way goes, by simulation: `python -m benchmarks.scaling` prints what the page `scaling` shows.

Requests are simulated one by one: workers that wait for answers, an API that allows so many a second, partitions of
Spark that tasks take in turn. How long an answer takes is given, as it is to the sandbox; what a request costs in CPU
is what the benchmarks have measured.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from benchmarks.claims import results
from benchmarks.report import table

ANSWER_TIME = 0.3
"""Seconds."""
EVENTS_OF_A_PAGE = 100
MOST_SIMULATED = 20_000
"""From there on time grows with the contacts: so many are simulated, and the rest is multiplied."""
CONTACTS = (10_000, 100_000, 1_000_000, 10_000_000)
ACCOUNTS = (1, 10, 100, 1000)
LIMITS = (inf, 100.0, 10.0)
"""Requests a second that the API allows."""
REQUESTS_OF_A_DAY = 5
"""Of an account's daily read: a login, a first page and an empty last one, and the check of the driver."""
START_UP, MEMORY = 3.0, 130
"""Seconds of CPU until a process makes its first request, and megabytes that it takes."""
TOGETHER, CORES = 8, 2
"""Processes at the same time, and cores, of the machine for many accounts."""


@dataclass(frozen=True)
class Way:
    """So many tasks, each a process with so many workers, that take partitions in turn."""

    name: str
    tasks: int
    workers: int
    partitions: int

    def seconds(self, requests: Sequence[int], limit: float, cpu: float) -> float:
        """How long it takes to make each contact's requests, if one costs a core of its process so much CPU."""
        waiting = deque(sum(requests[place :: self.partitions]) for place in range(self.partitions))
        left, idle = [0] * self.tasks, [self.workers - 1] * self.tasks
        interval = max(1 / limit, cpu / self.tasks)
        allowed = ended = 0.0
        lanes = [(0.0, task) for task in range(self.tasks)]
        while lanes:
            now, task = heapq.heappop(lanes)
            if left[task]:
                left[task] -= 1
                begin = max(now, allowed)
                allowed = begin + interval
                heapq.heappush(lanes, (begin + ANSWER_TIME + cpu, task))
                continue
            idle[task] += 1
            if idle[task] < self.workers:
                continue
            ended = max(ended, now)
            if waiting:
                left[task], idle[task] = waiting.popleft(), 0
                for _ in range(self.workers):
                    heapq.heappush(lanes, (now, task))
        return ended


WAYS = (
    Way("one process, 8 workers", 1, 8, 1),
    Way("one process, 40 workers", 1, 40, 1),
    Way("Spark, 16 tasks of 1 worker", 16, 1, 64),
    Way("Spark, 40 tasks of 1 worker", 40, 1, 160),
)


def requests_of(contacts: int) -> list[int]:
    """Of each contact: most have few events, and some have thousands."""
    draws = random.Random(14)
    return [1 + int(draws.paretovariate(1.2)) // EVENTS_OF_A_PAGE for _ in range(contacts)]


def cpu_of_a_request() -> float:
    """What was measured where workers are busiest."""
    return min(float(rate["cpu_per_request"]) for rate in results("workers")["rates"])


def scaling_contacts() -> Iterator[str]:
    """How long `contact_events` takes."""
    simulated, rows = requests_of(MOST_SIMULATED), []
    for contacts in CONTACTS:
        part = simulated[:contacts]
        factor = contacts / len(part)
        for way in WAYS:
            times = [in_words(way.seconds(part, limit, cpu_of_a_request()) * factor) for limit in LIMITS]
            rows.append((f"{contacts:,}", f"{round(sum(part) * factor):,}", way.name, *times))
    yield from table(("contacts", "requests", "way", "no limit", "100 a second", "10 a second"), rows)


def scaling_events() -> Iterator[str]:
    """How long `org_events` takes, from which on CPU and no more the answers bound it."""
    own = next(row for row in results("benchmark")["rows"] if (row["part"], row["program"]) == ("read", "connector"))
    costs = {"read": float(own["cpu_per_million"]), "Spark": float(results("spark")["costs"][0]["cpu_per_million"])}
    rows = []
    for events in (1_000_000, 100_000_000, 1_000_000_000):
        pages = events // 10_000
        for name, workers in (("read", 8), ("Spark", 8), ("Spark", 40)):
            answers, cpu = pages * ANSWER_TIME / workers, events / 1e6 * costs[name]
            cores = 1 if name == "read" else workers
            bound = "the answers" if answers > cpu / cores else "CPU"
            rows.append(
                (f"{events:,}", f"{pages:,}", f"{name}, {workers}", in_words(answers), in_words(cpu / cores), bound)
            )
    yield from table(("events", "requests", "way, workers or tasks", "answers", "CPU", "what bounds it"), rows)


def scaling_accounts() -> Iterator[str]:
    """What the daily reads of many accounts of few events take, each a process."""
    rows = []
    for accounts in ACCOUNTS:
        requests = accounts * REQUESTS_OF_A_DAY
        cpu = accounts * START_UP
        wall = max(cpu / CORES, -(-accounts // TOGETHER) * (START_UP + REQUESTS_OF_A_DAY * ANSWER_TIME))
        memory = min(accounts, TOGETHER) * MEMORY
        rows.append((f"{accounts:,}", f"{requests:,}", in_words(cpu), in_words(wall), f"{memory:,} MB"))
    yield from table(("accounts", "requests", "CPU", f"time, {TOGETHER} at once on {CORES} cores", "memory"), rows)


def in_words(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def main() -> None:
    for made in (scaling_contacts, scaling_events, scaling_accounts):
        print("\n".join(made()), end="\n\n")


if __name__ == "__main__":
    main()

"""`python -m integration_tests.soak`: some minutes for each provider; ends with 1 if something is not as it must be."""

from __future__ import annotations

import sys

from integration_tests.soak.endurance import endure
from integration_tests.soak.loads import Load, loads

LONGEST = 1800
"""Seconds."""
MOST_MEMORY = 300
"""Megabytes."""
MOST_GROWTH = 1.15


def soak(load: Load) -> list[str]:
    """Read it once; what is wrong."""
    with load.served() as (config, expected, control):
        endured = endure(config, expected, timeout=LONGEST)
        faults = [fault["fired"] for fault in control.faults()]
        counts = control.counts()
        logins = sum(request["path"].endswith(("/login/services", "/actions/login")) for request in control.requests())
    print(
        f"{load.provider}: {sum(endured.records.values()):,} records of {load.account.events:,} events, "
        f"{counts['requests']:,} requests, {logins} logins, {sum(faults)} faults of {len(faults)} kinds "
        f"(at least {min(faults)} of each), {endured.seconds:.0f} s, memory {max(endured.memory):.0f} MB, "
        f"last third {endured.growth():.2f} times the second, {endured.states} states",
        flush=True,
    )
    for line in endured.said:
        if ": " in line and "complete" in line:
            print(f"    {line}")
    problems = [f"it ended with {endured.status}: {endured.errors}"] if endured.status or endured.errors else []
    for stream, events in expected.items():
        if events.missing() or events.unknown:
            problems.append(f"{stream}: {events.missing()} events are missing, {events.unknown} are unknown")
    if max(endured.memory) > MOST_MEMORY:
        problems.append(f"it took {max(endured.memory):.0f} MB")
    if endured.growth() > MOST_GROWTH:
        problems.append(f"its memory grew {endured.growth():.2f} times")
    if not min(faults):
        problems.append("a kind of fault never happened")
    return [f"{load.provider}: {problem}" for problem in problems]


def main() -> int:
    chosen = sys.argv[1:]
    problems = [
        problem
        for load in loads(scale=1, others=1, share=100)
        if not chosen or load.provider in chosen
        for problem in soak(load)
    ]
    print("\n".join(problems) or "All events came, in bounded time and memory.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

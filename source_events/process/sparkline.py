"""Numbers over time as a line of bars, for a table in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

BARS, PLAIN_BARS = " ▁▂▃▄▅▆▇█", " .:-=+*#@"


def sparkline(counts: Sequence[int], *, plain: bool = False) -> str:
    """A character for each number, the highest for the largest; `plain` for output that has no others than ASCII."""
    bars = PLAIN_BARS if plain else BARS
    most = max(counts, default=0) or 1
    # Rounded up, so that a single event shows.
    return "".join(bars[-(-count * (len(bars) - 1) // most)] for count in counts)

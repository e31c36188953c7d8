"""Events over time, in as few bars as fit a line of the page."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

DAY = 86400
EPOCH = date(1970, 1, 1)
WIDTHS = (1, 7, 28, 91, 364, 3640)
"""Days of a bar."""
MOST_BARS = 100
LONGEST_PAUSE = 3
"""More empty bars in a row than so many are left out."""


@dataclass(frozen=True)
class Bar:
    """The events of the days from `first` to `last`."""

    first: date
    last: date
    events: int


def day_of(second: int) -> date:
    return EPOCH + timedelta(days=second // DAY)


def count_by_day(seconds: Iterable[int]) -> Mapping[date, int]:
    """How many of these moments, in seconds since 1970, are on each day of UTC."""
    days = Counter(second // DAY for second in seconds)
    return {day_of(day * DAY): events for day, events in days.items()}


def histogram(days: Mapping[date, int]) -> Sequence[Sequence[Bar]]:
    """Stretches of bars of equal width, as narrow as `MOST_BARS` allows; between two of them lies a long pause."""
    for width in WIDTHS:
        stretches = _stretches(days, width)
        if sum(map(len, stretches)) <= MOST_BARS:
            break
    return stretches


def _stretches(days: Mapping[date, int], width: int) -> list[list[Bar]]:
    origin = min(days, default=EPOCH)
    counts: Counter[int] = Counter()
    for day, events in days.items():
        counts[(day - origin).days // width] += events
    stretches: list[list[Bar]] = []
    end = 0
    for number in sorted(counts):
        if not stretches or number - end > LONGEST_PAUSE:
            stretches.append([])
            end = number
        stretches[-1] += [_bar(origin, width, counts, place) for place in range(end, number + 1)]
        end = number + 1
    return stretches


def _bar(origin: date, width: int, counts: Mapping[int, int], number: int) -> Bar:
    first = origin + timedelta(days=number * width)
    return Bar(first, first + timedelta(days=width - 1), counts.get(number, 0))

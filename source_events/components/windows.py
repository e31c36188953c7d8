"""Slices: whole seconds of UTC, what a manifest's request says of them, and how they are divided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from airbyte_cdk.sources.types import Config

from source_events.records.times import earlier, format_time

SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Slice:
    """The seconds from `first` to `last`, both inclusive, of all contacts or of one.

    `open_start` and `open_end`: the API is asked without that bound, and what was not asked for is left out later.
    `undated`: it is this slice, of those of a stream, that has the events without a time.
    """

    first: str
    last: str
    contact: str | None = None
    open_start: bool = False
    open_end: bool = False
    undated: bool = True

    def parts(self, size: timedelta) -> Iterator[Slice]:
        """Slices of at most this size that cover this one without overlap."""
        begin, last = moment(self.first), moment(self.last)
        while begin <= last:
            following = min(begin + size, last + SECOND)
            yield replace(self, first=format_time(begin), last=format_time(following - SECOND))
            begin = following

    @property
    def seconds(self) -> int:
        return round((moment(self.last) - moment(self.first)).total_seconds()) + 1

    def halves(self) -> list[Slice]:
        """Two halves, or none of a slice of one second."""
        if self.seconds < 2:
            return []
        return list(self.parts(timedelta(seconds=-(-self.seconds // 2))))


def moment(time: str) -> datetime:
    """A UTC time to the second."""
    return datetime.fromisoformat(time[:19]).replace(tzinfo=timezone.utc)


def end_of(config: Config) -> str:
    """The second of which only the begin is read: `end_date`, or the first behind it, where that is a day."""
    end: str = config["end_date"]
    return (earlier(end, -SECOND) if config.get("end_is_day") else end)[:19]


class Windows:
    """What a manifest may say of a slice's time, as `{{ window.start }}` and the like.

    `start` is the first second. `end` is the second behind the last one: whether an API takes its bound inclusively or
    not, and however precise its times are, no event of the slice is missed; what belongs to the next slice is left out
    here. `end_within` is the same, but not beyond `end_date`, unless that is a day: for bounds that are known to be
    inclusive.
    """

    def __init__(self, config: Config) -> None:
        self._end = f"{end_of(config)}Z"

    def of(self, part: Slice) -> Mapping[str, str]:
        after = earlier(part.last, -SECOND)
        return {
            "start": "" if part.open_start else part.first,
            "end": "" if part.open_end else after,
            "end_within": "" if part.open_end else min(after, self._end),
        }

    def keep_order(self, part: Slice) -> bool:
        """Whether rows that are ordered by the API's own times are so by UTC, too."""
        return True

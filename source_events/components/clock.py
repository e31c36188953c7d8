"""A system's clock, where its times are local and carry no offset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from airbyte_cdk.sources.types import Config

from source_events.components.windows import SECOND, Slice, Windows, moment
from source_events.components.zones import zone_of
from source_events.records.times import earlier, format_time, to_the_second

NEAR_A_CLOCK_CHANGE = timedelta(hours=26)
"""More than the largest change that a zone has ever made, which was a whole day."""
DAY = timedelta(days=1)


class LocalWindows(Windows):
    """Bounds on the clock of `provider.time_zone` that miss no event of a slice, whether they are inclusive or not.

    So there is a second more at both ends. Near a clock change an hour of the local clock means two instants, or none,
    and it is not known how the server takes it: the window is as much larger there as any reading needs. What was not
    asked for is left out later by its UTC time.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._zone = zone_of(config)

    def of(self, part: Slice) -> Mapping[str, str]:
        start = "" if part.open_start else _on_clock(moment(part.first) - SECOND, self._zone, earliest=True)
        return {"start": start, "end": "" if part.open_end else _on_clock(moment(part.last) + SECOND, self._zone)}

    def keep_order(self, part: Slice) -> bool:
        return not any(changes(part.first, part.last, self._zone))


def _on_clock(at: datetime, zone: ZoneInfo, *, earliest: bool = False) -> str:
    around = (at - NEAR_A_CLOCK_CHANGE, at, at + NEAR_A_CLOCK_CHANGE)
    offsets = [point.astimezone(zone).utcoffset() or timedelta() for point in around]
    change = max(offsets) - min(offsets)
    offset = min(offsets) - change if earliest else max(offsets) + change
    return (at + offset).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


@dataclass(frozen=True)
class Change:
    """A clock change: its instant in UTC, and by how much the clock was put forward, or back if negative."""

    at: datetime
    by: timedelta


def changes(first: str, last: str, zone: ZoneInfo) -> Iterator[Change]:
    """The clock changes from a day before the slice to a day behind it."""
    point, end = moment(first) - NEAR_A_CLOCK_CHANGE, moment(last) + NEAR_A_CLOCK_CHANGE
    while point < end:
        following = point + DAY
        by = _offset(following, zone) - _offset(point, zone)
        if by:
            yield Change(_instant(point, following, zone), by)
        point = following


def _instant(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The first second with the offset of `after`."""
    offset = _offset(after, zone)
    while after - before > SECOND:
        between = before + timedelta(seconds=(after - before) // SECOND // 2)
        before, after = (before, between) if _offset(between, zone) == offset else (between, after)
    return after


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


@dataclass(frozen=True)
class RepeatedTime:
    """Local times that come twice, when the clock is put back: the instants from `begin` on, and again `shift` later.

    A local time among them is taken for its earlier instant. All times are UTC, to the second, and inclusive.
    """

    begin: str
    end: str
    shift: timedelta

    def later(self, time: str) -> str | None:
        """The other instant that a time of an event may mean, if there is one."""
        return earlier(time, -self.shift) if self.begin <= to_the_second(time) <= self.end else None


def repeated_times(first: str, last: str, zone: ZoneInfo) -> list[RepeatedTime]:
    """Those near a slice, of which one instant may be in it and the other not."""
    return [
        RepeatedTime(format_time(change.at + change.by), format_time(change.at - SECOND), -change.by)
        for change in changes(first, last, zone)
        if change.by < timedelta()
    ]


def from_begin_of_repeated_time(part: Slice, zone: ZoneInfo, start_date: str) -> Slice:
    """The slice from the begin of the repeated time that it begins in, or just behind, but not from before the start
    date: events of the second pass have the times of the first, and may have been created since that was read."""
    for repeated in repeated_times(part.first, part.first, zone):
        if repeated.begin < part.first <= earlier(repeated.end, -repeated.shift):
            return replace(part, first=min(part.first, max(repeated.begin, start_date)))
    return part

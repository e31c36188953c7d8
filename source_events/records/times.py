"""Times as the records carry them: UTC, `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec


class UnreadableTime(ValueError):
    """A `createdAt` that is not a date and time with a zone; `record_id` says whose."""

    def __init__(self, time: str, record_id: str = "") -> None:
        super().__init__(time[:100])
        self.time = time
        self.record_id = record_id


_UTC_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)
LOCAL_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?", re.ASCII)


def to_the_second(time: str) -> str:
    """Fractions of different length have no order."""
    return f"{time[:19]}Z"


def normalize_time(time: str) -> str:
    """`YYYY-MM-DDTHH:MM:SS[.ffffff]Z` for an RFC 3339 time with any offset.

    The fraction keeps the digits that the API gave, at most six.

    :raises UnreadableTime: if it is not such a time
    """
    found = _UTC_TIME.fullmatch(time)
    if found is None:
        raise UnreadableTime(time)
    day, clock, fraction, offset = found.groups()
    digits = offset.replace(":", "")
    zone = "+00:00" if offset in "Zz" else f"{digits[:3]}:{digits[3:]}"
    try:
        moment = datetime.fromisoformat(f"{day}T{clock}{zone}")
        return _with_fraction(moment, fraction)
    except (ValueError, OverflowError) as error:
        raise UnreadableTime(time) from error


def local_time(time: str, zone: ZoneInfo) -> str:
    """The UTC time of a local time without an offset, `YYYY-MM-DD HH:MM:SS[.fffffff]` with a space or a `T`.

    Of the two instants of an hour that a clock change repeats, it is the earlier one; a time that a clock change skips
    is moved forward by the gap.

    :raises UnreadableTime: if it is not such a time
    """
    found = LOCAL_TIME.fullmatch(time)
    if found is None:
        raise UnreadableTime(time)
    day, clock, fraction = found.groups()
    hour = _hour_in_utc(day, clock[:2], zone)
    if hour is not None and clock[3] < "6" and clock[6] < "6":
        return f"{hour}{clock[2:]}.{fraction[:6]}Z" if fraction else f"{hour}{clock[2:]}Z"
    try:
        # Without a fold, a repeated time is the earlier one, and a skipped one has the offset from before the change.
        moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)
        return _with_fraction(moment, fraction)
    except (ValueError, OverflowError) as error:
        raise UnreadableTime(time) from error


@lru_cache(maxsize=10_000)
def _hour_in_utc(day: str, hour: str, zone: ZoneInfo) -> str | None:
    """`YYYY-MM-DDTHH` for an hour of the zone's clock that is a whole hour of UTC as well; events come in sequence.

    It is none where the clock changes within the hour or next to it, or differs from UTC by less than hours.
    """
    try:
        begin = datetime.fromisoformat(f"{day}T{hour}:00:00")
        around = [begin + timedelta(hours=hours) for hours in (-3, 0, 4)]
    except (ValueError, OverflowError):
        return None
    offsets = {moment.replace(tzinfo=zone).utcoffset() for moment in around}
    offset = offsets.pop()
    if offsets or offset is None or offset % timedelta(hours=1):
        return None
    try:
        return (begin - offset).isoformat()[:13]
    except OverflowError:
        return None


def _with_fraction(moment: datetime, fraction: str | None) -> str:
    whole = format_time(moment)
    return f"{whole[:-1]}.{fraction[:6]}Z" if fraction else whole


def from_any(native: str, zone: ZoneInfo | None) -> str:
    """A native time with its offset, ready for `normalize_time`.

    It may be a time without an offset, which is in the zone, if there is one; a time with an offset; or a Unix
    timestamp, of which the magnitude says whether it is in seconds or in milliseconds. Anything else stays as it is,
    and is reported with its record as a time that cannot be read.
    """
    try:
        if zone is not None and LOCAL_TIME.fullmatch(native):
            return local_time(native, zone)
        if _UNIX_TIME.fullmatch(native):
            return _from_unix(native)
    except (ValueError, OverflowError):
        pass
    return native


def _from_unix(native: str) -> str:
    whole, _, digits = native.partition(".")
    milliseconds = int(whole) >= FIRST_MILLISECONDS
    seconds, rest = divmod(int(whole), 1000) if milliseconds else (int(whole), 0)
    fraction = (f"{rest:03d}" if milliseconds else "") + digits
    moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    return moment.isoformat() + (f".{fraction[:6]}" if fraction else "") + "Z"


_UNIX_TIME = re.compile(r"\d+(\.\d+)?", re.ASCII)
FIRST_MILLISECONDS = 100_000_000_000
"""From this number on a Unix timestamp is in milliseconds: 3 March 1973. In seconds it would be the year 5138."""


def to_local(time: str, zone: ZoneInfo) -> str:
    """`YYYY-MM-DD HH:MM:SS` on the zone's clock, for a UTC time to the second."""
    moment = datetime.fromisoformat(time[:19]).replace(tzinfo=timezone.utc)
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def format_time(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ` for a moment with a zone."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def earlier(time: str, by: timedelta) -> str:
    """A UTC time to the second, moved back; at most to the year 1."""
    try:
        return format_time(datetime.fromisoformat(time[:19]).replace(tzinfo=timezone.utc) - by)
    except OverflowError:
        return "0001-01-01T00:00:00Z"


class Dated(Protocol):
    """What has a time: an event's envelope."""

    id: str
    createdAt: str | None


def normalize_times(envelopes: Sequence[Dated]) -> None:
    """Bring `createdAt` of each envelope that has one to the notation of `normalize_time`.

    A page whose times are all in it is seen at a glance; only others are looked at one by one.

    :raises UnreadableTime: with the record's id
    """
    dated = [envelope for envelope in envelopes if envelope.createdAt is not None]
    if are_normal([envelope.createdAt for envelope in dated]):
        return
    for envelope in dated:
        try:
            envelope.createdAt = normalize_time(envelope.createdAt or "")
        except UnreadableTime as error:
            raise UnreadableTime(envelope.createdAt or "", envelope.id) from error


def are_normal(times: Sequence[Any]) -> bool:
    """Whether all are times in the notation of `normalize_time` and of equal length."""
    lengths = set(map(len, times))
    if len(lengths) != 1 or not lengths <= NORMAL_LENGTHS:
        return not times
    [length] = lengths
    joined, count = "".join(times), len(times)
    if joined[10::length] != "T" * count or joined[length - 1 :: length] != "Z" * count:
        return False
    try:
        msgspec.convert(times, list[datetime])
    except msgspec.ValidationError:
        return False
    return True


NORMAL_LENGTHS = frozenset((len("2024-01-01T00:00:00Z"), *range(len("2024-01-01T00:00:00.0Z"), 28)))

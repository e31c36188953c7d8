"""Times as the records carry them: UTC, `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo


class UnreadableTime(ValueError):
    """A `createdAt` that is not a date and time with a zone; `record_id` says whose."""

    def __init__(self, time: str, record_id: str = "") -> None:
        super().__init__(time)
        self.time = time
        self.record_id = record_id


_UTC_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)
_LOCAL_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d+))?", re.ASCII)


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
    found = _LOCAL_TIME.fullmatch(time)
    if found is None:
        raise UnreadableTime(time)
    day, clock, fraction = found.groups()
    try:
        # Without a fold, a repeated time is the earlier one, and a skipped one has the offset from before the change.
        moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone)
        return _with_fraction(moment, fraction)
    except (ValueError, OverflowError) as error:
        raise UnreadableTime(time) from error


def _with_fraction(moment: datetime, fraction: str | None) -> str:
    whole = format_time(moment)
    return f"{whole[:-1]}.{fraction[:6]}Z" if fraction else whole


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

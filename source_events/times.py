"""Times as the records carry them: UTC, `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo


class UnreadableTime(ValueError):
    """A `createdAt` that is not a date and time with a zone; `record_id` says whose."""

    def __init__(self, time: str, record_id: str = "") -> None:
        super().__init__(time)
        self.time = time
        self.record_id = record_id


def normalize_time(time: str) -> str:
    """`YYYY-MM-DDTHH:MM:SS[.ffffff]Z` for an RFC 3339 time with any offset.

    The fraction keeps the digits that the API gave, at most six.

    :raises UnreadableTime: if it is not such a time
    """
    whole, dot, rest = time.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    zone = rest[len(digits) :]
    try:
        if dot and not digits:
            raise ValueError("no digits after the point")
        moment = datetime.fromisoformat((whole + zone).upper().replace("Z", "+00:00"))
        if moment.tzinfo is None:
            raise ValueError("no zone")
        utc = moment.astimezone(timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError) as error:
        raise UnreadableTime(time) from error
    return utc.isoformat(timespec="seconds") + (f".{digits[:6]}" if digits else "") + "Z"


def local_time(time: str, zone: ZoneInfo) -> str:
    """The UTC time of a local time without an offset, `YYYY-MM-DD HH:MM:SS[.fffffff]` with a space or a `T`.

    Of the two instants of an hour that a clock change repeats, it is the earlier one; a time that a clock change skips
    is moved forward by the gap.

    :raises UnreadableTime: if it is not such a time
    """
    whole, _, digits = time.partition(".")
    try:
        if digits and not digits.isdecimal():
            raise ValueError("the fraction is no number")
        moment = datetime.fromisoformat(whole)
        if moment.tzinfo is not None:
            raise ValueError("it has an offset")
        # Taken as it stands before the change, a skipped time is the instant after the gap that is as far from it.
        utc = (moment.replace(fold=0, tzinfo=zone)).astimezone(timezone.utc)
    except (ValueError, OverflowError) as error:
        raise UnreadableTime(time) from error
    return format_time(utc).removesuffix("Z") + (f".{digits[:6]}" if digits else "") + "Z"


def to_local(time: str, zone: ZoneInfo) -> str:
    """`YYYY-MM-DD HH:MM:SS` on the zone's clock, for a UTC time to the second."""
    moment = datetime.fromisoformat(time[:19]).replace(tzinfo=timezone.utc)
    return moment.astimezone(zone).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def format_time(moment: datetime) -> str:
    """`YYYY-MM-DDTHH:MM:SSZ` for a moment with a zone."""
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def earlier(time: str, by: timedelta) -> str:
    """A UTC time to the second, moved back."""
    return format_time(datetime.fromisoformat(time[:19]).replace(tzinfo=timezone.utc) - by)

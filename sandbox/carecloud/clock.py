"""The project's clock: times without an offset, as texts, and the instants that they mean."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

ZERO = "0000-00-00 00:00:00"
"""A time that is not set. As a text it is before every other."""

FORM = re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}", re.ASCII)


def local(instant: int, zone: ZoneInfo) -> str:
    """What the project's clock shows at an instant in seconds."""
    return datetime.fromtimestamp(instant, zone).strftime("%Y-%m-%d %H:%M:%S")


def instant(text: str, zone: ZoneInfo) -> int | None:
    """The instant in seconds; the earlier one where the clock shows a time twice. None for no time."""
    if text.startswith("0000"):
        return None
    return int(datetime.fromisoformat(text[:19]).replace(tzinfo=zone).timestamp())


def utc_text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_seconds(text: str) -> int:
    """
    :raises ValueError: if it is not `YYYY-MM-DDTHH:MM:SSZ`
    """
    try:
        return int(datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time like 2024-01-01T00:00:00Z") from error


def readable(text: str) -> bool:
    """Whether a request's time has one of the two documented forms, without an offset."""
    try:
        return FORM.fullmatch(text) is not None and bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def clock_changes(start: int, end: int, zone: ZoneInfo) -> list[int]:
    """The instants between two others at which the zone's offset changes. Each is at a half hour."""
    half_hours = range(start - start % 1800 + 1800, end + 1, 1800)
    # A zone changes its offset at least months apart, so days are compared first.
    found = []
    for day in range(0, len(half_hours), 48):
        hours = half_hours[day : day + 49]
        if _offset(hours[0], zone) != _offset(hours[-1], zone):
            found += [hour for hour in hours[1:] if _offset(hour, zone) != _offset(hour - 1, zone)]
    return found


def _offset(moment: int, zone: ZoneInfo) -> object:
    return datetime.fromtimestamp(moment, zone).utcoffset()

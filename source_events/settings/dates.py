"""The dates of a configuration: a day, or a second in UTC."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SECOND = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.0+)?Z")
ALMOST = re.compile(
    r"\s*(?P<day>[0-9]{4}-[0-9][0-9]-[0-9][0-9])(?:[T\s]\s*(?P<time>[0-9][0-9]:[0-9][0-9])(?::(?P<second>[0-9][0-9]))?(?P<fraction>\.[0-9]+)?"
    r"\s*(?P<zone>Z|UTC|[+-][0-9][0-9]:?[0-9][0-9])?)?\s*",
    re.IGNORECASE,
)
LAST_SECOND = timedelta(days=1, seconds=-1)


def first_second(value: str) -> datetime:
    """What a start is, without a zone, in UTC.

    :raises ValueError: if it is not of the form, or does not exist
    """
    return _day(value) or _second(value)


def last_second(value: str) -> datetime:
    """What an end is; see `first_second`."""
    day = _day(value)
    return day + LAST_SECOND if day else _second(value)


def is_day(value: Any) -> bool:
    """Whether it is a day, and no moment."""
    return isinstance(value, str) and DAY.fullmatch(value) is not None


def problem(value: str) -> str | None:
    """What is wrong with a date and what to write, to go on behind the field's name; nothing, if it is right."""
    try:
        first_second(value)
    except ValueError:
        return _mistake(value)
    return None


def _day(value: str) -> datetime | None:
    return datetime.strptime(value, "%Y-%m-%d") if is_day(value) else None


def _second(value: str) -> datetime:
    if not SECOND.fullmatch(value):
        raise ValueError(value)
    return datetime.strptime(value[:19], "%Y-%m-%dT%H:%M:%S")


def _mistake(value: str) -> str:
    parts = ALMOST.fullmatch(value)
    if parts is None:
        return "must be a day like 2024-01-01 or a time in UTC like 2024-01-01T00:00:00Z"
    try:
        right = _corrected(parts)
    except (ValueError, OverflowError):
        return "is not a date that exists"
    zone = parts["zone"] or ""
    if parts["time"] and not zone:
        return f"does not say that its time is in UTC; if it is, write {right}"
    if zone[:1] in ("+", "-"):
        return f"must be in UTC, without an offset; write {right}"
    if parts["fraction"]:
        return f"must not have a fraction of a second; write {right}"
    return f"is not written as it must be; write {right}"


def _corrected(parts: re.Match[str]) -> str:
    """The same moment in the right form."""
    if not parts["time"]:
        return datetime.strptime(parts["day"], "%Y-%m-%d").date().isoformat()
    zone = (parts["zone"] or "Z").upper().replace("UTC", "Z")
    moment = datetime.strptime(f"{parts['day']}T{parts['time']}:{parts['second'] or '00'}{zone}", "%Y-%m-%dT%H:%M:%S%z")
    return f"{moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat()}Z"

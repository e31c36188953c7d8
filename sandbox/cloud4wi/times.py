"""Times as Cloud4Wi writes them: ISO 8601 with a `Z`, here as microseconds since 1970."""

import re
from datetime import datetime, timedelta, timezone
from functools import cache

SECOND = 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
WHOLE_SECONDS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
MAYBE_FRACTION = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)


def parse_time(text: str, *, fraction: bool = False) -> int:
    """Microseconds since 1970; `ValueError` for any other notation than `2019-07-31T22:23:24Z`."""
    if not (MAYBE_FRACTION if fraction else WHOLE_SECONDS).fullmatch(text):
        raise ValueError(f"not a time like 2019-07-31T22:23:24Z: {text!r}")
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1)


def format_time(seconds: int) -> str:
    day, second = divmod(seconds, 86400)
    return _day(day) + _clock(second)


# Cached, because a large data set spends most of its building time on times.
@cache
def _day(day: int) -> str:
    return (EPOCH + timedelta(days=day)).strftime("%Y-%m-%dT")


@cache
def _clock(second: int) -> str:
    return f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"

"""App Market's times: without an offset, with one, or Unix timestamps."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from source_events.records.times import local_time

LOCAL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?", re.ASCII)
EPOCH = re.compile(r"\d+(\.\d+)?", re.ASCII)
FIRST_MILLISECONDS = 100_000_000_000
"""From this number on a Unix timestamp is in milliseconds: 3 March 1973. In seconds it would be the year 5138."""


def utc(native: str, zone: ZoneInfo) -> str:
    """A native time with its offset, ready to be normalised.

    It may be a time without an offset, as `2018-08-22T16:47:10.0549203`, which is in the zone; a time with one; or a
    Unix timestamp, of which the magnitude says whether it is in seconds or in milliseconds. Anything else stays as it
    is, and is reported with its record as a time that cannot be read.
    """
    try:
        if LOCAL.fullmatch(native):
            return local_time(native, zone)
        if EPOCH.fullmatch(native):
            return _from_epoch(native)
    except (ValueError, OverflowError):
        pass
    return native


def _from_epoch(native: str) -> str:
    whole, _, digits = native.partition(".")
    milliseconds = int(whole) >= FIRST_MILLISECONDS
    seconds, rest = divmod(int(whole), 1000) if milliseconds else (int(whole), 0)
    fraction = (f"{rest:03d}" if milliseconds else "") + digits
    moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    return moment.isoformat() + (f".{fraction[:6]}" if fraction else "") + "Z"

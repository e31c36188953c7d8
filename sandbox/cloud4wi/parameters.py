"""The query parameters of the event endpoints, read strictly: anything undocumented is 409."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from aiohttp import web

from sandbox.cloud4wi import DOCUMENTED_TYPES
from sandbox.cloud4wi.errors import invalid
from sandbox.cloud4wi.feed import Selection
from sandbox.cloud4wi.times import parse_time
from sandbox.query import check_names

MAX_SIZE = 10_000
DEFAULT_SIZE = 100
CONTACT_PARAMETERS = ("dateStart", "dateEnd", "events", "size", "sortBy", "sortReverse")
OPTIN = "customOptin."
SCROLL_PARAMETERS = ("enableScroll", "scrollId")
SIZE = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
FOREVER = (-(2**62), 2**62)


@dataclass(frozen=True)
class Parameters:
    """One event request. All but the scroll parameters must stay the same while a scroll runs."""

    date_start: int | None
    date_end: int | None
    types: frozenset[str] | None
    size: int
    by_business_time: bool
    reverse: bool

    def selection(self, *, ignore_dates: bool) -> Selection:
        start = FOREVER[0] if self.date_start is None else self.date_start
        end = FOREVER[1] if self.date_end is None else self.date_end
        created = FOREVER if ignore_dates else (start, end)
        return Selection(created, self.types, self.by_business_time, self.reverse)


@dataclass(frozen=True)
class ContactParameters:
    """One request of the contact list. All must stay the same while a scroll runs; of the filters no other is known."""

    size: int
    sort: str | None
    reverse: bool
    optins: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class ScrollParameters:
    start: bool
    scroll_id: str | None


def read_parameters(request: web.Request, allowed: Collection[str]) -> Parameters:
    check_names(request, allowed, invalid)
    query = request.query
    parameters = Parameters(
        date_start=_date("dateStart", query.get("dateStart")),
        date_end=_date("dateEnd", query.get("dateEnd")),
        types=_types(query.get("events")),
        size=_size(query.get("size")),
        by_business_time=_choice("sortBy", query.get("sortBy", "businessTime"), "businessTime", "utcTime"),
        reverse=_choice("sortReverse", query.get("sortReverse", "false"), "true", "false"),
    )
    if _later(parameters.date_start, parameters.date_end):
        raise invalid("dateStart is after dateEnd")
    return parameters


def read_contact_parameters(request: web.Request, sortable: Collection[str]) -> tuple[ContactParameters, str | None]:
    """What is asked for, and the token of a running scroll."""
    query = request.query
    optins = [name for name in query if name.startswith(OPTIN)]
    check_names(request, ("sid", "size", "sortBy", "sortReverse", *optins), invalid)
    sort, sid = query.get("sortBy"), query.get("sid")
    if sort is not None and sort not in sortable:
        raise invalid(f"sortBy cannot be {sort!r}")
    if sid == "":
        raise invalid("sid is empty")
    parameters = ContactParameters(
        size=_size(query.get("size")),
        sort=sort,
        reverse=_choice("sortReverse", query.get("sortReverse", "false"), "true", "false"),
        optins=frozenset((name, query[name]) for name in optins),
    )
    return parameters, sid


def read_scroll(request: web.Request) -> ScrollParameters:
    """`scrollId` continues a scroll; `enableScroll` may be left out then, but cannot be false."""
    scroll_id = request.query.get("scrollId")
    enabled = request.query.get("enableScroll")
    start = _choice("enableScroll", enabled if enabled is not None else "false", "true", "false")
    if scroll_id is not None and enabled is not None and not start:
        raise invalid("scrollId needs enableScroll=true")
    if scroll_id == "":
        raise invalid("scrollId is empty")
    return ScrollParameters(start and scroll_id is None, scroll_id)


def _date(name: str, value: str | None) -> int | None:
    if value is None:
        return None
    try:
        return parse_time(value)
    except ValueError as error:
        raise invalid(f"{name}: {error}") from error


def _types(value: str | None) -> frozenset[str] | None:
    if value is None:
        return None
    types = value.split(",")
    for name in types:
        if name not in DOCUMENTED_TYPES:
            raise invalid(f"events: {name!r} is not one of {', '.join(DOCUMENTED_TYPES)}")
    return frozenset(types)


def _size(value: str | None) -> int:
    if value is None:
        return DEFAULT_SIZE
    if not SIZE.fullmatch(value) or int(value) > MAX_SIZE:
        raise invalid(f"size must be between 1 and {MAX_SIZE}, not {value!r}")
    return int(value)


def _choice(name: str, value: str, true: str, false: str) -> bool:
    if value not in (true, false):
        raise invalid(f"{name} must be {true} or {false}, not {value!r}")
    return value == true


def _later(start: int | None, end: int | None) -> bool:
    return start is not None and end is not None and start > end

"""The query parameters, read strictly: all of them must be there, and no other."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiohttp import web

from sandbox.app_market.behaviour import Behaviour
from sandbox.app_market.errors import invalid

LIST_PARAMETERS = ("scope", "offset", "limit")
EVENT_PARAMETERS = ("since", "until", "contactId", "scope", "eventTypes", "offset", "limit")
NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
MICROSECONDS = {"milliseconds": 1000, "seconds": 1_000_000}


@dataclass(frozen=True)
class Page:
    offset: int
    limit: int


@dataclass(frozen=True)
class Selection:
    """Times are in microseconds; no contact and no types mean all."""

    since: int
    until: int
    contact: str
    types: frozenset[str]


def read_page(request: web.Request, allowed: Sequence[str]) -> Page:
    query = request.query
    if sorted(query) != sorted(allowed):
        raise invalid(f"the parameters must be {', '.join(allowed)}, each once")
    if query["scope"] not in ("app", "site"):
        raise invalid("scope must be app or site")
    page = Page(_number(query, "offset"), _number(query, "limit"))
    if page.limit < 1:
        raise invalid("limit must be at least 1")
    return page


def read_selection(request: web.Request, behaviour: Behaviour) -> Selection:
    query, unit = request.query, MICROSECONDS[behaviour.timestamp_unit]
    return Selection(
        since=_number(query, "since") * unit,
        until=_number(query, "until") * unit,
        contact=query["contactId"],
        types=frozenset(filter(None, query["eventTypes"].split(","))),
    )


def _number(query: Mapping[str, str], name: str) -> int:
    if not NUMBER.fullmatch(query[name]):
        raise invalid(f"{name} must be a number")
    return int(query[name])

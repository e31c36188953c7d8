"""The query parameters, read strictly: anything undocumented is 400."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from aiohttp import web

from sandbox.carecloud.clock import readable
from sandbox.carecloud.errors import invalid
from sandbox.carecloud.feed import Selection

LIST = frozenset({"count", "offset", "sort_field", "sort_direction"})
CUSTOMER_EVENTS = LIST | {
    "event_type_id",
    "external_id",
    "event_type_ids[]",
    "include_property_records",
    "time_from",
    "time_to",
}
EVENTS = CUSTOMER_EVENTS | {"customer_id"}
REPEATED = frozenset({"event_type_ids[]", "event_group_text_id[]", "customer_ids[]", "email_list[]"})
DEFAULT_COUNT, MOST_TYPES = 100, 1000
NUMBER = re.compile(r"[0-9]+", re.ASCII)


@dataclass(frozen=True)
class Paging:
    count: int
    offset: int
    sort_field: str | None
    descending: bool


def check_names(request: web.Request, allowed: Collection[str]) -> None:
    for name in request.query:
        if name not in allowed:
            raise invalid(name, request.query[name], "not_allowed_value", "is not a parameter here")
        if len(request.query.getall(name)) > 1 and name not in REPEATED:
            raise invalid(name, request.query.getall(name), "not_allowed_value", "is given more than once")


def read_paging(request: web.Request, sortable: Collection[str]) -> Paging:
    query = request.query
    field = query.get("sort_field")
    if field is not None and field not in sortable:
        raise invalid("sort_field", field, "not_allowed_value", "is not a field of the answer")
    direction = query.get("sort_direction", "ASC")
    if direction not in ("ASC", "DESC"):
        raise invalid("sort_direction", direction, "not_allowed_value", "must be ASC or DESC")
    return Paging(
        _number(request, "count", DEFAULT_COUNT, 1), _number(request, "offset", 0, 0), field, direction == "DESC"
    )


def read_selection(request: web.Request, customer: str | None, *, old_installation: bool) -> Selection:
    query = request.query
    types = query.getall("event_type_ids[]", None)
    if types is not None and len(types) > MOST_TYPES:
        raise invalid("event_type_ids", len(types), "not_allowed_value", f"must be at most {MOST_TYPES}")
    if "event_type_id" in query:
        types = [name for name in (types or [query["event_type_id"]]) if name == query["event_type_id"]]
    return Selection(
        types=None if types is None else frozenset(types),
        customer=customer if customer is not None else query.get("customer_id"),
        external_id=query.get("external_id"),
        time_from=None if old_installation else _time(request, "time_from"),
        time_to=None if old_installation else _time(request, "time_to"),
    )


def read_flag(request: web.Request, name: str) -> bool:
    value = request.query.get(name, "false")
    if value not in ("true", "false"):
        raise invalid(name, value, "invalid_value_format", "must be true or false")
    return value == "true"


def _number(request: web.Request, name: str, default: int, least: int) -> int:
    value = request.query.get(name, str(default))
    if not NUMBER.fullmatch(value) or int(value) < least:
        raise invalid(name, value, "invalid_value_format", f"must be an integer of at least {least}")
    return int(value)


def _time(request: web.Request, name: str) -> str | None:
    value = request.query.get(name)
    if value is not None and not readable(value):
        raise invalid(name, value, "invalid_value_format", "must be YYYY-MM-DD HH:MM:SS, without an offset")
    return value.replace("T", " ") if value is not None else None

"""The query parameters of the two lists, read strictly: anything undocumented is 400."""

import base64
import json
from typing import Any, NamedTuple

from aiohttp import web

from sandbox.query import check_names
from sandbox.swipe_one.errors import invalid

MAX_LIMIT = 100
CONTACTS_LIMIT, EVENTS_LIMIT = 20, 10
SORTABLE = ("_id", "createdAt", "updatedAt", "lastActivityDate", "email", "fullName")


class Cursor(NamedTuple):
    """A place in the contact list, and the order for which it is one."""

    sort: str
    order: int
    value: str
    key: str

    def token(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(self).encode()).decode()


class ContactQuery(NamedTuple):
    limit: int
    sort: str
    order: int
    text: str
    after: Cursor | None
    before: Cursor | None


def read_contact_query(request: web.Request) -> ContactQuery:
    check_names(request, ("limit", "sort", "order", "searchText", "searchAfter", "searchBefore"), invalid)
    query = request.query
    sort, order = query.get("sort", "createdAt"), query.get("order", "1")
    if sort not in SORTABLE:
        raise invalid(f"sort must be one of {', '.join(SORTABLE)}")
    if order not in ("1", "-1"):
        raise invalid("order must be 1 or -1")
    after, before = (_cursor(query.get(name), sort, int(order)) for name in ("searchAfter", "searchBefore"))
    if after and before:
        raise invalid("searchAfter and searchBefore exclude each other")
    return ContactQuery(_limit(request, CONTACTS_LIMIT), sort, int(order), query.get("searchText", ""), after, before)


def read_page(request: web.Request) -> tuple[int, int]:
    """The number of the page, and its length."""
    check_names(request, ("page", "limit"), invalid)
    return _positive("page", request.query.get("page", "1")), _limit(request, EVENTS_LIMIT)


def _limit(request: web.Request, default: int) -> int:
    """A limit beyond the highest one is lowered without a word."""
    return min(_positive("limit", request.query.get("limit", str(default))), MAX_LIMIT)


def _positive(name: str, value: str) -> int:
    if not value.isascii() or not value.isdecimal() or int(value) < 1:
        raise invalid(f"{name} must be a positive integer")
    return int(value)


def _cursor(token: str | None, sort: str, order: int) -> Cursor | None:
    if token is None:
        return None
    try:
        cursor: Any = Cursor(*json.loads(base64.urlsafe_b64decode(token)))
    except (ValueError, TypeError) as error:
        raise invalid("the search token is not valid") from error
    if (cursor.sort, cursor.order) != (sort, order):
        raise invalid("sort and order cannot change between pages")
    return Cursor(*cursor)

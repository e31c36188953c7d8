"""CareCloud's endpoints for login, events and what events refer to."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from sandbox.behaviour import changed
from sandbox.carecloud import BASE
from sandbox.carecloud.behaviour import Behaviour
from sandbox.carecloud.catalogue import EVENT_GROUPS, EVENT_PROPERTIES, EVENT_TYPES, PROPERTIES_OF_TYPES
from sandbox.carecloud.customers import FILTERS, MOST_IDS, by_field, matches
from sandbox.carecloud.description import describe
from sandbox.carecloud.errors import Refusal, invalid, unknown
from sandbox.carecloud.feed import Row
from sandbox.carecloud.parameters import (
    CUSTOMER_EVENTS,
    EVENTS,
    LIST,
    Paging,
    check_names,
    read_flag,
    read_paging,
    read_selection,
)
from sandbox.carecloud.project import Project
from sandbox.carecloud.sessions import Sessions
from sandbox.joined_body import JoinedBody
from sandbox.provider import ROWS, Description, Options, Provider

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]
SORTABLE = (
    "event_id",
    "event_type_id",
    "customer_id",
    "external_id",
    "data",
    "created_at",
    "secondary_external_id",
    "state",
)


def create_provider(options: Options) -> Provider:
    return CareCloud(options)


class CareCloud:
    """The API and its state: the project and the tokens."""

    name = "carecloud"

    def __init__(self, options: Options) -> None:
        self.behaviour = Behaviour()
        self._options = options
        self._sessions = Sessions()
        self._project = Project(options, ZoneInfo(self.behaviour.time_zone))

    def routes(self) -> list[web.RouteDef]:
        control = web.get("/control/carecloud/events/instants", self._instants)
        return [control, *self._api(BASE), *self._api(BASE.removeprefix("/webservice"))]

    def _api(self, base: str) -> list[web.RouteDef]:
        def get(path: str, handler: Respond) -> web.RouteDef:
            return web.get(base + path, self._answering(handler), allow_head=False)

        return [
            web.post(f"{base}/users/actions/login", self._answering(self._login, open_to_all=True)),
            web.post(f"{base}/events", self._answering(self._post_event)),
            get("/events", self._events),
            get("/events/{id}", self._event),
            get("/events/{id}/property-records", self._property_records),
            get("/customers", self._customers),
            get("/customers/{id}/events", self._customer_events),
            get("/event-types", self._list("event_types", EVENT_TYPES, "name", "text_id", "event_group_text_id")),
            get("/event-types/{id}/event-properties", self._type_properties),
            get("/event-groups", self._list("event_groups", EVENT_GROUPS, "name", "text_id")),
            get("/event-properties", self._list("event_properties", EVENT_PROPERTIES, "name")),
        ]

    def describe(self, url: str) -> Description:
        customers, time_zone = len(self._project.customers), self.behaviour.time_zone
        return describe(url, self._options.start, self._project.feed, customers, time_zone)

    def change_behaviour(self, changes: Mapping[str, Any]) -> None:
        behaviour = changed(self.behaviour, changes)
        try:
            zone = ZoneInfo(behaviour.time_zone)
        except (OSError, KeyError) as error:
            raise ValueError(f"there is no time zone {behaviour.time_zone!r}") from error
        self.behaviour = behaviour
        self._project.change_zone(zone)

    def add_events(self, request: Mapping[str, Any]) -> int:
        return self._project.add(request)

    def delete_events(self, ids: Collection[str]) -> int:
        return self._project.delete_events(ids)

    def events_by_day(self) -> Mapping[date, int]:
        return self._project.feed.by_day()

    def event_ids(self, contact: str | None) -> Sequence[str]:
        rows = self._project.feed.rows
        return [row.event.id for row in rows if contact in (None, row.event.customer)]

    def delete_contact(self, contact: str) -> bool:
        return self._project.delete_customer(contact)

    def reset(self) -> None:
        self.behaviour = Behaviour()
        self._project.change_zone(ZoneInfo(self.behaviour.time_zone))
        self._project.restore_customers()

    def expire(self, *, tokens: bool, scrolls: bool) -> None:
        if tokens:
            self._sessions.revoke_all()

    def expire_for(self, request: web.Request, *, token: bool, scroll: bool) -> None:
        if token:
            self._sessions.revoke(request.headers.get("Authorization"))

    async def _instants(self, request: web.Request) -> web.Response:
        """When each event was created, for tests that compare."""
        return web.json_response({"instants": self._project.instants()})

    async def _login(self, request: web.Request) -> web.Response:
        """`valid_to` is in the past, as it can be when the clocks of project and server differ."""
        content = await _object(request)
        for name in ("user_external_application_id", "login", "password"):
            if not isinstance(content.get(name), str) or not content[name]:
                raise invalid(name, None, "required", "is missing")
        if self.behaviour.single_session:
            self._sessions.revoke_all()
        token = self._sessions.login(content["user_external_application_id"], content["login"], content["password"])
        if token is None:
            raise Refusal(self.behaviour.login_refusal, "The login or the password is wrong")
        user = {"user_id": "8bed991c68a470e7aaeffbf048", "login": content["login"], "phone": 420555000111}
        data = {"bearer_token": token, "valid_to": "2020-01-01 00:00:00", "user": user}
        return web.json_response({"data": data}, status=self.behaviour.login_status)

    async def _post_event(self, request: web.Request) -> web.Response:
        return web.json_response({"data": {"event_id": self._project.post(await _object(request))}}, status=201)

    async def _events(self, request: web.Request) -> web.Response:
        check_names(request, EVENTS)
        return self._event_page(request, "events", None)

    async def _customer_events(self, request: web.Request) -> web.Response:
        check_names(request, CUSTOMER_EVENTS)
        customer = request.match_info["id"]
        if not self._project.has_customer(customer):
            raise unknown("customers", customer)
        return self._event_page(request, "customer_events", customer)

    async def _customers(self, request: web.Request) -> web.Response:
        """No filter by the last change, but an order by any field of the first level."""
        check_names(request, {*LIST, *FILTERS, "customer_ids[]", "email_list[]"})
        found = self._project.customer_list()
        query = request.query
        paging = read_paging(request, found[0].keys() if found else ())
        wanted = {name: query[name] for name in FILTERS if name in query}
        ids, addresses = query.getall("customer_ids[]", None), query.getall("email_list[]", None)
        if ids is not None and len(ids) > MOST_IDS:
            raise invalid("customer_ids", len(ids), "not_allowed_value", f"must be at most {MOST_IDS}")
        found = [each for each in found if matches(each, wanted) and (ids is None or each["customer_id"] in ids)]
        if addresses is not None:
            found = [each for each in found if each["personal_information"]["email"] in addresses]
        if paging.sort_field and not self.behaviour.ignore_sort:
            found = by_field(found, paging.sort_field, descending=paging.descending)
        page = self._cut(found, paging)
        request[ROWS] = len(page)
        return web.json_response({"data": {"customers": page, **self._total(len(found))}})

    async def _type_properties(self, request: web.Request) -> web.Response:
        kind = next((each for each in EVENT_TYPES if each["event_type_id"] == request.match_info["id"]), None)
        if kind is None:
            raise unknown("event-types", request.match_info["id"])
        own = PROPERTIES_OF_TYPES.get(kind["text_id"], ())
        found = [each for each in EVENT_PROPERTIES if each["property_id"] in own]
        return self._listed(request, "event_properties", found, EVENT_PROPERTIES[0].keys())

    async def _event(self, request: web.Request) -> web.Response:
        """The event itself, without a list around it and without its property records."""
        row = self._row(request)
        return web.Response(body=b'{"data":%b,"property_records":null}}' % row.text, content_type="application/json")

    async def _property_records(self, request: web.Request) -> web.Response:
        check_names(request, ())
        records = self._row(request).event.records
        request[ROWS] = len(records)
        return web.json_response({"data": {"property_records": records, **self._total(len(records))}})

    def _row(self, request: web.Request) -> Row:
        row = self._project.feed.by_id.get(request.match_info["id"])
        if row is None:
            raise unknown("events", request.match_info["id"])
        return row

    def _event_page(self, request: web.Request, collection: str, customer: str | None) -> web.Response:
        behaviour = self.behaviour
        paging = read_paging(request, SORTABLE)
        include = read_flag(request, "include_property_records")
        selection = read_selection(request, customer, old_installation=behaviour.old_installation)
        rows = self._project.feed.select(selection, behaviour.time_filter, behaviour.exclusive_bounds)
        field = paging.sort_field or "created_at"
        if field != "created_at":
            rows = sorted(rows, key=lambda row: str(json.loads(row.text + b"}")[field]))
        if paging.descending:
            rows = rows[::-1]
        page = [self._rendered(row, include) for row in self._cut(rows, paging)]
        request[ROWS] = len(page)
        tail = "".join(f',"{name}":{number}' for name, number in self._total(len(rows)).items())
        head = f'{{"data":{{"{collection}":['
        return web.Response(body=JoinedBody(head.encode(), page, f"]{tail}}}}}".encode()))

    def _rendered(self, row: Row, include: bool) -> bytes:
        if self.behaviour.property_records == "missing":
            return row.text + b"}"
        included = include and self.behaviour.property_records == "included"
        return b'%b,"property_records":%b}' % (row.text, row.records if included else b"null")

    def _list(self, collection: str, items: Sequence[dict[str, Any]], *filters: str) -> Respond:
        """A reference list, with the filters that it knows: part of a name, and exact texts."""

        async def respond(request: web.Request) -> web.Response:
            found = [item for item in items if all(_matches(item, name, request.query.get(name)) for name in filters)]
            return self._listed(request, collection, found, items[0].keys(), *filters)

        return respond

    def _listed(
        self,
        request: web.Request,
        collection: str,
        found: Sequence[dict[str, Any]],
        sortable: Collection[str],
        *filters: str,
    ) -> web.Response:
        check_names(request, LIST | set(filters))
        paging = read_paging(request, sortable)
        field = paging.sort_field
        ordered = by_field(found, field, descending=paging.descending) if field else found
        page = self._cut(ordered, paging)
        request[ROWS] = len(page)
        return web.json_response({"data": {collection: page, **self._total(len(found))}})

    def _cut(self, rows: Sequence[Any], paging: Paging) -> Sequence[Any]:
        count = min(paging.count, self.behaviour.count_cap or paging.count)
        offset = 0 if self.behaviour.ignore_offset else paging.offset
        return rows[offset : offset + count]

    def _total(self, number: int) -> dict[str, int]:
        totals = {"exact": number, "plus_one": number + 1, "zero": 0}
        kind = self.behaviour.total_items
        return {} if kind == "absent" else {"total_items": totals[kind]}

    def _answering(self, handler: Respond, *, open_to_all: bool = False) -> Respond:
        async def respond(request: web.Request) -> web.StreamResponse:
            try:
                if not open_to_all:
                    self._authorize(request)
                return await handler(request)
            except Refusal as refusal:
                return refusal.response()

        return respond

    def _authorize(self, request: web.Request) -> None:
        header = request.headers.get("Authorization")
        user = self._sessions.user(header, self.behaviour.token_lifetime_seconds, self.behaviour.clock_offset_seconds)
        if user is None:
            raise Refusal(401, "The user is not logged in")
        if not user.in_webservice:
            resource = request.path.rpartition("/v1.0/")[2].split("/")[0]
            raise Refusal(
                403,
                "The user has no right to use the resource",
                {"invalid_resource_name": resource, "interface": "enterprise-interface"},
            )


def _matches(item: Mapping[str, Any], name: str, value: str | None) -> bool:
    if value is None:
        return True
    return value.lower() in item[name].lower() if name == "name" else item[name] == value


async def _object(request: web.Request) -> Mapping[str, Any]:
    if request.content_type != "application/json":
        raise invalid("Content-Type", request.content_type, "not_allowed_value", "must be application/json")
    try:
        content = json.loads(await request.read())
    except ValueError as error:
        raise Refusal(400, "The body is not JSON") from error
    if not isinstance(content, dict):
        raise Refusal(400, "The body is not a JSON object")
    return content

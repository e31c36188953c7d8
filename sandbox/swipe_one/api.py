"""Swipe One's endpoints for contacts and events."""

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any

from aiohttp import web

from sandbox.behaviour import changed
from sandbox.joined_body import JoinedBody
from sandbox.provider import ROWS, Description, Options, Provider
from sandbox.query import check_names
from sandbox.swipe_one import API_KEY, EMPTY_WORKSPACE_ID, FOREIGN_API_KEY, WORKSPACE_ID
from sandbox.swipe_one.behaviour import Behaviour
from sandbox.swipe_one.definitions import EVENT_DEFINITIONS
from sandbox.swipe_one.description import describe
from sandbox.swipe_one.errors import Refusal, invalid
from sandbox.swipe_one.listing import cursor
from sandbox.swipe_one.parameters import read_contact_query, read_page
from sandbox.swipe_one.workspace import Workspace, check_new_event

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_provider(options: Options) -> Provider:
    return SwipeOne(options)


class SwipeOne:
    """The API and its state: two workspaces, of which one is empty."""

    name = "swipe_one"

    def __init__(self, options: Options) -> None:
        self.behaviour = Behaviour()
        self._options = options
        self._filled: Workspace | None = None
        self._empty = Workspace()

    @property
    def _workspace(self) -> Workspace:
        """Filled when it is first needed: who uses another provider need not wait for it."""
        if self._filled is None:
            self._filled = Workspace()
            self._filled.fill(self._options)
        return self._filled

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/api/workspaces/{workspace}/contacts", _answering(self._contacts), allow_head=False),
            web.get("/api/workspaces/{workspace}/event-definitions", _answering(self._definitions), allow_head=False),
            web.get("/api/contacts/{id}/events", _answering(self._events), allow_head=False),
            web.post("/api/workspaces/{workspace}/events", _answering(self._create_event)),
        ]

    def describe(self, url: str) -> Description:
        return describe(url, self._options, self._workspace.existing_contacts())

    def change_behaviour(self, changes: Mapping[str, Any]) -> None:
        self.behaviour = changed(self.behaviour, changes)
        self._workspace.activity_moves = self.behaviour.last_activity == "moves"

    def add_events(self, request: Mapping[str, Any]) -> int:
        return self._workspace.add(request, self._options)

    def delete_events(self, ids: Collection[str]) -> int:
        return self._workspace.delete_events(ids)

    def events_by_day(self) -> Mapping[date, int]:
        return self._workspace.by_day()

    def event_ids(self, contact: str | None) -> Sequence[str]:
        """The events' contents, because they have no ids."""
        return self._workspace.contents(contact)

    def delete_contact(self, contact: str) -> bool:
        return self._workspace.delete_contact(contact)

    def reset(self) -> None:
        self.behaviour = Behaviour()
        self._workspace.activity_moves = True
        self._workspace.restore_contacts()

    def expire(self, *, tokens: bool, scrolls: bool) -> None:
        """Keys do not expire."""

    def expire_for(self, request: web.Request, *, token: bool, scroll: bool) -> None:
        """Keys do not expire."""

    async def _contacts(self, request: web.Request) -> web.Response:
        workspace = self._authorized(request)
        query = read_contact_query(request)
        if self.behaviour.status == "fail":
            return _refused_with_200()
        listing = workspace.listing(query.sort, query.text)
        rows, further = listing.page(query, self._capped(query.limit))
        request[ROWS] = len(rows)
        if self.behaviour.last_activity == "absent":
            rows = [{name: value for name, value in row.items() if name != "lastActivityDate"} for row in rows]
        data: dict[str, Any] = {"count": self._announced(len(listing.contacts)), "contacts": rows}
        if rows:
            data["searchBefore"] = cursor(rows[0], query).token()
            if further or self.behaviour.last_token:
                data["searchAfter"] = cursor(rows[-1], query).token()
        return web.json_response({"status": "success", "data": data})

    async def _definitions(self, request: web.Request) -> web.Response:
        """All in one answer: no parameter for pages is known."""
        workspace = self._authorized(request)
        check_names(request, (), invalid)
        if self.behaviour.status == "fail":
            return _refused_with_200()
        definitions = EVENT_DEFINITIONS if workspace is self._workspace else []
        request[ROWS] = len(definitions)
        return web.json_response({"status": "success", "data": {"eventDefinitions": definitions}})

    async def _events(self, request: web.Request) -> web.Response:
        key = _check_key(request)
        page, limit = read_page(request)
        contact = request.match_info["id"]
        if key == FOREIGN_API_KEY or not self._workspace.has_contact(contact):
            raise Refusal(404, "Contact not found")
        if self.behaviour.status == "fail":
            return _refused_with_200()
        events = self._workspace.events_of(contact)
        start = 0 if self.behaviour.repeat_page else (page - 1) * self._capped(limit)
        ids = {"contactId": contact, "workspaceId": WORKSPACE_ID} if self.behaviour.native_ids else {}
        rows = [event.rendered(self.behaviour.time_field, ids) for event in events[start : start + self._capped(limit)]]
        request[ROWS] = len(rows)
        if rows:
            self._workspace.drift(contact, self.behaviour.drift)
        tail = b'],"count":%d,"page":%d}}' % (self._announced(len(events)), page)
        return web.Response(body=JoinedBody(b'{"status":"success","data":{"events":[', rows, tail))

    async def _create_event(self, request: web.Request) -> web.Response:
        """Accepted is not yet readable: the event is processed later."""
        workspace = self._authorized(request)
        try:
            body = json.loads(await request.read())
            event = check_new_event(body)
        except ValueError as error:
            raise invalid(str(error)) from error
        contact = body["contact"].get("id") or workspace.contact_with_email(body["contact"].get("email"))
        if not isinstance(contact, str) or not workspace.has_contact(contact):
            raise invalid("there is no such contact")
        workspace.create_event(contact, event, self.behaviour.visibility_delay_seconds)
        return web.json_response({"status": "success", "message": "Event accepted for processing"}, status=202)

    def _authorized(self, request: web.Request) -> Workspace:
        key = _check_key(request)
        workspace = request.match_info["workspace"]
        if workspace not in (WORKSPACE_ID, EMPTY_WORKSPACE_ID):
            raise Refusal(404, "Workspace not found")
        if key == FOREIGN_API_KEY:
            raise Refusal(403, "Forbidden")
        return self._workspace if workspace == WORKSPACE_ID else self._empty

    def _announced(self, total: int) -> int:
        return {"exact": total, "zero": 0, "plus_one": total + 1}[self.behaviour.count]

    def _capped(self, limit: int) -> int:
        cap = self.behaviour.limit_cap
        return limit if cap is None else min(limit, cap)


def _check_key(request: web.Request) -> str:
    key = request.headers.get("x-api-key")
    if key not in (API_KEY, FOREIGN_API_KEY):
        raise Refusal(401, "Unauthorized: API key is missing or invalid")
    return key


def _answering(handler: Respond) -> Respond:
    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return refusal.response()

    return respond


def _refused_with_200() -> web.Response:
    return web.json_response({"status": "fail", "message": "The request could not be processed"})

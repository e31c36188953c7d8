"""App Market's endpoints for events and contacts."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any

from aiohttp import web

from sandbox.app_market import BASE, EMPTY_INSTANCE_ID, INSTANCE_ID
from sandbox.app_market.behaviour import Behaviour
from sandbox.app_market.description import describe
from sandbox.app_market.errors import Refusal, invalid
from sandbox.app_market.instance import Instance
from sandbox.app_market.parameters import EVENT_PARAMETERS, LIST_PARAMETERS, Page, read_page, read_selection
from sandbox.app_market.records import Contact, Event
from sandbox.app_market.tokens import instance_of
from sandbox.behaviour import changed
from sandbox.provider import ROWS, Description, Options, Provider

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_provider(options: Options) -> Provider:
    return AppMarket(options)


class AppMarket:
    """The API and its state. The client signs its tokens itself, so there is none to expire on demand."""

    name = "app_market"

    def __init__(self, options: Options) -> None:
        self.behaviour = Behaviour()
        self._options = options
        self._instance = Instance(options)
        self._instances = {
            INSTANCE_ID: self._instance,
            EMPTY_INSTANCE_ID: Instance(Options(events=0, contacts=0)),
        }

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(f"{BASE}/events/get", _answering(self._events), allow_head=False),
            web.get(f"{BASE}/contacts/get", _answering(self._contacts), allow_head=False),
            web.post(f"{BASE}/events/post", _answering(self._post_event)),
            web.post(f"{BASE}/contacts/post", _answering(self._post_contact)),
        ]

    def describe(self, url: str) -> Description:
        return describe(url, self._options, len(self._instance.contacts()))

    def change_behaviour(self, changes: Mapping[str, Any]) -> None:
        self.behaviour = changed(self.behaviour, changes)

    def add_events(self, request: Mapping[str, Any]) -> int:
        return self._instance.add(request)

    def delete_events(self, ids: Collection[str]) -> int:
        return self._instance.delete_events(ids)

    def events_by_day(self) -> Mapping[date, int]:
        return self._instance.by_day()

    def event_ids(self, contact: str | None) -> Sequence[str]:
        return self._instance.event_ids(contact)

    def delete_contact(self, contact: str) -> bool:
        return self._instance.delete_contact(contact)

    def reset(self) -> None:
        self.behaviour = Behaviour()
        self._instance.restore_contacts()

    def expire(self, *, tokens: bool, scrolls: bool) -> None:
        """Nothing to expire."""

    def expire_for(self, request: web.Request, *, token: bool, scroll: bool) -> None:
        """Nothing to expire."""

    async def _events(self, request: web.Request) -> web.Response:
        instance = self._authorized(request)
        page = read_page(request, EVENT_PARAMETERS)
        return self._page(request, instance.select(read_selection(request, self.behaviour), self.behaviour), page)

    async def _contacts(self, request: web.Request) -> web.Response:
        instance = self._authorized(request)
        return self._page(request, instance.contacts(), read_page(request, LIST_PARAMETERS))

    async def _post_event(self, request: web.Request) -> web.Response:
        self._authorized(request).post_event(await _content(request))
        return web.json_response({"status": "OK"})

    async def _post_contact(self, request: web.Request) -> web.Response:
        self._authorized(request).post_contact(await _content(request))
        return web.json_response({"status": "OK"})

    def _authorized(self, request: web.Request) -> Instance:
        return self._instances[instance_of(request.headers.get("instance-jwt"), self.behaviour.claim)]

    def _page(self, request: web.Request, found: Sequence[Event | Contact], page: Page) -> web.Response:
        behaviour = self.behaviour
        offset = 0 if behaviour.ignore_offset else page.offset
        limit = len(found) if behaviour.ignore_limit else min(page.limit, behaviour.limit_cap or page.limit)
        rows = [record.as_json(behaviour) for record in found[offset : offset + limit]]
        request[ROWS] = len(rows)
        if behaviour.envelope == "bare":
            return web.json_response(rows)
        total = {"total": len(found)} if behaviour.with_total else {}
        return web.json_response({**total, behaviour.envelope: rows, "offset": page.offset})


def _answering(handler: Respond) -> Respond:
    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return refusal.response()

    return respond


async def _content(request: web.Request) -> Any:
    if request.content_type != "application/json":
        raise invalid("the content type must be application/json")
    try:
        return await request.json()
    except ValueError as error:
        raise invalid("the body is not JSON") from error

"""Cloud4Wi's endpoints for login and events."""

import gzip
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Any

from aiohttp import web

from sandbox.behaviour import changed
from sandbox.cloud4wi import EMPTY_ORGANIZATION_ID, ORGANIZATION_ID
from sandbox.cloud4wi.behaviour import Behaviour
from sandbox.cloud4wi.contacts import LOCATION_LIST, SORTABLE, contact, ordered
from sandbox.cloud4wi.description import describe
from sandbox.cloud4wi.errors import Refusal, invalid
from sandbox.cloud4wi.feed import Feed
from sandbox.cloud4wi.generator import generate
from sandbox.cloud4wi.organization import Organization, example_events
from sandbox.cloud4wi.parameters import (
    CONTACT_PARAMETERS,
    SCROLL_PARAMETERS,
    ContactParameters,
    Parameters,
    read_contact_parameters,
    read_parameters,
    read_scroll,
)
from sandbox.cloud4wi.rendering import announced, envelope, indented, shuffled
from sandbox.cloud4wi.scrolls import Scroll, Scrolls
from sandbox.cloud4wi.sessions import Sessions, bearer
from sandbox.cloud4wi.streamed import StreamedFeed
from sandbox.cloud4wi.times import format_time
from sandbox.provider import ROWS, Description, Options, Provider
from sandbox.query import check_names

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


def create_provider(options: Options) -> Provider:
    return Cloud4Wi(options)


class Cloud4Wi:
    """The API and its state: organisations, tokens and running scrolls."""

    name = "cloud4wi"

    def __init__(self, options: Options) -> None:
        self.behaviour = Behaviour()
        self._options = options
        self._sessions = Sessions()
        self._scrolls = Scrolls()
        self._organization = Organization(_feed(options), options.contacts)
        self._organizations = {ORGANIZATION_ID: self._organization, EMPTY_ORGANIZATION_ID: Organization(Feed())}

    def routes(self) -> list[web.RouteDef]:
        organization = "/v1/organizations/{cid}"
        return [
            web.post("/v1/sts/login/services", _answering(self._login)),
            web.post("/v1/sts/logout", _answering(self._logout)),
            web.get(f"{organization}/events", _answering(self._events), allow_head=False),
            web.get(f"{organization}/customers/{{id}}/events", _answering(self._contact_events), allow_head=False),
            web.get(f"{organization}/locations", _answering(self._locations), allow_head=False),
            web.get("/v2/customers/organizations/{cid}", _answering(self._contacts), allow_head=False),
        ]

    def describe(self, url: str) -> Description:
        return describe(url, self._organization.feed, len(self._organization.contacts()))

    def change_behaviour(self, changes: Mapping[str, Any]) -> None:
        self.behaviour = changed(self.behaviour, changes)

    def add_events(self, request: Mapping[str, Any]) -> int:
        return self._organization.add(request, self._options)

    def delete_events(self, ids: Collection[str]) -> int:
        return self._organization.delete_events(ids)

    def events_by_day(self) -> Mapping[date, int]:
        return self._organization.feed.by_day()

    def event_ids(self, contact: str | None) -> Sequence[str]:
        return self._organization.event_ids(contact)

    def delete_contact(self, contact: str) -> bool:
        return self._organization.delete_contact(contact)

    def reset(self) -> None:
        self.behaviour = Behaviour()
        self._organization.restore_contacts()

    def expire(self, *, tokens: bool, scrolls: bool) -> None:
        if tokens:
            self._sessions.revoke_all()
        if scrolls:
            self._scrolls.end_all()

    def expire_for(self, request: web.Request, *, token: bool, scroll: bool) -> None:
        if token:
            self._sessions.revoke(bearer(request.headers.get("Authorization")))
        if scroll:
            self._scrolls.end(request.query.get("scrollId") or request.query.get("sid", ""))

    async def _login(self, request: web.Request) -> web.Response:
        """The token is in the body and, as the documentation says, also in the `Authorization` header."""
        key, secret = await _client_pair(request)
        if self.behaviour.single_session:
            self._sessions.revoke_all()
        token = self._sessions.login(key, secret, self.behaviour.token_lifetime_seconds)
        if token is None:
            raise Refusal(401, "invalid client key or secret")
        return web.json_response({"token": token}, headers={"Authorization": token})

    async def _logout(self, request: web.Request) -> web.Response:
        """Logout answers 401 for a token that is not valid, where all other endpoints answer 403."""
        token = bearer(request.headers.get("Authorization"))
        if self._sessions.service(token, self.behaviour.token_lifetime_seconds) is None:
            raise Refusal(401, "the token is not valid")
        self._sessions.revoke(token)
        return web.Response()

    async def _locations(self, request: web.Request) -> web.Response:
        """All in one answer; `tags` narrows them down."""
        organization = self._authorized(request, "organization_read")
        check_names(request, ("tags",), invalid)
        if self.behaviour.status == "KO":
            return _refused_with_200()
        tags = request.query.get("tags")
        found = LOCATION_LIST if organization is self._organization else []
        rows = [each for each in found if tags is None or set(tags.split(",")) & set(each["tags"])]
        request[ROWS] = len(rows)
        return web.json_response({"generated": _now(), "size": len(rows), "locations": rows})

    async def _contacts(self, request: web.Request) -> web.Response:
        """Every answer has a token, as long as there are more; the first request asks for none."""
        organization = self._authorized(request, "organization_read", "customer_read")
        parameters, sid = read_contact_parameters(request, SORTABLE)
        if self.behaviour.status == "KO":
            return _refused_with_200()
        if sid is None:
            ids = ordered(organization.contacts(), parameters.sort, reverse=parameters.reverse)
            scroll = Scroll(request.match_info["cid"], parameters, organization.feed, ids)
        else:
            scroll = self._running_scroll(request, sid, parameters)
        if self.behaviour.repeat_scroll_id:
            scroll.served = 0
        rows = [contact(cid) for cid in scroll.take(self._page_size(parameters))]
        request[ROWS] = len(rows)
        answer = {"status": "OK", "generated": _now(), **announced(len(scroll.positions), len(rows), self.behaviour)}
        tokens = {"sid" if name == "scrollId" else name: token for name, token in self._next_scroll_id(scroll).items()}
        return web.json_response({**answer, self.behaviour.contact_list: rows, **tokens})

    async def _events(self, request: web.Request) -> web.Response:
        organization = self._authorized(request)
        parameters = read_parameters(request, (*CONTACT_PARAMETERS, *SCROLL_PARAMETERS))
        scrolling = read_scroll(request)
        if self.behaviour.status == "KO":
            return _refused_with_200()
        if scrolling.scroll_id is not None:
            return self._scroll_page(request, self._running_scroll(request, scrolling.scroll_id, parameters))
        feed = organization.feed
        positions = feed.select(parameters.selection(ignore_dates=self.behaviour.ignore_dates))
        if scrolling.start:
            return self._scroll_page(request, Scroll(request.match_info["cid"], parameters, feed, positions))
        return self._single_page(request, feed, positions[: self._page_size(parameters)])

    async def _contact_events(self, request: web.Request) -> web.Response:
        """At most 10,000 events and no way to ask for the rest: this endpoint has no scroll."""
        organization = self._authorized(request)
        parameters = read_parameters(request, CONTACT_PARAMETERS)
        contact = request.match_info["id"]
        if not organization.has_contact(contact):
            raise Refusal(404, f"there is no customer {contact}")
        if self.behaviour.status == "KO":
            return _refused_with_200()
        feed = organization.feed
        positions = feed.select(parameters.selection(ignore_dates=self.behaviour.ignore_dates), contact)
        return self._single_page(request, feed, positions[: parameters.size])

    def _authorized(self, request: web.Request, *scopes: str) -> Organization:
        """Cloud4Wi answers 403, not 401, for a missing or expired token, and the same for a missing scope."""
        token = bearer(request.headers.get("Authorization"))
        service = self._sessions.service(token, self.behaviour.token_lifetime_seconds)
        if service is None:
            raise Refusal(403, "the token is missing, invalid or expired")
        if not service.scopes.issuperset(scopes or ("organization_read", "events_read")):
            raise Refusal(403, "the service is not authorised for this resource")
        organization = self._organizations.get(request.match_info["cid"])
        if organization is None:
            raise Refusal(404, "there is no such organization")
        return organization

    def _running_scroll(self, request: web.Request, token: str, parameters: Parameters | ContactParameters) -> Scroll:
        behaviour = self.behaviour
        scroll = self._scrolls.find(token, behaviour.scroll_lifetime_seconds, behaviour.expired_scroll_status)
        if scroll.organization != request.match_info["cid"] or scroll.parameters != parameters:
            raise invalid("size, filters and order cannot change during a scroll")
        return scroll

    def _scroll_page(self, request: web.Request, scroll: Scroll) -> web.Response:
        if self.behaviour.repeat_scroll_id:
            scroll.served = 0
        positions = scroll.take(self._page_size(scroll.parameters))
        count = announced(len(scroll.positions), len(positions), self.behaviour)
        fields = {**count, **self._next_scroll_id(scroll)}
        return self._page(request, scroll.feed, positions, fields)

    def _next_scroll_id(self, scroll: Scroll) -> dict[str, str | None]:
        if (self.behaviour.repeat_scroll_id or self.behaviour.keep_scroll_id) and scroll.token:
            self._scrolls.touch(scroll)
            return {"scrollId": scroll.token}
        if scroll.exhausted and self.behaviour.scroll_end != "empty_page":
            self._scrolls.end(scroll.token)
            ends: dict[str, dict[str, str | None]] = {
                "no_scroll_id": {},
                "empty_scroll_id": {"scrollId": ""},
                "null_scroll_id": {"scrollId": None},
            }
            return ends[self.behaviour.scroll_end]
        return {"scrollId": self._scrolls.renew(scroll)}

    def _single_page(self, request: web.Request, feed: Feed | StreamedFeed, positions: Sequence[int]) -> web.Response:
        count = announced(len(positions), len(positions), self.behaviour)
        return self._page(request, feed, positions, {**count})

    def _page(
        self, request: web.Request, feed: Feed | StreamedFeed, positions: Sequence[int], fields: dict[str, Any]
    ) -> web.Response:
        request[ROWS] = len(positions)
        order = shuffled(positions) if self.behaviour.shuffle else positions
        page = envelope(feed.rendered(order), fields, self.behaviour)
        compressed = self.behaviour.gzip and "gzip" in request.headers.get("Accept-Encoding", "")
        if not compressed and not self.behaviour.pretty:
            return web.Response(body=page)
        body = indented(page) if self.behaviour.pretty else page.to_bytes()
        headers = {"Content-Encoding": "gzip"} if compressed else {}
        return web.Response(
            body=gzip.compress(body, 1) if compressed else body, content_type="application/json", headers=headers
        )

    def _page_size(self, parameters: Parameters | ContactParameters) -> int:
        cap = self.behaviour.page_cap
        return parameters.size if cap is None else min(parameters.size, cap)


def _feed(options: Options) -> Feed | StreamedFeed:
    if options.streamed:
        return StreamedFeed(options)
    generated = generate(options.events, options.contacts, options.seed, options.start, options.end)
    return Feed(chain(example_events() if options.example else (), generated))


def _answering(handler: Respond) -> Respond:
    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Refusal as refusal:
            return refusal.response()

    return respond


async def _client_pair(request: web.Request) -> tuple[str, str]:
    """The documentation once prints `clietKey`; the API knows only `clientKey`."""
    if request.content_type != "application/json":
        raise invalid("the content type must be application/json")
    try:
        content = json.loads(await request.read())
    except ValueError as error:
        raise invalid("the body is not JSON") from error
    if not isinstance(content, dict) or set(content) != {"clientKey", "clientSecret"}:
        raise invalid("the body must have exactly the fields clientKey and clientSecret")
    key, secret = content["clientKey"], content["clientSecret"]
    if not isinstance(key, str) or not isinstance(secret, str):
        raise invalid("clientKey and clientSecret must be texts")
    return key, secret


def _now() -> str:
    return format_time(int(time.time()))


def _refused_with_200() -> web.Response:
    return web.json_response({"status": "KO", "message": "the request could not be processed"})

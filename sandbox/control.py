"""The control endpoints: what tests and people turn while the server runs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from aiohttp import web

from sandbox.configurations import configuration_text
from sandbox.faults import Faults
from sandbox.provider import Endpoint, InvalidControlRequest, Provider
from sandbox.request_log import RequestLog

ENDPOINTS = (
    Endpoint("GET", "/control/requests", "all API requests in order, with ?last= the last ones; how many in flight"),
    Endpoint("GET", "/control/requests/count", "how many there were, and how many rows they carried"),
    Endpoint("DELETE", "/control/requests", "forget them"),
    Endpoint("GET", "/control/credentials", "every Authorization header that API requests had"),
    Endpoint("GET", "/control/faults", "the active faults and how often each has matched and fired"),
    Endpoint("POST", "/control/faults", "add a fault"),
    Endpoint("DELETE", "/control/faults", "remove all faults"),
    Endpoint("DELETE", "/control/faults/{number}", "remove one"),
    Endpoint("GET", "/control/{provider}/config", "a ready configuration for the connector"),
    Endpoint("GET", "/control/{provider}/behaviour", "the provider's switches"),
    Endpoint("POST", "/control/{provider}/behaviour", "change some of them"),
    Endpoint("POST", "/control/{provider}/expire", '{"tokens": true, "scrolls": true}'),
    Endpoint("POST", "/control/{provider}/events", '{"events": [...]} or {"generate": 100, "seed": 2}'),
    Endpoint("POST", "/control/{provider}/events/delete", '{"ids": [...]}, as the next endpoint tells them'),
    Endpoint("GET", "/control/{provider}/events/ids", "the ids of all events, with ?contact= of one contact's"),
    Endpoint("POST", "/control/{provider}/contacts/{id}/delete", "delete a contact; the organisation's feed keeps it"),
    Endpoint("POST", "/control/reset", "all as at the start, but for added events"),
)

Respond = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Control:
    """Answers the control endpoints for every provider alike."""

    def __init__(self, providers: Sequence[Provider], log: RequestLog, faults: Faults) -> None:
        self._providers = {provider.name: provider for provider in providers}
        self._log = log
        self._faults = faults

    def routes(self) -> list[web.RouteDef]:
        handlers: tuple[Respond, ...] = (
            self._requests,
            self._count_requests,
            self._clear_requests,
            self._credentials,
            self._list_faults,
            self._add_fault,
            self._clear_faults,
            self._remove_fault,
            self._config,
            self._behaviour,
            self._change_behaviour,
            self._expire,
            self._add_events,
            self._delete_events,
            self._event_ids,
            self._delete_contact,
            self._reset,
        )
        return [
            web.route(endpoint.method, endpoint.path, _explained(handler))
            for endpoint, handler in zip(ENDPOINTS, handlers, strict=True)
        ]

    async def _requests(self, request: web.Request) -> web.Response:
        last = request.query.get("last")
        if last is not None and not last.isdecimal():
            raise InvalidControlRequest(f"last must be a number, not {last!r}")
        return web.json_response(self._log.as_json(None if last is None else int(last)))

    async def _count_requests(self, request: web.Request) -> web.Response:
        return web.json_response(self._log.counts())

    async def _clear_requests(self, request: web.Request) -> web.Response:
        self._log.clear()
        return web.json_response({})

    async def _credentials(self, request: web.Request) -> web.Response:
        return web.json_response({"credentials": sorted(self._log.credentials)})

    async def _list_faults(self, request: web.Request) -> web.Response:
        return web.json_response({"faults": [active.as_json() for active in self._faults.active]})

    async def _add_fault(self, request: web.Request) -> web.Response:
        return web.json_response(self._faults.add(await _object(request)).as_json())

    async def _clear_faults(self, request: web.Request) -> web.Response:
        self._faults.clear()
        return web.json_response({})

    async def _remove_fault(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        if not (number.isdecimal() and self._faults.remove(int(number))):
            raise web.HTTPNotFound(text=f"no fault {number}")
        return web.json_response({})

    async def _config(self, request: web.Request) -> web.Response:
        text = configuration_text(self._provider(request), str(request.url.origin()))
        return web.Response(text=text, content_type="application/json")

    async def _behaviour(self, request: web.Request) -> web.Response:
        return web.json_response(asdict(self._provider(request).behaviour))

    async def _change_behaviour(self, request: web.Request) -> web.Response:
        provider = self._provider(request)
        provider.change_behaviour(await _object(request))
        return web.json_response(asdict(provider.behaviour))

    async def _expire(self, request: web.Request) -> web.Response:
        wanted = await _object(request)
        if not wanted or set(wanted) - {"tokens", "scrolls"}:
            raise InvalidControlRequest('expected {"tokens": true, "scrolls": true} or one of the two')
        self._provider(request).expire(
            tokens=wanted.get("tokens") is True,
            scrolls=wanted.get("scrolls") is True,
        )
        return web.json_response({})

    async def _add_events(self, request: web.Request) -> web.Response:
        return web.json_response({"added": self._provider(request).add_events(await _object(request))})

    async def _delete_events(self, request: web.Request) -> web.Response:
        content = await _object(request)
        if set(content) != {"ids"} or not isinstance(content["ids"], list):
            raise InvalidControlRequest('expected {"ids": [...]}')
        return web.json_response({"deleted": self._provider(request).delete_events(content["ids"])})

    async def _event_ids(self, request: web.Request) -> web.Response:
        return web.json_response({"ids": list(self._provider(request).event_ids(request.query.get("contact")))})

    async def _delete_contact(self, request: web.Request) -> web.Response:
        contact = request.match_info["id"]
        if not self._provider(request).delete_contact(contact):
            raise web.HTTPNotFound(text=f"no contact {contact}")
        return web.json_response({"deleted": contact})

    async def _reset(self, request: web.Request) -> web.Response:
        self._faults.clear()
        self._log.clear()
        for provider in self._providers.values():
            provider.reset()
        return web.json_response({})

    def _provider(self, request: web.Request) -> Provider:
        name = request.match_info["provider"]
        if name not in self._providers:
            raise web.HTTPNotFound(text=f"no provider {name!r}; there are: {', '.join(self._providers)}")
        return self._providers[name]


async def _object(request: web.Request) -> Mapping[str, Any]:
    content = await request.json()
    if not isinstance(content, dict):
        raise InvalidControlRequest("the body must be a JSON object")
    return content


def _explained(handler: Respond) -> Respond:
    """Answer 400 with the reason where a control request is wrong."""

    async def respond(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)

    return respond

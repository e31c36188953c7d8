"""The log of all API requests, for tests that assert what a client asked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from sandbox.provider import ROWS

FAULT = web.RequestKey("fault", int)
"""The number of the fault that was applied to a request."""


@dataclass
class Entry:
    """One API request.

    `in_flight` counts the requests running at its arrival, itself included; `status` is null while it runs and when
    its connection was reset. `target` is the path with the query as it came, before anything was unescaped. `port` is
    the client's, which tells its connections apart.
    """

    number: int
    time: str
    method: str
    path: str
    target: str
    query: dict[str, str | list[str]]
    headers: dict[str, str | bool]
    in_flight: int
    port: int | None = None
    status: int | None = None
    rows: int | None = None
    fault: int | None = None


@dataclass
class RequestLog:
    entries: list[Entry] = field(default_factory=list)
    in_flight: int = 0
    max_in_flight: int = 0
    credentials: set[str] = field(default_factory=set)
    """Every value of `Authorization` that came; the entries do not show it."""

    def arrived(self, request: web.Request) -> Entry:
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        entry = Entry(
            number=len(self.entries) + 1,
            time=datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            method=request.method,
            path=request.path,
            target=request.raw_path,
            query=_query(request),
            headers=_headers(request.headers),
            in_flight=self.in_flight,
            port=request.transport.get_extra_info("peername")[1] if request.transport is not None else None,
        )
        self.entries.append(entry)
        self.credentials.update(request.headers.getall("Authorization", []))
        return entry

    def clear(self) -> None:
        self.entries.clear()
        self.credentials.clear()
        self.max_in_flight = self.in_flight

    def counts(self) -> dict[str, int]:
        """The log of a long read is large; this is what of it a benchmark wants. `pages` are answers with rows."""
        rows = [entry.rows for entry in self.entries if entry.rows]
        counts = {"requests": len(self.entries), "pages": len(rows), "rows": sum(rows)}
        return {**counts, "max_in_flight": self.max_in_flight}

    def as_json(self, last: int | None = None) -> dict[str, Any]:
        """The last entries, or all; the other numbers are of all."""
        entries = self.entries if last is None else self.entries[-last:] if last else []
        return {
            "total": len(self.entries),
            "in_flight": self.in_flight,
            "max_in_flight": self.max_in_flight,
            "requests": [asdict(entry) for entry in entries],
        }


def log_middleware(log: RequestLog) -> Middleware:
    """Log every API request, whatever becomes of it."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not is_api_request(request):
            return await handler(request)
        entry = log.arrived(request)
        try:
            response = await handler(request)
            entry.status = response.status if _connected(request) else None
            return response
        finally:
            log.in_flight -= 1
            entry.rows = request.get(ROWS)
            entry.fault = request.get(FAULT)

    return middleware


def is_api_request(request: web.Request) -> bool:
    """The page and the control endpoints are not part of any provider's API."""
    return request.path != "/" and request.path != "/control" and not request.path.startswith("/control/")


def _connected(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()


def _query(request: web.Request) -> dict[str, str | list[str]]:
    query: dict[str, str | list[str]] = {}
    for name in request.query:
        values = request.query.getall(name)
        query[name] = values[0] if len(values) == 1 else values
    return query


def _headers(headers: Mapping[str, str]) -> dict[str, str | bool]:
    return {name: True if name.lower() == "authorization" else value for name, value in headers.items()}

"""Faults on demand: wrong answers, cut answers, slow answers, no answer."""

import asyncio
import base64
import functools
import gzip
import re
import socket
import struct
import time
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, get_type_hints

from aiohttp import web
from aiohttp.payload import Payload
from aiohttp.typedefs import Handler, Middleware

from sandbox.provider import InvalidControlRequest, Provider
from sandbox.request_log import FAULT, is_api_request

ANY_JSON = object
CREDENTIALS = ("authorization", "x-api-key", "instance-jwt")
MATCHERS = {"method", "path", "query", "skip", "times", "every", "per_second"}


@dataclass
class Fault:
    """Which requests to disturb, and how.

    A request matches by method, path (regular expression, anywhere) and query (regular expressions by name). The
    first `skip` matching requests pass; of the rest every `every`-th is disturbed, `times` times (null: always).
    A cut or corrupted answer was produced in full first: a scroll has moved on, as behind a broken connection.

    `body_base64` is a body that is no text; `reset_after` resets the connection behind so many bytes of the body;
    `trickle` sends the body byte by byte, so many seconds apart; `unpacks_to` is a body of so many MiB, packed;
    `compress` packs the answer; `hang_up` closes the connection behind it unannounced, as servers do with idle ones;
    `redirect` answers with 307 and the request's own path and query behind this origin, "" for the same one; `echo`
    with an error object that quotes the request's credentials, as careless servers do.
    """

    method: str | None = None
    path: str = ""
    query: dict[str, str] = field(default_factory=dict)
    skip: int = 0
    times: int | None = 1
    every: int = 1
    per_second: int | None = None
    status: int | None = None
    body: str | None = None
    body_base64: str | None = None
    json: ANY_JSON = None
    redirect: str | None = None
    echo: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    cut: int | None = None
    reset: bool = False
    reset_after: int | None = None
    corrupt_gzip: bool = False
    compress: bool = False
    hang_up: bool = False
    trickle: float | None = None
    unpacks_to: int | None = None
    expire_token: bool = False
    expire_scroll: bool = False

    def matches(self, request: web.Request) -> bool:
        return (
            self.method in (None, request.method)
            and re.search(self.path, request.path) is not None
            and all(_found(regex, request.query.get(name)) for name, regex in self.query.items())
        )

    @property
    def scripted(self) -> bool:
        given = (self.status, self.body, self.body_base64, self.json, self.redirect, self.unpacks_to)
        return self.echo or any(value is not None for value in given)

    async def answer(self, request: web.Request) -> web.Response:
        status = self.status or 200
        if self.echo:
            return web.json_response(await _echo(request), status=status)
        if self.redirect is not None:
            return web.Response(status=307, headers={"Location": self.redirect + request.raw_path})
        if self.json is not None:
            return web.json_response(self.json, status=status)
        if self.unpacks_to is not None:
            headers = {"Content-Encoding": "gzip"}
            return web.Response(body=_packed(self.unpacks_to), headers=headers, content_type="application/json")
        if self.body_base64 is not None:
            body = base64.b64decode(self.body_base64)
            return web.Response(body=body, status=status, content_type="application/json")
        return web.Response(text=self.body or "", status=status)


@dataclass
class ActiveFault:
    number: int
    fault: Fault
    seen: int = 0
    fired: int = 0
    passed: deque[float] = field(default_factory=deque)
    """When the latest requests passed, where their number is limited."""

    def fires_for(self, request: web.Request) -> bool:
        if self.fault.times is not None and self.fired >= self.fault.times:
            return False
        if not self.fault.matches(request):
            return False
        self.seen += 1
        due = self.seen - self.fault.skip
        if due < 1 or due % self.fault.every or self._passes_the_limit():
            return False
        self.fired += 1
        return True

    def _passes_the_limit(self) -> bool:
        if self.fault.per_second is None:
            return False
        now = time.monotonic()
        while self.passed and self.passed[0] <= now - 1:
            self.passed.popleft()
        if len(self.passed) >= self.fault.per_second:
            return False
        self.passed.append(now)
        return True

    def as_json(self) -> dict[str, Any]:
        default = asdict(Fault())
        given = {name: value for name, value in asdict(self.fault).items() if value != default[name]}
        return {"number": self.number, "seen": self.seen, "fired": self.fired, "fault": given}


class Faults:
    """The active faults in order; the first one that fires for a request hides it from the later ones."""

    def __init__(self) -> None:
        self.active: list[ActiveFault] = []
        self._numbers = 0

    def add(self, request: Mapping[str, Any]) -> ActiveFault:
        self._numbers += 1
        active = ActiveFault(self._numbers, parse_fault(request))
        self.active.append(active)
        return active

    def remove(self, number: int) -> bool:
        """Remove one fault; false if there is none of this number."""
        before = len(self.active)
        self.active = [active for active in self.active if active.number != number]
        return len(self.active) < before

    def clear(self) -> None:
        self.active.clear()

    def next_for(self, request: web.Request) -> ActiveFault | None:
        return next((active for active in self.active if active.fires_for(request)), None)


def parse_fault(request: Mapping[str, Any]) -> Fault:
    """Read a fault strictly: a misspelt one would silently test nothing."""
    known = get_type_hints(Fault)
    unknown = set(request) - set(known)
    if unknown:
        raise InvalidControlRequest(f"no such fault fields: {sorted(unknown)}; there are: {', '.join(known)}")
    if not set(request) - MATCHERS:
        raise InvalidControlRequest("the fault does nothing: give a status, body, json, headers, delay, cut, ...")
    for name, value in request.items():
        if not _fits(value, known[name]):
            raise InvalidControlRequest(f"fault field {name!r} cannot be {value!r}")
    fault = Fault(**request)
    if min(fault.every, 1 if fault.per_second is None else fault.per_second) < 1 or _negative(fault):
        raise InvalidControlRequest(
            "every and per_second must be at least 1; skip, delay, cut and reset_after at least 0"
        )
    _compile([fault.path, *fault.query.values()])
    return fault


def _negative(fault: Fault) -> bool:
    return min(fault.skip, fault.delay, fault.cut or 0, fault.reset_after or 0) < 0


def _fits(value: object, hint: Any) -> bool:
    if hint == dict[str, str]:
        return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
    if isinstance(value, bool) and hint not in (bool, ANY_JSON):
        return False
    return isinstance(value, int | float) if hint is float else isinstance(value, hint)


def _found(regex: str, value: str | None) -> bool:
    return value is not None and re.search(regex, value) is not None


def _compile(regexes: Sequence[str]) -> None:
    for regex in regexes:
        try:
            re.compile(regex)
        except re.error as error:
            raise InvalidControlRequest(f"{regex!r} is no regular expression: {error}") from error


def fault_middleware(faults: Faults, providers: Sequence[Provider]) -> Middleware:
    """Apply at most one fault to each API request."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        active = faults.next_for(request) if is_api_request(request) else None
        if active is None:
            return await handler(request)
        request[FAULT] = active.number
        await asyncio.sleep(active.fault.delay)
        for provider in providers:
            provider.expire_for(request, token=active.fault.expire_token, scroll=active.fault.expire_scroll)
        return await _disturbed(active.fault, request, handler)

    return middleware


async def _disturbed(fault: Fault, request: web.Request, handler: Handler) -> web.StreamResponse:
    if fault.reset:
        return _reset(request)
    answer = await fault.answer(request) if fault.scripted else await handler(request)
    answer.headers.update(fault.headers)
    if not isinstance(answer, web.Response):
        return answer
    if fault.compress:
        answer.enable_compression(web.ContentCoding.gzip)
    if fault.hang_up:
        await answer.prepare(request)
        # Too late for the header that would tell the client.
        answer.force_close()
        return answer
    if fault.corrupt_gzip:
        answer = await _corrupted(answer)
    if fault.cut is not None:
        return await _cut(answer, fault.cut, request)
    if fault.reset_after is not None:
        return await _reset_within(answer, fault.reset_after, request)
    if fault.trickle is not None:
        return await _trickle(answer, fault.trickle, request)
    return answer


async def _echo(request: web.Request) -> dict[str, Any]:
    """The forms of errors of all four APIs at once; the quotes are short enough to be within an error's first line."""
    credentials = [value for name, value in request.headers.items() if name.lower() in CREDENTIALS]
    words = " ".join(["refused:", *credentials, await request.text()])
    return {"status": "fail", "message": words, "error": {"title": "Error", "detail": words}}


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        # Without lingering the kernel sends RST instead of an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response()


async def _body(answer: web.Response) -> bytes:
    if isinstance(answer.body, Payload):
        return await answer.body.as_bytes()
    return bytes(answer.body or b"")


async def _corrupted(answer: web.Response) -> web.Response:
    body = await _body(answer)
    packed = bytearray(body if answer.headers.get("Content-Encoding") == "gzip" else gzip.compress(body, 1))
    # The trailing checksum is damaged too, so that no decoder takes the rest for good.
    for position in (len(packed) // 2, *range(len(packed) - 8, len(packed))):
        packed[position] ^= 0xFF
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    headers.pop("Content-Length", None)
    return web.Response(body=bytes(packed), status=answer.status, headers=headers)


async def _reset_within(answer: web.Response, size: int, request: web.Request) -> web.StreamResponse:
    body = await _body(answer)
    partial = web.StreamResponse(status=answer.status, headers=answer.headers)
    partial.content_length = len(body)
    await partial.prepare(request)
    await partial.write(body[:size])
    # What has been written must have left before the reset throws it away.
    await asyncio.sleep(0.05)
    _reset(request)
    return partial


async def _cut(answer: web.Response, size: int, request: web.Request) -> web.StreamResponse:
    body = await _body(answer)
    partial = web.StreamResponse(status=answer.status, headers=answer.headers)
    partial.content_length = len(body)
    partial.force_close()
    await partial.prepare(request)
    await partial.write(body[:size])
    return partial


async def _trickle(answer: web.Response, pause: float, request: web.Request) -> web.StreamResponse:
    body = await _body(answer)
    slow = web.StreamResponse(status=answer.status, headers=answer.headers)
    slow.content_length = len(body)
    await slow.prepare(request)
    for position in range(len(body)):
        await slow.write(body[position : position + 1])
        await asyncio.sleep(pause)
    return slow


@functools.cache
def _packed(mebibytes: int) -> bytes:
    """White space, which a thousandth of it stands for."""
    packer = zlib.compressobj(wbits=31)
    return b"".join([*(packer.compress(b" " * 2**20) for _ in range(mebibytes)), packer.flush()])

"""Assembles the server and runs it until it is told to stop or nobody needs it any more."""

import asyncio
import gc
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.certificates import AUTHORITY, KINDS, encryption
from sandbox.configurations import write_configurations
from sandbox.control import Control
from sandbox.faults import Faults, fault_middleware
from sandbox.page import page
from sandbox.provider import Options, Provider, load_providers
from sandbox.request_log import RequestLog, is_api_request, log_middleware

HOST = "127.0.0.1"
LARGEST_REQUEST = 256 * 2**20
WATCH_INTERVAL = 0.5


@dataclass(frozen=True)
class Lifetime:
    """When the server stops by itself: unused for `idle_timeout` seconds, or without its parent process."""

    idle_timeout: float = 1800
    parent: int | None = None


@dataclass(frozen=True)
class Tls:
    """Serve https with a certificate of this kind; without a folder for its authority's, in a temporary one."""

    folder: str = ""
    certificate: str = KINDS[0]


class Activity:
    """When the last request of any kind came."""

    def __init__(self) -> None:
        self.last = time.monotonic()

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.last = time.monotonic()
        return await handler(request)


def create_app(providers: Sequence[Provider], activity: Activity) -> web.Application:
    log, faults = RequestLog(), Faults()
    app = web.Application(
        middlewares=[activity.middleware, log_middleware(log), fault_middleware(faults, providers), json_errors],
        client_max_size=LARGEST_REQUEST,
    )

    async def index(request: web.Request) -> web.Response:
        return web.Response(text=page(str(request.url.origin()), providers), content_type="text/html")

    app.add_routes([web.get("/", index), *Control(providers, log, faults).routes()])
    for provider in providers:
        app.add_routes(provider.routes())
    return app


@web.middleware
async def json_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Unknown paths and methods get JSON bodies, as from an API behind a gateway."""
    try:
        return await handler(request)
    except web.HTTPError as error:
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        kind = "message" if is_api_request(request) else "error"
        return web.json_response({kind: error.text}, status=error.status, headers=headers)


async def serve(
    port: int, options: Options, lifetime: Lifetime, tls: Tls | None = None, configurations: Path | None = None
) -> None:
    """Serve until SIGTERM or SIGINT or the end of the lifetime; announce the address on standard output.

    Behind that, ready configurations for this address are written into the folder `configurations`, if one is given.
    """
    stop, activity = asyncio.Event(), Activity()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Searching for cycles again and again would make the building of many events a fifth slower.
    gc.disable()
    providers = load_providers(options)
    runner = web.AppRunner(create_app(providers, activity), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        with _folder(tls) as folder:
            context = encryption(folder, tls.certificate) if tls else None
            await web.TCPSite(runner, HOST, port, ssl_context=context).start()
            _keep_data_out_of_collection()
            activity.last = time.monotonic()
            url = f"http{'s' if tls else ''}://{HOST}:{runner.addresses[0][1]}"
            told = [f"sandbox listening on {url}"]
            if tls:
                told.append(f"its certificate authority is {folder / AUTHORITY}")
            if configurations:
                told += [f"wrote {path}" for path in write_configurations(configurations, providers, url)]
            print(*told, sep="\n", flush=True)
            await _until_unneeded(stop, activity, lifetime)
    finally:
        await runner.cleanup()


@contextmanager
def _folder(tls: Tls | None) -> Iterator[Path]:
    if tls and tls.folder:
        yield Path(tls.folder).absolute()
        return
    with tempfile.TemporaryDirectory(prefix="sandbox-") as folder:
        yield Path(folder)


def _keep_data_out_of_collection() -> None:
    # Walking through millions of events again and again would slow pages down.
    gc.collect()
    gc.freeze()
    gc.enable()


async def _until_unneeded(stop: asyncio.Event, activity: Activity, lifetime: Lifetime) -> None:
    while not stop.is_set() and _needed(activity, lifetime):
        try:
            await asyncio.wait_for(stop.wait(), WATCH_INTERVAL)
        except TimeoutError:
            continue


def _needed(activity: Activity, lifetime: Lifetime) -> bool:
    idle = time.monotonic() - activity.last
    return idle < lifetime.idle_timeout and (lifetime.parent is None or _runs(lifetime.parent))


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

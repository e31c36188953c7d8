"""A proxy as organisations have it: https goes through it by CONNECT, for those whom it knows."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Mapping
from types import TracebackType

HOST = "127.0.0.1"
REASONS = {200: "Connection established", 403: "Forbidden", 407: "Proxy Authentication Required", 502: "Bad Gateway"}


class ConnectProxy:
    """A context manager. `asked` are the hosts and ports that connections were asked for, in this order.

    It resolves the `names` to this machine, and connects to nothing else. With `credentials`, as `user:password`, it
    lets in nobody else; with a `status` other than 200 it refuses everybody.
    """

    def __init__(self, names: Mapping[str, str], credentials: str | None = None, status: int = 200) -> None:
        self.asked: list[str] = []
        self._names = names
        self._status = status
        self._expected = credentials and f"Basic {base64.b64encode(credentials.encode()).decode()}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._port = 0

    def __enter__(self) -> ConnectProxy:
        self._thread.start()
        serving = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, HOST, 0), self._loop)
        self._server = serving.result(10)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def address(self) -> str:
        return f"{HOST}:{self._port}"

    async def _stop(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
            self.asked.append(target)
            status = self._answer(method, target, headers.get("proxy-authorization"))
            writer.write(f"HTTP/1.1 {status} {REASONS[status]}\r\n\r\n".encode())
            await writer.drain()
            if status == 200:
                name, _, port = target.rpartition(":")
                there = await asyncio.open_connection(self._names[name], int(port))
                await asyncio.gather(_pass_on(reader, there[1]), _pass_on(there[0], writer))
        finally:
            writer.close()

    def _answer(self, method: str, target: str, credentials: str | None) -> int:
        if self._expected and credentials != self._expected:
            return 407
        known = method == "CONNECT" and target.rpartition(":")[0] in self._names
        return self._status if known else 403


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side ends, in whatever way: then the other one is ended, too."""
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()

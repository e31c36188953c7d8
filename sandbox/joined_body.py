"""A response body that is joined while it is sent: large pages cost no large buffers."""

from collections.abc import Sequence
from itertools import chain

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

# Some 256 kB of ordinary events: stays in the processor's cache and in reach of the socket's buffer.
CHUNK = 400


class JoinedBody(Payload):
    """A JSON list of rendered rows between a head and a tail."""

    _value: Sequence[bytes]

    def __init__(self, head: bytes, rows: Sequence[bytes], tail: bytes) -> None:
        super().__init__(rows, content_type="application/json")
        self._head = head
        self._tail = tail
        self._size = len(head) + sum(map(len, rows)) + max(len(rows) - 1, 0) + len(tail)

    def to_bytes(self) -> bytes:
        return b"".join((self._head, b",".join(self._value), self._tail))

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self.to_bytes().decode(encoding, errors)

    async def as_bytes(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.to_bytes()

    async def write(self, writer: AbstractStreamWriter) -> None:
        await self.write_with_length(writer, None)

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        await writer.write(self._head + b",".join(self._value[:CHUNK]))
        for start in range(CHUNK, len(self._value), CHUNK):
            # The empty first item gives the comma between two chunks.
            await writer.write(b",".join(chain((b"",), self._value[start : start + CHUNK])))
        await writer.write(self._tail)

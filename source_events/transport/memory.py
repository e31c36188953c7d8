"""A bound on the memory of answers that have been read and not been written yet."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

from source_events.records.rows import Row

MEMORY_FOR_ANSWERS = 48 * 1024 * 1024
"""Bytes that answers may take from when they are read until their records are written."""
MEMORY_PER_BYTE = 3
"""An answer is in memory about three times: as it came, in rows, and in the piece that is written."""
SIZE_BEFORE_ANY_ANSWER = 4 * 1024 * 1024
"""Bytes to expect of an answer that does not tell its size, as long as none has been read."""


class Closed(Exception):
    """Whoever wanted the answers has gone; nothing is read for them any more."""

    def __init__(self) -> None:
        super().__init__("The read has been abandoned.")


class Memory:
    """Whoever reads an answer waits until there is memory for it: until earlier answers have been written.

    An answer larger than the bound is let through alone. Nobody may wait for memory who holds some: those who do could
    wait for each other.
    """

    def __init__(self, limit: int = MEMORY_FOR_ANSWERS) -> None:
        self._limit = limit
        self._used = 0
        self._closed = False
        self._changed = threading.Condition()
        self._recent: deque[int] = deque([SIZE_BEFORE_ANY_ANSWER], maxlen=20)

    @property
    def used(self) -> int:
        """The bytes that are reserved now."""
        return self._used

    @property
    def expected(self) -> int:
        """The bytes to expect of an answer that does not tell its size: those of the largest recent one."""
        return max(tuple(self._recent))

    def reserve(self, size: int) -> Reservation:
        """Memory for an answer of so many bytes.

        :raises Closed: if the read is abandoned
        """
        needed = size * MEMORY_PER_BYTE
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not self._used or self._used + needed <= self._limit)
            if self._closed:
                raise Closed
            self._used += needed
        return Reservation(self, needed)

    def reserve_for(self, rows: Iterable[Row[Any]]) -> Reservation:
        """Memory for rows that have been held without any."""
        return self.reserve(sum(memoryview(row.raw).nbytes for row in rows))

    def note(self, size: int) -> None:
        """An answer has turned out to have so many bytes."""
        self._recent.append(size)

    def change(self, difference: int) -> None:
        with self._changed:
            self._used += difference
            self._changed.notify_all()

    def close(self) -> None:
        """End all waiting, for good."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Reservation:
    """Memory of an answer, until it is released."""

    __slots__ = ("_memory", "_size")

    def __init__(self, memory: Memory, size: int) -> None:
        self._memory = memory
        self._size = size

    def resize(self, size: int) -> None:
        """Correct an announced size by the real one, in bytes of the answer; never waits."""
        self._memory.change(size * MEMORY_PER_BYTE - self._size)
        self._size = size * MEMORY_PER_BYTE

    def release(self) -> None:
        if self._size:
            self._memory.change(-self._size)
            self._size = 0

    def __del__(self) -> None:
        # A net: what an owner forgets must not stop all reading.
        self.release()

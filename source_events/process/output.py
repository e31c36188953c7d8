"""Standard output: whole lines only, many in one write, and an end that leaves no half line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from threading import RLock
from typing import IO, NoReturn

from source_events.process.signals import LONGEST_STOP
from source_events.process.unwritable import end_unwritten
from source_events.records.lines import splice
from source_events.records.page import Page


class LineWriter:
    """Writes whole lines; log lines of other threads stay out of the middle of a page.

    Asked to stop, the process ends behind the line that is being written, so that the last line is a whole one. The
    stream is an unbuffered one, which may write a part only, as it does when a signal interrupts it.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lock = RLock()
        self._within_line = False
        self._end: Callable[[], NoReturn] | None = None

    def write(self, text: str) -> None:
        """One or more complete lines, as a logging handler gives them."""
        self._write([text.encode("utf-8", "replace")])

    def write_page(self, stream: str, page: Page) -> None:
        """The records of a page, a line each; they leave the page."""
        if not page.count:
            return
        head = b'{"type":"RECORD","record":{"stream":%b,"emitted_at":%d,"data":' % (
            json.dumps(stream).encode(),
            time.time_ns() // 1_000_000,
        )
        rows = page.rows
        try:
            self._write(splice(rows[start : start + ROWS], head, b"}}\n") for start in range(0, len(rows), ROWS))
        finally:
            page.release()

    def flush(self) -> None:
        """Nothing: nothing is buffered."""

    def stop(self, end: Callable[[], NoReturn]) -> None:
        """End the process with `end`; called from a signal handler, which may interrupt a write of its own thread."""
        if self._lock.acquire(timeout=LONGEST_STOP) and self._within_line:
            self._end = end
            self._lock.release()
        else:
            end()

    def _write(self, parts: Iterable[bytes | bytearray]) -> None:
        with self._lock:
            self._within_line = True
            try:
                for part in parts:
                    self._write_all(memoryview(part))
            except OSError as error:
                end_unwritten(error)
            finally:
                self._within_line = False
            if self._end is not None:
                self._end()

    def _write_all(self, part: memoryview) -> None:
        while part:
            # None: a reader's end that does not block is full.
            written = self._stream.write(part)
            if written is None:
                time.sleep(0.01)
            part = part[written or 0 :]


ROWS = 1000
"""Records of one write: a whole page in one piece would be in memory twice."""

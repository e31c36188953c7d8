"""Standard output: whole lines only, many in one write, and an end that leaves no half line."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from threading import Lock, get_ident
from types import FrameType
from typing import IO

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
        self._lock = Lock()
        self._writer: int | None = None
        self._stop_status: int | None = None

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

    def stop(self, status: int) -> None:
        """End the process with this status; called from a signal handler, which may interrupt a write."""
        self._stop_status = status
        if self._writer != get_ident():
            self._lock.acquire(timeout=LONGEST_STOP)
            os._exit(status)

    def _write(self, parts: Iterable[bytes | bytearray]) -> None:
        with self._lock:
            self._writer = get_ident()
            try:
                for part in parts:
                    self._write_all(memoryview(part))
            except OSError as error:
                end_unwritten(error)
            self._writer = None
            if self._stop_status is not None:
                os._exit(self._stop_status)

    def _write_all(self, part: memoryview) -> None:
        while part:
            # None: a reader's end that does not block is full.
            written = self._stream.write(part)
            if written is None:
                time.sleep(0.01)
            part = part[written or 0 :]


ROWS = 1000
"""Records of one write: a whole page in one piece would be in memory twice."""

LONGEST_STOP = 0.8
"""Seconds after which the process ends in the middle of a line, because nobody reads it."""


def end_on_request(writer: LineWriter) -> None:
    """End at once on SIGTERM, also as the first process of a container, which has no default for it, and on SIGINT.

    The default for the latter would wait for the requests that are under way.
    """

    def end(signal_number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGALRM, lambda *_: os._exit(128 + signal_number))
        signal.setitimer(signal.ITIMER_REAL, LONGEST_STOP)
        writer.stop(128 + signal_number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)

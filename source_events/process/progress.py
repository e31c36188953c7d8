"""How far a command is, while it runs: lines of the log, and on a terminal a line that is drawn again and again."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

from source_events.process.terminal import STANDARD_ERROR, Terminal

LOG_EVERY, DRAW_EVERY = 10.0, 0.25
"""Seconds."""
BAR = 12
"""Characters."""

logger = logging.getLogger("airbyte")


Share = Callable[[], float | None]
"""Which part of the work is done, from 0 to 1, as far as that is known."""


def unknown() -> float | None:
    return None


@contextmanager
def told(lines: Callable[[], Sequence[str]], *, share: Share = unknown, beside_output: bool = False) -> Iterator[None]:
    """Tell, until the end of the block, what `lines` says, whatever is being waited for meanwhile.

    Nothing is drawn where standard output is a terminal, too, since the messages themselves show how far it is; a
    command that writes nothing meanwhile is told of `beside_output`.
    """
    terminal = STANDARD_ERROR if STANDARD_ERROR.is_there and (beside_output or not os.isatty(1)) else None
    progress = Progress(lines, terminal, time.monotonic(), share)
    ended = threading.Event()

    def tell() -> None:
        while not ended.wait(DRAW_EVERY):
            progress.tell(time.monotonic())

    thread = threading.Thread(target=tell, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        if terminal:
            terminal.erase()


class Progress:
    """Tells what `lines` says, as often as is good for the log and for a terminal; times are in seconds."""

    def __init__(
        self, lines: Callable[[], Sequence[str]], terminal: Terminal | None, began: float, share: Share = unknown
    ) -> None:
        self._lines = lines
        self._share = share
        self._terminal = terminal
        self._began = self._logged = began

    @cached_property
    def _line(self) -> TerminalLine:
        return TerminalLine()

    def tell(self, now: float) -> None:
        lines = self._lines()
        if self._terminal and (line := self._line.of(lines, now - self._began, self._share())):
            self._terminal.draw(line)
        if now - self._logged >= LOG_EVERY:
            self._logged = now
            for each in lines:
                logger.info(each)


class TerminalLine:
    """A sign that moves, the time, a bar, and as much of what there is to tell as the terminal is wide."""

    def __init__(self) -> None:
        # Only a terminal needs the library, whose import would delay every command.
        from rich.console import Console
        from rich.spinner import Spinner

        self._console = Console(stderr=True)
        self._sign = Spinner("dots")

    def of(self, lines: Sequence[str], seconds: float, share: float | None = None) -> str:
        """Nothing, where a line that has been drawn cannot be erased; without a bar, where nobody knows the share."""
        from rich.text import Text

        if self._console.is_dumb_terminal:
            return ""
        elapsed = "{}:{:02}".format(*divmod(int(seconds), 60))
        line = Text(f"{self._sign.frames[int(seconds / DRAW_EVERY) % len(self._sign.frames)]} {elapsed} ")
        if share is not None:
            done = round(BAR * min(max(share, 0.0), 1.0))
            line.append("━" * done, "green").append("━" * (BAR - done), "bright_black").append(f" {share:4.0%} ")
        line.append(" · ".join(lines))
        line.truncate(self._console.width, overflow="ellipsis")
        with self._console.capture() as drawn:
            self._console.print(line, end="", highlight=False, no_wrap=True)
        return drawn.get()

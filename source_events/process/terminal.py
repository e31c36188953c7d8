"""Standard error, where it is a terminal: a line that is drawn again and again, and a last sentence."""

from __future__ import annotations

import contextlib
import os
from _thread import allocate_lock

ERASE = "\r\x1b[2K"
LONGEST_DRAWING = 0.2
"""Seconds to wait for a line that is being drawn; a terminal that is halted takes none."""


class Terminal:
    """One for the process. It does without the modules that would slow down `spec`."""

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._lock = allocate_lock()
        self._drawn = False
        self._said = False

    @property
    def is_there(self) -> bool:
        return os.isatty(self._descriptor)

    def draw(self, line: str) -> None:
        """Put the line, no longer than the terminal is wide, in place of the last one.

        The place to write stays at its begin, so that what another program writes does not stand behind it.
        """
        with self._lock:
            if not self._said:
                self._drawn = True
                self._write(f"{ERASE}{line}\r")

    def erase(self) -> None:
        with self._lock:
            self._erase()

    def say(self, sentence: str = "") -> None:
        """The last words, a whole line and only once; behind them nothing is drawn. Without any, the line goes.

        It may be called from a signal handler, which may interrupt a drawing of its own thread, and where standard
        error is no terminal.
        """
        mine = self._lock.acquire(timeout=LONGEST_DRAWING)
        try:
            if not self._said:
                self._said = True
                self._erase()
                if sentence:
                    # What a terminal shows of Ctrl-C stands at the begin of the line.
                    self._write(f"{chr(13) if self.is_there else ''}{printable(sentence)}\n")
        finally:
            if mine:
                self._lock.release()

    def _erase(self) -> None:
        if self._drawn:
            self._drawn = False
            self._write(ERASE)

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            os.write(self._descriptor, text.encode("utf-8", "replace"))


def printable(text: str) -> str:
    """In one line, and without what a terminal would obey."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())


STANDARD_ERROR = Terminal()

"""How the process ends when it is asked to: by the signal itself, with a sentence for who is at a terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import NoReturn

from source_events.process.terminal import STANDARD_ERROR

ASKED_BY = (signal.SIGTERM, signal.SIGINT)
LONGEST_STOP = 0.8
"""Seconds after which the process ends in the middle of a line, because nobody reads it."""
STOPPED = "source-events: stopped."

Stop = Callable[[Callable[[], NoReturn]], None]
"""Calls what ends the process as soon as it may end."""


def end_on_request(stop: Stop = lambda end: end(), sentence: str = STOPPED) -> None:
    """End on SIGTERM, also as the first process of a container, which has no default for it, and on SIGINT.

    The default for the latter would wait for the requests that are under way, and show where it came. The sentence is
    for whoever has pressed Ctrl-C on a terminal; a program that stops the process need not be told.
    """

    def request(signal_number: int, _: object) -> None:
        # A second one, as of a key that is pressed again, must not end it before the sentence has been said.
        for each in ASKED_BY:
            signal.signal(each, lambda *_: None)
        at_latest(lambda: end(signal_number))
        stop(lambda: end(signal_number))

    def end(signal_number: int) -> NoReturn:
        # A terminal that is halted takes no sentence.
        at_latest(lambda: die_of(signal_number))
        STANDARD_ERROR.say(sentence if signal_number == signal.SIGINT and STANDARD_ERROR.is_there else "")
        die_of(signal_number)

    for each in ASKED_BY:
        signal.signal(each, request)


def at_latest(end: Callable[[], NoReturn]) -> None:
    """Call it in a while, whatever the main thread is waiting for."""
    signal.signal(signal.SIGALRM, lambda *_: end())
    signal.setitimer(signal.ITIMER_REAL, LONGEST_STOP)


def die_of(signal_number: int) -> NoReturn:
    """End the process by this signal, as the parent expects that has sent it; for the main thread only.

    No signal kills the first process of a container: it ends with the status by which a shell tells the signal.
    """
    signal.signal(signal_number, signal.SIG_DFL)
    signal.raise_signal(signal_number)
    os._exit(128 + signal_number)

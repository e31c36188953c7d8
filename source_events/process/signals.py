"""How the process ends when it is asked to: by the signal itself, and without a word."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import NoReturn

LONGEST_STOP = 0.8
"""Seconds after which the process ends in the middle of a line, because nobody reads it."""

Stop = Callable[[Callable[[], NoReturn]], None]
"""Calls what ends the process as soon as it may end."""


def end_on_request(stop: Stop = lambda end: end()) -> None:
    """End on SIGTERM, also as the first process of a container, which has no default for it, and on SIGINT.

    The default for the latter would wait for the requests that are under way, and show where it came.
    """

    def request(signal_number: int, _: object) -> None:
        signal.signal(signal.SIGALRM, lambda *_: die_of(signal_number))
        signal.setitimer(signal.ITIMER_REAL, LONGEST_STOP)
        stop(lambda: die_of(signal_number))

    signal.signal(signal.SIGTERM, request)
    signal.signal(signal.SIGINT, request)


def die_of(signal_number: int) -> NoReturn:
    """End the process by this signal, as the parent expects that has sent it; for the main thread only.

    No signal kills the first process of a container: it ends with the status by which a shell tells the signal.
    """
    signal.signal(signal_number, signal.SIG_DFL)
    signal.raise_signal(signal_number)
    os._exit(128 + signal_number)

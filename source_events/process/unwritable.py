"""Output that cannot be written, as on a full disk: one sentence on standard error, and an end."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import NoReturn

from source_events.process.terminal import STANDARD_ERROR


def end_unwritten(error: OSError) -> NoReturn:
    """End the process at once, with status 1; without a word where whoever read the output has gone."""
    sentence = (
        f"source-events: error: the output cannot be written: {error.strerror or error}. "
        "Make room and run it again; a read goes on from the last STATE line that is whole."
    )
    STANDARD_ERROR.say("" if isinstance(error, BrokenPipeError) else sentence)
    os._exit(1)


@contextlib.contextmanager
def written() -> Iterator[None]:
    """What is printed within has been written at its end, or the process has ended."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        end_unwritten(error)

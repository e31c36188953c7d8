"""Work in a thread of its own, and what it came to."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any


class Background:
    """A thread that is waited for at the end. What the work returns is its `result`, what it raises its `error`."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        try:
            self.result = work()
        except BaseException as error:
            self.error = error

    def is_waiting(self) -> bool:
        self._thread.join(0.05)
        return self._thread.is_alive()

    def ends(self) -> bool:
        self._thread.join(5)
        return not self._thread.is_alive()

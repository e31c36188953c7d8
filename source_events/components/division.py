"""Dense slices: what one worker would page through alone is divided among those that have nothing to do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from queue import SimpleQueue
from typing import TypeVar

from airbyte_cdk.sources.types import Config

from source_events.components.windows import Slice, Windows
from source_events.records.page import Page
from source_events.runtime import Runtime, Workers

PAGES_WORTH_DIVIDING, ROWS_WORTH_DIVIDING = 4, 2000
"""From so many on it costs little that the last page of each part is not full."""
ROOM = 0.8
"""How full a part's pages are planned to be: events are not spread evenly, and the rest of a part costs a request."""


class Division:
    """Divides dense slices while other workers are idle.

    So a sync of one day, which is one slice, keeps all workers busy if the day has many events, and makes no request
    more if it has few. Whether a slice is dense shows in the total that its first page announces. The total is a hint
    and no more: each part is read to its own end.

    With `ascending` the API gives the oldest rows first: the first page is kept, and the parts begin where it ends.
    """

    def __init__(
        self, config: Config, runtime: Runtime, windows: Windows | None = None, ascending: bool = False
    ) -> None:
        self._workers = runtime.workers
        self._windows = windows or Windows(config)
        self._ascending = ascending

    def parts(self, part: Slice, page: Page) -> list[Slice]:
        """What to read in place of the slice behind its first page; nothing, if it is to be read as it is.

        The page keeps the records that no part has.
        """
        announced, idle = page.announced or 0, self._workers.idle
        dense = announced >= max(PAGES_WORTH_DIVIDING * page.received, ROWS_WORTH_DIVIDING)
        if not dense or idle < 1 or part.open_start or part.open_end:
            return []
        latest = (page.latest or "")[:19]
        keeps = self._ascending and latest > part.first[:19] and self._windows.keep_order(part)
        rest = replace(part, first=f"{latest}Z") if keeps else part
        rows = announced - page.received if keeps else announced
        number = min(idle + 1, round(rows / (ROOM * page.received)))
        if number < 2 or rest.seconds < number:
            return []
        if keeps:
            page.keep_before(rest.first)
        else:
            page.drop()
        return list(rest.parts(timedelta(seconds=-(-rest.seconds // number))))

    def read_together(self, parts: Sequence[Slice], read: Callable[[Slice], Iterator[Page]]) -> Iterator[Page]:
        """The pages of all parts, in the order in which they come."""
        return read_together(self._workers, parts, read)


Part = TypeVar("Part")


def read_together(workers: Workers, parts: Sequence[Part], read: Callable[[Part], Iterator[Page]]) -> Iterator[Page]:
    """The pages of all parts, in the order in which they come; their reader has a worker that is counted as busy.

    :raises Exception: what the reading of a part has raised; the others end with their next page
    """
    found: SimpleQueue[Page | BaseException | None] = SimpleQueue()
    abandoned = threading.Event()

    def read_part(part: Part) -> None:
        try:
            for page in read(part):
                found.put(page)
                del page
                if abandoned.is_set():
                    return
        except BaseException as error:
            found.put(error)
        finally:
            workers.end()
            found.put(None)

    # All are counted before the first begins, which would take the others for idle.
    workers.begin(len(parts) - 1)
    unfinished = len(parts)
    with ThreadPoolExecutor(len(parts), thread_name_prefix="dense") as pool:
        for part in parts:
            pool.submit(read_part, part)
        try:
            while unfinished:
                page = found.get()
                if isinstance(page, BaseException):
                    raise page
                if page is None:
                    unfinished -= 1
                    continue
                yield page
                del page
        finally:
            abandoned.set()
            while unfinished:
                left = found.get()
                unfinished -= left is None
                if isinstance(left, Page):
                    # The other parts may be waiting for the memory of what nobody takes any more.
                    left.release()
            workers.begin()

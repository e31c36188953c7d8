"""The organisation's feed, whose events may have no time, and whose older installations ignore the time filter."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from airbyte_cdk.sources.types import Config

from source_events.providers.carecloud.clock import UNDATED
from source_events.providers.carecloud.selection import FilterIgnored
from source_events.providers.kit import (
    SECOND,
    Answer,
    Page,
    PageReader,
    Runtime,
    Slice,
    earlier,
    from_begin_of_repeated_time,
    zone_of,
)


class FeedReader:
    """Reads slices of the feed with the reader `pages`.

    Before the first slice one request asks for events before 1902. Where the time filter works, the answer has just
    the events without a time, which no window would find. Where it has others too, the installation is older than the
    filter (August 2024): then the first slice reads the whole feed once and yields the events of all slices that
    follow, and these have nothing left to do. The state cannot pass the first slice before that has come to its end.
    Should a later slice have been quicker to begin, it has claimed the time from its own start on, and an earlier one
    reads the rest for itself.
    """

    def __init__(self, config: Config, runtime: Runtime, pages: PageReader) -> None:
        self._config = config
        self._reads_few = runtime.most_rows is not None
        self._memory = runtime.memory
        self._zone = zone_of(config)
        self._pages = pages
        self._lock = threading.Lock()
        self._ignored: bool | None = None
        self._customers: set[str] = set()
        self._claimed_from: str | None = None
        self._followed: set[str] = set()

    def read(self, part: Slice) -> Iterator[Page]:
        if self._reads_few:
            # Whoever wants a few rows need not know what the installation can do.
            yield from self._pages.read(part)
            return
        with self._lock:
            undated = self._probe() if self._ignored is None else ()
            parts = self._claim(part) if self._ignored else [self._window(part)]
        for page in undated if part.undated else ():
            page.memory = self._memory.reserve_for(page.rows)
            yield page
        for each in parts:
            yield from self._pages.read(each)

    def first_answer(self, part: Slice) -> Answer | None:
        """What the API answers to the first request of a slice."""
        return self._pages.first_answer(part)

    def customers_without_times(self) -> Collection[str]:
        """The customers with events without a time, where the time filter keeps these out of all windows.

        For a feed whose windows have been read, or will not be: the request is the same, and made once.
        """
        with self._lock:
            if self._ignored is None:
                self._probe()
            return () if self._ignored else self._customers

    def _probe(self) -> Sequence[Page]:
        """The events without a time; those of an installation that turns out to ignore the time filter are not all."""
        found = []
        try:
            for page in self._pages.read(UNDATED):
                found.append(page.without_memory())
        except FilterIgnored:
            self._ignored = True
            return ()
        self._ignored = False
        self._customers = {row.envelope.contactId for page in found for row in page.rows if row.envelope.contactId}
        return found

    def _window(self, part: Slice) -> Slice:
        """The window of a slice; where the slice before it is read too, that one has the begin of a repeated time."""
        window = replace(part, undated=False)
        self._followed.add(earlier(part.last, -SECOND))
        if part.first in self._followed:
            return window
        return from_begin_of_repeated_time(window, self._zone, self._config["start_date"])

    def _claim(self, part: Slice) -> list[Slice]:
        claimed, first = self._claimed_from, part.first
        if claimed is not None and claimed <= first:
            return []
        self._claimed_from = first
        last = earlier(claimed, SECOND) if claimed else self._config["end_date"]
        return [Slice(first, last, open_start=True, open_end=True, undated=part.undated and claimed is None)]

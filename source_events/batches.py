"""Record batches that are neither small nor large, and the memory that they take."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import pyarrow as pa

from source_events import allocator
from source_events.records.columns import ROWS, Columns
from source_events.records.page import Page

MOST_BYTES = 8 * 1024 * 1024
"""What a batch has at most, if it is not of a single row."""


class Gathered:
    """Puts small batches together and divides large ones, so that each is worth handing over and none is too large."""

    def __init__(self) -> None:
        self._batches: list[pa.RecordBatch] = []
        self._rows = 0
        self._bytes = 0

    def add(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Add these, and hand over those before for which there is no place then."""
        for batch in batches:
            for part in _parts(batch):
                if self._rows + part.num_rows > ROWS or self._bytes + part.nbytes > MOST_BYTES:
                    yield from self.take()
                self._batches.append(part)
                self._rows += part.num_rows
                self._bytes += part.nbytes

    def take(self) -> Iterator[pa.RecordBatch]:
        """Hand over what there is, as one batch."""
        batches, self._batches, self._rows, self._bytes = self._batches, [], 0, 0
        if batches:
            batch = batches[0] if len(batches) == 1 else pa.concat_batches(batches)
            del batches
            yield batch


def _parts(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    if batch.num_rows < 2 or batch.nbytes <= MOST_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _parts(batch.slice(0, half))
    yield from _parts(batch.slice(half))


def batches_of(page: Page, columns: Columns) -> list[pa.RecordBatch]:
    """The records of a page, whose memory is released."""
    try:
        return list(columns.batches(page.rows))
    finally:
        page.release()
        give_back_memory()


def keep_memory_together() -> None:
    """Let the threads that read use one arena of the allocator.

    It is of the whole process, and takes nothing away from it: only further arenas are not begun. Whoever has set
    MALLOC_ARENA_MAX has decided otherwise.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        allocator.share_one_arena()


def give_back_memory() -> None:
    """Of the memory that a page took, the allocator keeps most; Arrow keeps its part, too."""
    allocator.give_back()
    pa.default_memory_pool().release_unused()

"""Answers as paging and selection need them, and pages: the records of an answer, on their way to the output."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec import Raw

from source_events.records.rows import Envelope, Row


class Memory(Protocol):
    """Memory that somebody owns until it is released; to release it twice is as good as once."""

    def release(self) -> None: ...


@dataclass(slots=True)
class Answer:
    """An answer of the API, decoded as far as paging needs it.

    `rows` are the records' own bytes, `token` leads to the next page, `announced` is the total that the API claims,
    `memory` what the answer takes; it belongs to the page that is made of the answer. `included` is what the decoder
    needs of the answer beside its rows.
    """

    rows: list[Raw]
    token: str | None = None
    announced: int | None = None
    memory: Memory | None = None
    included: Any = None

    def release(self) -> None:
        memory, self.memory = self.memory, None
        if memory is not None:
            memory.release()


@dataclass(slots=True)
class Page:
    """The records of an answer.

    `rows` are the records, as yet apart from their envelopes, `latest` the highest `createdAt`, `received` the rows of
    the answer before any was left out, `fingerprint` is equal for answers with equal rows. `announced` and `token` are
    the answer's; `alike` are rows that are all equal and have no id, so that the next page may be just the same.
    Whoever has the page owns its memory: `release` it, or nothing is read any more.
    """

    rows: Sequence[Row[Any]]
    latest: str | None = None
    received: int = 0
    announced: int | None = None
    token: str | None = None
    fingerprint: int = 0
    alike: bool = False
    memory: Memory | None = None
    count: int = field(init=False)

    def __post_init__(self) -> None:
        self.count = len(self.rows)

    def keep_before(self, time: str) -> None:
        """Drop the records from this second on; those without a time stay."""
        second = time[:19]
        self._keep([row for row in self.rows if (row.envelope.createdAt or "")[:19] < second])

    def _keep(self, rows: Sequence[Row[Any]]) -> None:
        self.rows, self.count = rows, len(rows)
        self.latest = max((row.envelope.createdAt for row in rows if row.envelope.createdAt), default=None)

    def without_memory(self) -> Page:
        """The page with its records, but without its memory: for those who hold pages while they wait for others."""
        rows = self.rows
        self.release()
        self.rows = rows
        return self

    def drop(self) -> None:
        """Let go of records that nobody wants."""
        self._keep(())
        self.release()

    def release(self) -> None:
        """Let go of the records and their memory; their number stays."""
        self.rows = ()
        memory, self.memory = self.memory, None
        if memory is not None:
            memory.release()


def joined(pages: Sequence[Page]) -> Page:
    """The records of several pages as those of one, which has no memory yet."""
    return Page(
        rows=[row for page in pages for row in page.rows],
        latest=max((page.latest for page in pages if page.latest), default=None),
        received=sum(page.received for page in pages),
    )


def fingerprint(rows: Sequence[Row[Any]]) -> int:
    """Equal for equal rows. Two pages that share the sampled ids, first and last among them, are the same page."""
    sample = [*rows[:: len(rows) // SAMPLE + 1], *rows[-1:]]
    return hash(
        (len(rows), *(row.envelope.id if isinstance(row.envelope, Envelope) else bytes(row.raw) for row in sample))
    )


SAMPLE = 200


@contextmanager
def released_if_it_fails(owner: Memory) -> Iterator[None]:
    """What is done with an answer or a page before it is handed over; if that fails, nobody else would release it."""
    try:
        yield
    except BaseException:
        owner.release()
        raise

"""The events of one contact, which have no id of their own: how their pages fit together, and which are twins."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from source_events.providers.kit import synthetic_id
from source_events.providers.swipe_one.answers import EventRow


@dataclass(slots=True)
class EventPage:
    """A page of a contact's events, with a hash of each and the total that was announced with them."""

    rows: list[EventRow]
    announced: int | None
    hashes: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.hashes = [hash(bytes(row.raw)) for row in self.rows]

    @property
    def total(self) -> int:
        return self.announced or 0


@dataclass
class Reading:
    """The pages of one contact from the first one on, and how they fit together.

    Events that arrive while pages are read push later ones to the next page, where they come a second time. They must
    not be taken for twins, which are different events that are alike.

    `announced` is the total, if all of the contact's events have been read.
    """

    pages: list[EventPage] = field(default_factory=list)
    announced: int | None = None

    @property
    def received(self) -> int:
        return sum(len(page.rows) for page in self.pages)

    @property
    def hashes(self) -> list[int]:
        return [value for page in self.pages for value in page.hashes]

    @property
    def counted(self) -> bool:
        """Whether the announced totals can be believed."""
        return all(page.announced is not None for page in self.pages) and self.pages[-1].total >= self.received

    @property
    def moved(self) -> bool:
        """Whether events came or went meanwhile; without totals, whether a page begins within the one before."""
        if len(self.pages) < 2:
            return False
        if self.counted:
            return len({page.announced for page in self.pages}) > 1
        return any(page.hashes[0] in before.hashes for before, page in pairwise(self.pages))

    def repeats(self) -> bool:
        """Whether the last page is an earlier one again, and neither new events nor twins explain it.

        Newest first, pages can only be alike by twins if all their events have the same time.
        """
        if len(self.pages) < 2:
            return False
        page = self.pages[-1]
        if all((page.hashes, page.announced) != (before.hashes, before.announced) for before in self.pages[:-1]):
            return False
        times = {row.envelope.createdAt for row in page.rows}
        return len(times) > 1 or self.received > page.total

    def rows(self) -> list[EventRow]:
        return [row for page in self.pages for row in page.rows]

    def rows_without_overlap(self) -> list[EventRow]:
        """The rows without those at the start of a page that the pages before have ended with.

        Where totals are announced, they can be no more than the total has grown by.
        """
        rows, hashes = list(self.pages[0].rows), list(self.pages[0].hashes)
        for before, page in pairwise(self.pages):
            grown = page.total - before.total if self.counted else len(page.rows)
            repeated = overlap(hashes, page.hashes, grown)
            rows += page.rows[repeated:]
            hashes += page.hashes[repeated:]
        return rows


def overlap(before: Sequence[int], page: Sequence[int], most: int) -> int:
    """How many of a page's first items are the last ones before it, pushed on by at most so many new ones."""
    for pushed in range(min(most, len(before)), 0, -1):
        first = len(before) - pushed
        if before[first : first + len(page)] == page[:pushed]:
            return min(pushed, len(page))
    return 0


def identify(rows: Iterable[EventRow]) -> None:
    """Give each event its id. `rows` are all events of a contact that can be twins of each other."""
    seen: Counter[str] = Counter()
    for row in rows:
        event = row.envelope
        event.id = first = _id_of(row, 0)
        if seen[first]:
            event.id = _id_of(row, seen[first])
        seen[first] += 1


def _id_of(row: EventRow, occurrence: int) -> str:
    event = row.envelope
    return synthetic_id(
        event.contactId, event.type or None, event.createdAt, row.properties, row.created_by, occurrence
    )

"""Parts of a read without a network: answers in the place of an endpoint, and what is made of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Raw

from source_events.components.decoder import Decoder
from source_events.components.paging import PageParameters
from source_events.components.windows import Slice
from source_events.records.lines import splice
from source_events.records.page import Answer, Page
from source_events.records.rows import Identity, Row
from source_events.runtime import Runtime
from source_events.transport.memory import Memory

YEAR = ("2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z")


def completed(provider: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A configuration as the components get it, for a whole year."""
    return {
        "provider": dict(provider),
        "start_date": YEAR[0],
        "end_date": YEAR[1],
        "contact_ids": [],
        "event_types": [],
        "lookback_window": "P1D",
        "window_size": "P7D",
        **fields,
    }


class Endpoint:
    """Answers one after the other in the place of a requester, with memory, and notes what it is asked for.

    An answer is what the body holds as JSON, or an error, or nothing where the API does not know the contact.
    """

    def __init__(self, decoder: Decoder | None, answers: Iterable[Any] = (), memory: Memory | None = None) -> None:
        self.decoder: Any = decoder
        self.has_body = False
        self.most_pages: int | None = None
        self.limit: int | None = None
        self.memory = memory or Memory()
        self.asked: list[dict[str, Any]] = []
        self.slices: list[Slice] = []
        self._answers = iter(answers)

    def ask(self, part: Slice, page: PageParameters, *, reserve: bool = True) -> Answer | None:
        self.slices.append(part)
        self.asked.append(dict(page))
        found = self.answer(part, page)
        if isinstance(found, Exception):
            raise found
        if found is None:
            return None
        answer: Answer = self.decoder.decode(json.dumps(found).encode())
        answer.memory = self.memory.reserve(1) if reserve else None
        return answer

    def answer(self, part: Slice, page: PageParameters) -> Any:
        try:
            return next(self._answers)
        except StopIteration:
            raise AssertionError(f"asked on, for {dict(page)}") from None


class Slices:
    """A reader of slices: its pages are what `pages` gives for each, and it notes for which slices it was asked."""

    def __init__(self, pages: Callable[[Slice], Iterable[Page]]) -> None:
        self.asked: list[Slice] = []
        self._pages = pages

    def read(self, part: Slice) -> Iterator[Page]:
        self.asked.append(part)
        yield from self._pages(part)


def records(pages: Iterable[Page]) -> list[dict[str, Any]]:
    """The finished records of pages, which are taken and released one by one."""
    found = []
    for page in pages:
        found += [json.loads(line) for line in splice(page.rows).splitlines()]
        page.release()
    return found


def rows(number: int) -> Sequence[Row[Any]]:
    """Rows that are no events."""
    return [Row(Raw(b"{}"), Identity("p", "o"))] * number


def runtime(workers: int = 2) -> Runtime:
    return Runtime(workers)

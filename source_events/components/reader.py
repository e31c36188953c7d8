"""The way of a page: ask, answer, select, hand over, next.

A slice is read to its end by one thread, unless it is dense and other workers are idle. Whoever takes a page owns its
memory.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from airbyte_cdk.models import FailureType

from source_events.components.decoder import Decoder
from source_events.components.division import Division
from source_events.components.errors import Expired
from source_events.components.paging import (
    MOST_BEGINNINGS,
    Continuation,
    CutOff,
    Moved,
    Pages,
    Paging,
    SinglePage,
    Unpaged,
)
from source_events.components.requester import Requester
from source_events.components.selection import Selection, SliceSelection
from source_events.components.templates import InvalidManifest
from source_events.components.windows import Slice
from source_events.records.page import Answer, Page, released_if_it_fails
from source_events.records.rows import Row
from source_events.runtime import StreamRun, failure

logger = logging.getLogger("airbyte")


class Reader(Protocol):
    """What reads slices, page by page."""

    def read(self, part: Slice) -> Iterator[Page]: ...


class EndpointReader(Reader, Protocol):
    """What reads an endpoint, of which a single request can be made, too."""

    def first_answer(self, part: Slice) -> Answer | None: ...


class PageReader:
    """Reads slices of one endpoint. With `division`, dense ones are divided among idle workers.

    :raises InvalidManifest: if pages could not be told apart, or not be found
    """

    def __init__(
        self,
        stream: StreamRun,
        requester: Requester,
        selection: Selection,
        paging: Paging | None = None,
        division: Division | None = None,
    ) -> None:
        if paging is None:
            paging = SinglePage() if requester.most_pages else Unpaged(requester.limit)
        elif requester.has_body:
            raise InvalidManifest(
                "What pages are asked for stands in the address: a request with a `body` or a `form` has none."
            )
        if paging.follows_answers and not requester.decoder.names_next:
            raise InvalidManifest(
                f"{type(paging).__name__} follows what an answer says of the next page, and the decoder has no `next`."
            )
        self._stream = stream
        self._requester = requester
        self._paging = paging
        self._selection = selection
        self._division = division

    @property
    def decoder(self) -> Decoder:
        return self._requester.decoder

    @property
    def names_contact(self) -> bool:
        """Whether its requests say which contact they are about."""
        return self._requester.names_contact

    def first_answer(self, part: Slice) -> Answer | None:
        """What the API answers to the first request of a slice; nothing, where it does not know the contact."""
        return self._requester.ask(part, self._paging.begin().first, reserve=False)

    def first_rows(self, part: Slice) -> Iterable[Row[Any]]:
        """The rows of that answer, of which none is counted."""
        answer = self.first_answer(part)
        return self._selection.begin(part).decoded(answer, self._requester.decoder) if answer else ()

    def read(self, part: Slice) -> Iterator[Page]:
        """The pages of a slice that have records.

        :raises AirbyteTracedException: if the slice cannot be read to its end
        """
        parts = [part]
        while parts:
            part = parts.pop(0)
            try:
                yield from self._read_until_it_stays(part)
            except (Expired, CutOff) as problem:
                parts[:0] = self._halves(part, problem)

    def _read_until_it_stays(self, part: Slice) -> Iterator[Page]:
        """Read a slice, anew if rows move between its pages meanwhile, or a scroll expires that cannot be halved."""
        for beginning in range(MOST_BEGINNINGS + 1):
            pages = self._paging.begin(beginning)
            try:
                yield from self._read_pages(part, pages, self._selection.begin(part))
                return
            except Moved:
                logger.info(f"{self._stream.name}: rows have moved while a slice was read, so it is read anew.")
            except Expired as problem:
                if self._selection.by_time or beginning == MOST_BEGINNINGS:
                    raise
                logger.info(f"{self._stream.name}: {problem}. The list is read anew.")

    def _read_pages(self, part: Slice, pages: Pages, selection: SliceSelection) -> Iterator[Page]:
        following: Continuation | None = pages.first
        while following is not None:
            answer = self._requester.ask(part, following)
            if answer is None:
                return
            page = selection.page_of(answer, self._requester.decoder)
            # A page keeps what it needs of the answer, and lets go of it when it is written.
            del answer
            with released_if_it_fails(page):
                following = pages.next(page)
                if pages.number == 1:
                    self._expect(page, pages)
                    few = self._requester.most_pages is not None
                    if following and self._division and not few and (parts := self._division.parts(part, page)):
                        yield from self._divide(page, parts)
                        return
                if pages.number == self._requester.most_pages:
                    following = None
                yield from handed_over(page)
        self._stream.counts.end_slice(pages.received, pages.announced)

    def _divide(self, page: Page, parts: list[Slice]) -> Iterator[Page]:
        """The records of the first page that no part has, and those of all parts, in the order in which they come."""
        assert self._division is not None
        self._stream.counts.end_slice(page.count, page.count)
        yield from handed_over(page)
        yield from self._division.read_together(parts, self.read)

    def _expect(self, page: Page, pages: Pages) -> None:
        """The other rows of a slice are likely to become as many records as those of its first page."""
        if page.announced and page.received and not pages.beginning:
            self._stream.counts.expect(page.announced * page.count // page.received)

    def _halves(self, part: Slice, problem: Exception) -> list[Slice]:
        if not self._selection.by_time:
            message = f"{problem}, and a list cannot be divided. Try again later, with fewer workers."
            raise failure(message, FailureType.transient_error)
        halves = part.halves()
        if not halves:
            raise failure(
                f"{problem}, also within a single second ({part.first}). Choose a shorter window_size, or fewer "
                "workers if the scrolls expire while others are read.",
                FailureType.transient_error,
            )
        logger.info(
            f"{self._stream.name}: {problem}. The slice from {part.first} to {part.last} is read in two halves."
        )
        return halves


def handed_over(page: Page) -> Iterator[Page]:
    """The page, if it has records; whoever takes it owns its memory."""
    if page.count:
        yield page

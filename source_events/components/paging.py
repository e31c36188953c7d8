"""Paging that ends on what the API really says, and never runs in circles.

A paging begins with each slice and is told of each page. It says what the next request asks for, or that the slice is
at its end.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from airbyte_cdk.models import FailureType

from source_events.components.templates import InvalidManifest
from source_events.records.page import Page
from source_events.runtime import failure

PageParameters = Mapping[str, str | int]
"""What a request says of the page that it wants."""


@dataclass(frozen=True)
class Link:
    """The address of a page, which takes the place of the request's own with all its parameters."""

    address: str


Continuation = PageParameters | Link
"""How a page is asked for."""

MOST_BEGINNINGS = 3
"""How often a slice is begun anew because it changes while it is read; a total that is never the same means nothing."""


class Moved(Exception):
    """Rows have moved between the pages of a slice: it must be read anew from its first page."""


class Paging(ABC):
    """How the pages of an endpoint follow each other.

    A page ends its slice if it has no rows. It also does if all that is announced has been received, and either
    `total`, by documentation, is the number of all the rows, or the page has fewer rows than the fullest one that the
    endpoint has served in this sync. An announced number alone ends nothing, and one that is less than what came is no
    number of all the rows.
    """

    follows_answers = False
    """Whether an answer must say where the next page is."""

    def __init__(self, *, total: bool = False) -> None:
        self._total = total
        self._fullest = 0
        self._lock = threading.Lock()

    @abstractmethod
    def begin(self, beginning: int = 0) -> Pages:
        """The pages of a slice, which has been begun so often before."""

    def is_last(self, page: Page, received: int) -> bool:
        with self._lock:
            fullest, self._fullest = self._fullest, max(self._fullest, page.received)
        if not page.received:
            return True
        return received == page.announced and (self._total or page.received < fullest)


class Pages(ABC):
    """The pages of one slice that have been read so far.

    `received` counts their rows; `announced` is the total of the first answer, `total` that of the last.
    """

    def __init__(self, paging: Paging, beginning: int = 0) -> None:
        self.beginning = beginning
        self.received = 0
        self.announced: int | None = None
        self.total: int | None = None
        self.number = 0
        self._paging = paging
        self._fingerprints: set[int] = set()

    @property
    def first(self) -> PageParameters:
        """What the first request asks for."""
        return {}

    def next(self, page: Page) -> Continuation | None:
        """What the request behind this page asks for; nothing, if the slice is at its end.

        :raises Moved: if the slice must be begun anew
        :raises AirbyteTracedException: if the API repeats a page
        """
        self.look_at(page)
        self.announced = self.announced if self.number else page.announced
        self.total = page.announced
        self.received += page.received
        if page.received:
            self.number += 1
        return None if self._paging.is_last(page, self.received) else self.following(page)

    @abstractmethod
    def following(self, page: Page) -> Continuation | None:
        """What the request behind a page with rows asks for."""

    def look_at(self, page: Page) -> None:
        """See whether a page goes on from those before."""
        if not page.received:
            return
        if page.fingerprint in self._fingerprints:
            raise failure(
                f"The API repeats a page after {self.received + page.received} rows instead of going on. "
                "Try again later; if it persists, choose a shorter window_size.",
                FailureType.transient_error,
            )
        self._fingerprints.add(page.fingerprint)

    def growth(self, page: Page) -> int:
        """By how much the total has grown since the last page; negative if it has shrunk.

        Rows that are deleted or added while pages are read, which count by rows, move others from page to page. No
        growth is made out where the numbers cannot be totals: some APIs announce the rows of a page, or those that are
        yet to come.
        """
        before, total, end = self.total, page.announced, self.received + page.received
        if not before or not total or total < (end if page.received else 1):
            return 0
        a_page = self.received // self.number if self.number else 0
        return total - before if abs(total - before) < a_page else 0


class Unpaged(Paging):
    """An endpoint of which a manifest names no paging, so that one answer must be all there is.

    `limit` is the number of rows that were asked for, if any.
    """

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self.limit = limit

    def begin(self, beginning: int = 0) -> Pages:
        return WholeAnswer(self, beginning)


class WholeAnswer(Pages):
    _paging: Unpaged

    def following(self, page: Page) -> None:
        limit, announced = self._paging.limit, page.announced
        if page.token or (announced or 0) > page.received or (limit and page.received >= limit):
            says = "a next page" if page.token else f"{announced or 'perhaps more'} rows"
            raise InvalidManifest(
                f"An answer has {page.received} rows and there are {says}, but the manifest names no `paging` for the "
                "endpoint, so that the others would be lost."
            )


class SinglePage(Paging):
    """An endpoint without a next page.

    An answer with `limit` rows may have been cut off; so may one with a lower round number of rows, which a server may
    keep to, unless it announces that these are all. An announced total alone proves nothing.
    """

    def __init__(self, limit: int | None = None) -> None:
        super().__init__()
        self.limit = limit

    def begin(self, beginning: int = 0) -> Pages:
        return OnlyPage(self, beginning)


class CutOff(Exception):
    """An answer may lack rows, and there is no next page: the slice must be divided."""


class OnlyPage(Pages):
    _paging: SinglePage

    def following(self, page: Page) -> PageParameters | None:
        rows, announced, limit = page.received, page.announced, self._paging.limit
        capped_lower = (announced is None or announced > rows) and rows >= 100 and rows % 100 == 0
        if limit is not None and (rows >= limit or capped_lower):
            raise CutOff(f"{rows} rows and no next page")
        return None


class TokenPaging(Paging):
    """Follows the token of each answer until an answer has no rows or no token; it may be the same on each page.

    Where it is not documented what the token is called, a first page of `expected_behind` rows must have one.
    """

    follows_answers = True

    def __init__(self, parameter: str, *, total: bool = False, expected_behind: int | None = None) -> None:
        super().__init__(total=total)
        self.parameter = parameter
        self.expected_behind = expected_behind

    def begin(self, beginning: int = 0) -> Pages:
        return TokenPages(self, beginning)


class TokenPages(Pages):
    _paging: TokenPaging

    def following(self, page: Page) -> PageParameters | None:
        if page.token:
            return {self._paging.parameter: page.token}
        if self.number == 1 and page.received == self._paging.expected_behind:
            raise failure(
                f"The first answer has {page.received} rows and no `{self._paging.parameter}` that leads to more, so "
                "that others would be lost. Please report it together with the provider's name.",
                FailureType.system_error,
            )
        return None


class LinkPaging(Paging):
    """Follows the link of each answer, as it is, until an answer has no rows or no link."""

    follows_answers = True

    def begin(self, beginning: int = 0) -> Pages:
        return LinkedPages(self, beginning)


class LinkedPages(Pages):
    def following(self, page: Page) -> Link | None:
        return Link(page.token) if page.token else None


class OffsetPaging(Paging):
    """Asks on behind the rows that came.

    A page shorter than asked for says nothing, because the largest page that the API gives is not known. Where the
    total shrinks, rows have been deleted, and as many others may have moved to a page that has been read already: the
    slice is begun anew. With `grows_in_front` so it is where the total grows: new rows do not come last.
    """

    def __init__(self, parameter: str = "offset", *, total: bool = False, grows_in_front: bool = False) -> None:
        super().__init__(total=total)
        self.parameter = parameter
        self.grows_in_front = grows_in_front

    def begin(self, beginning: int = 0) -> Pages:
        return OffsetPages(self, beginning)


class OffsetPages(Pages):
    _paging: OffsetPaging

    def look_at(self, page: Page) -> None:
        growth = self.growth(page)
        if self.beginning < MOST_BEGINNINGS and (growth < 0 or (growth > 0 and self._paging.grows_in_front)):
            raise Moved
        super().look_at(page)

    def following(self, page: Page) -> PageParameters | None:
        return {self._paging.parameter: self.received}


class NumberPaging(Paging):
    """Asks for one page number after the other."""

    def __init__(self, parameter: str = "page", first: int = 1, *, total: bool = False) -> None:
        super().__init__(total=total)
        self.parameter = parameter
        self.first = first

    def begin(self, beginning: int = 0) -> Pages:
        return NumberedPages(self, beginning)


class NumberedPages(Pages):
    _paging: NumberPaging

    @property
    def first(self) -> PageParameters:
        return {self._paging.parameter: self._paging.first}

    def following(self, page: Page) -> PageParameters | None:
        return {self._paging.parameter: self._paging.first + self.number}

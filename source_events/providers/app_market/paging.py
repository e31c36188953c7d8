"""App Market's pages, of which only the offset is documented."""

from __future__ import annotations

import logging

from airbyte_cdk.models import FailureType

from source_events.providers.kit import (
    Continuation,
    OffsetPages,
    OffsetPaging,
    Page,
    PageParameters,
    Pages,
    Runtime,
    failure,
)

logger = logging.getLogger("airbyte")


class InstancePaging(OffsetPaging):
    """Asks on behind the rows that came, until an answer has none; a short page alone ends nothing, nor does a total.

    An API that ignores the offset is found out by its first page, which comes again.
    """

    def __init__(self, runtime: Runtime, limit: int) -> None:
        super().__init__("offset", grows_in_front=True)
        self.limit = min(limit, runtime.most_rows or limit)
        self.told = False

    def begin(self, beginning: int = 0) -> Pages:
        return InstancePages(self, beginning)

    def is_last(self, page: Page, received: int) -> bool:
        return not page.received


class InstancePages(OffsetPages):
    _paging: InstancePaging

    @property
    def first(self) -> PageParameters:
        return {self._paging.parameter: 0}

    def next(self, page: Page) -> Continuation | None:
        if self._is_all_again(page):
            page.drop()
            if not self._paging.told:
                self._paging.told = True
                logger.warning(
                    "The API ignores `offset`. Answers with fewer rows than were asked for are taken as complete."
                )
            return None
        return super().next(page)

    def look_at(self, page: Page) -> None:
        """Equal rows of which the API announces more may fill several pages: they are events without an id."""
        if page.alike and (page.announced or 0) > self.received:
            self._fingerprints.discard(page.fingerprint)
        if page.fingerprint in self._fingerprints:
            raise failure(
                f"The API sends the same rows again after {self.received} rows: it ignores `offset`. "
                f"Choose a window_size so short that fewer than {page.received} events fall into each window.",
                FailureType.system_error,
            )
        super().look_at(page)

    def _is_all_again(self, page: Page) -> bool:
        """Whether a page is the first one again, and that was everything."""
        again = self.number == 1 and page.fingerprint in self._fingerprints
        return again and page.received < self._paging.limit and (page.announced or 0) <= self.received

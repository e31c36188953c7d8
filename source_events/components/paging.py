"""Paging that ends on what the API really says, and never runs in circles."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.records.page import Page, page_of
from source_events.transport.connection import PageResponse, connection_of, counts, stream_of


class PageToken(str):
    """A token as the API gave it, with what has been read on the way to it.

    `announced` is the total of the slice's first answer, `total` that of the last; `beginnings` counts how often the
    slice has been begun anew.
    """

    fingerprints: frozenset[int]
    received: int
    announced: int | None
    total: int | None
    beginnings: int

    def __new__(
        cls,
        value: str,
        fingerprints: frozenset[int],
        received: int,
        announced: int | None,
        total: int | None = None,
        beginnings: int = 0,
    ) -> "PageToken":
        token = super().__new__(cls, value)
        token.fingerprints = fingerprints
        token.received = received
        token.announced = announced
        token.total = total
        token.beginnings = beginnings
        return token

    def __deepcopy__(self, memo: dict[int, Any]) -> "PageToken":
        """Itself: the CDK copies the parameters of each request."""
        return self


START = PageToken("", frozenset(), 0, None)

MOST_BEGINNINGS = 3
"""How often a slice is begun anew because it changes while it is read; a total that is never the same means nothing."""


def announced_by(response: requests.Response) -> int | None:
    """The total that an answer announces, which may also be one without rows."""
    return response.answer.announced if isinstance(response, PageResponse) and response.answer else None


def growth(before: int | None, total: int | None, *, end: int, rows: int, pages: int) -> int:
    """By how much the total has grown from one answer of a slice to the next; negative if it has shrunk.

    Rows that are deleted or added while pages are read, which count by rows, move others from page to page. `end` is
    the place of the page's last row, `rows` are the page's, and `pages` counts it as well if it has any. No growth is
    made out where the numbers cannot be totals: some APIs announce the rows of a page, or those that are yet to come.
    """
    if not before or not total or total < (end if rows else 1):
        return 0
    earlier_pages = pages - bool(rows)
    a_page = (end - rows) // earlier_pages if earlier_pages else 0
    return total - before if abs(total - before) < a_page else 0


@dataclass
class TokenPagination(PaginationStrategy):
    """Follows the token of each answer until an answer has no rows or no token.

    The announced total never ends the paging. The token may be the same on each page; an answer with the same rows as
    an earlier one of the slice is an error, because it would go on for ever.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    @property
    def initial_token(self) -> None:
        return None

    def get_page_size(self) -> None:
        return None

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Record | None,
        last_page_token_value: Any | None,
        page_size_override: int | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> PageToken | None:
        before = last_page_token_value if isinstance(last_page_token_value, PageToken) else START
        page = page_of(last_record.data) if last_record else None
        following = self._after(page, before, response, stream_slice) if page else None
        if following is None or page is None or not page.token:
            self._finish(response, before if following is None else following, stream_slice)
            return None
        return following

    def _finish(self, response: requests.Response, end: PageToken, stream_slice: StreamSlice | None) -> None:
        """Count a slice that has come to its end. An answer without rows, too, may have announced some."""
        announced = announced_by(response) if end is START else end.announced
        if counts(stream_slice):
            connection_of(self.config).totals.finish(stream_of(response), end.received, announced)

    def _after(
        self, page: Page, before: PageToken, response: requests.Response, stream_slice: StreamSlice | None
    ) -> PageToken:
        received = before.received + page.received
        if page.fingerprint in before.fingerprints:
            raise AirbyteTracedException(
                message=f"The API repeats a page after {received} rows instead of going on. "
                "Try again later; if it persists, choose a shorter window_size.",
                internal_message="two answers of one slice have the same rows",
                failure_type=FailureType.transient_error,
            )
        announced = before.announced if before.fingerprints else page.announced
        if before is START and announced and counts(stream_slice):
            # The others are likely to become as many records as the rows of the first page.
            expected = announced * page.count // page.received
            connection_of(self.config).totals.begin(stream_of(response), expected)
        fingerprints = before.fingerprints | {page.fingerprint}
        return PageToken(page.token or "", fingerprints, received, announced, page.announced, before.beginnings)

"""Paging that ends on what the API really says, and never runs in circles."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.connection import PageResponse, connection_of, counts, stream_of
from source_events.page import Page, page_of


class PageToken(str):
    """A token as the API gave it, with what has been read on the way to it."""

    fingerprints: frozenset[int]
    received: int
    announced: int | None

    def __new__(cls, value: str, fingerprints: frozenset[int], received: int, announced: int | None) -> "PageToken":
        token = super().__new__(cls, value)
        token.fingerprints = fingerprints
        token.received = received
        token.announced = announced
        return token

    def __deepcopy__(self, memo: dict[int, Any]) -> "PageToken":
        """Itself: the CDK copies the parameters of each request."""
        return self


START = PageToken("", frozenset(), 0, None)


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
        announced = end.announced
        if end is START and isinstance(response, PageResponse) and response.answer:
            announced = response.answer.announced
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
        announced = page.announced if before is START else before.announced
        if before is START and announced and counts(stream_slice):
            # The others are likely to become as many records as the rows of the first page.
            expected = announced * page.count // page.received
            connection_of(self.config).totals.begin(stream_of(response), expected)
        return PageToken(page.token or "", before.fingerprints | {page.fingerprint}, received, announced)

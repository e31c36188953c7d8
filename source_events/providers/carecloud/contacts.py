"""The customers who occur in the feed, and the reading of their events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from airbyte_cdk.sources.types import Config

from source_events.providers.carecloud.clock import UNDATED
from source_events.providers.carecloud.reader import FeedReader
from source_events.providers.kit import (
    BatchReader,
    FeedContacts,
    PageReader,
    Runtime,
    Slice,
    StreamRun,
    from_begin_of_repeated_time,
    zone_of,
)


class Customers(FeedContacts):
    """The customers who occur in the feed."""

    def __init__(self, config: Config, feed: FeedReader) -> None:
        super().__init__(config, feed)
        self.feed = feed


class CustomerReader(BatchReader):
    """Reads customers, each in one window; from the start date on, it has no beginning.

    So it finds the customer's events without a time, too, which no other window has. A customer that is read from later
    on and has such events, as the feed tells, is asked for them apart.
    """

    def __init__(
        self, config: Config, runtime: Runtime, stream: StreamRun, contacts: Customers, events: PageReader
    ) -> None:
        super().__init__(runtime, stream, contacts, events)
        self._start_date: str = config["start_date"]
        self._zone = zone_of(config)
        self._feed = contacts.feed

    def slices_of(self, contact: str, start: str, end: str) -> Iterable[Slice]:
        if start == self._start_date:
            return [Slice(start, end, contact, open_start=True)]
        window = from_begin_of_repeated_time(Slice(start, end, contact), self._zone, self._start_date)
        if contact not in self._feed.customers_without_times():
            return [window]
        # An installation may filter the feed, but not yet the customers' events; so they are taken from one answer.
        return [replace(window, undated=False), replace(UNDATED, contact=contact)]

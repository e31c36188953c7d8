"""The instance's contacts: from their list and, where that has contacts without an id, from the events too."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from airbyte_cdk.sources.types import Config

from source_events.providers.app_market.answers import InstanceRow
from source_events.providers.kit import Contact, FeedContacts, PageReader, Slice

logger = logging.getLogger("airbyte")


class InstanceContacts(FeedContacts):
    """A contact without an id cannot be asked for. Where the list has such, those who occur in the events are read."""

    def __init__(self, config: Config, reader: PageReader, feed: PageReader) -> None:
        super().__init__(config, feed)
        self._reader = reader

    def contacts(self, start: str, end: str) -> Iterator[Contact]:
        without_id = 0
        for page in self._reader.read(Slice(start, end)):
            listed = [row.contact for row in page.rows if isinstance(row, InstanceRow)]
            page.release()
            yield from filter(None, listed)
            without_id += listed.count(None)
        if without_id:
            logger.info(f"The contact list has {without_id} contacts without an id; the events tell the others.")
            yield from super().contacts(start, end)

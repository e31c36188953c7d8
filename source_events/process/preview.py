"""The command `preview`: some records of a stream, read with few requests, as a table or as lines."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any

from source_events import providers
from source_events.components.contacts import BatchReader
from source_events.components.windows import SECOND, Slice
from source_events.process.people import configuration_for_people, tell
from source_events.process.progress import told
from source_events.process.table import Table
from source_events.process.unwritable import written
from source_events.records.lines import splice
from source_events.records.page import Page
from source_events.records.times import earlier
from source_events.settings.catalogue import check_streams
from source_events.source import bind

PREFERRED = "org_events"
SPANS = (timedelta(days=1), timedelta(days=7), timedelta(days=30), timedelta(days=365))
"""How far before the end the parts begin that are looked into one after the other, until there are enough records."""
MOST_CONTACTS = 20
"""Contacts that are asked for their events; most have some."""
ANY_TIME = "P36500D"
"""A single slice, however long the time: contacts are looked for slice by slice."""


def run(arguments: Namespace) -> None:
    """Show records; that there are none is a sentence on standard error."""
    config = configuration_for_people(arguments.config)
    with closing(Sample(config, arguments.stream, arguments.limit)) as sample:
        if arguments.json:
            with told(lambda: [f"{sample.name}: looking for records"]):
                for line in sample.lines():
                    with written():
                        sys.stdout.buffer.write(line)
        else:
            with told(lambda: [f"{sample.name}: looking for records"], beside_output=True):
                lines = list(sample.lines())
            if lines:
                with written():
                    Table(lines).show(sample.name, sample.system)
        if not sample.count:
            tell("note", sample.why_empty())


class Sample:
    """Some records of a stream, at most `limit`: recent ones, where it has a time.

    One thread reads it, and asks for no more rows than that at once, so that little is read that nobody sees.

    :raises InvalidConfiguration: if the configuration is wrong
    :raises InvalidDocument: if the system has no stream of this name
    """

    def __init__(self, config: Mapping[str, Any], name: str | None, limit: int) -> None:
        # What is of other types may have been sorted out here only: then a page must not be too small.
        rows = MANY if config.get("event_types") else limit
        self._source = bind({**config, "window_size": ANY_TIME}, sample=rows)
        self._limit = limit
        self.config = self._source.completed
        self.system: str = providers.connection_specification(self.config["provider"]["provider_type"])["title"]
        definitions = {each["name"]: each for each in self._source.resolved_manifest["streams"]}
        events = [each for each, definition in definitions.items() if "incremental_sync" in definition]
        self.name = name or next(iter([PREFERRED] if PREFERRED in definitions else events or definitions))
        check_streams([self.name], definitions)
        self._definition = definitions[self.name]
        self._has_times = "incremental_sync" in self._definition
        self.count = 0

    def close(self) -> None:
        """End all requests."""
        self._source.close()

    def lines(self) -> Iterator[bytes]:
        """The records, as JSON with a line break.

        :raises AirbyteTracedException: if they cannot be read
        """
        with closing(self._pages()) as pages:
            for page in pages:
                rows = page.rows
                page.release()
                for row in rows[: self._limit - self.count]:
                    self.count += 1
                    yield bytes(splice([row]))
                if self.count >= self._limit:
                    return

    def why_empty(self) -> str:
        span = f" from {self.config['start_date']} to {self.config['end_date']}" if self._has_times else ""
        looked_at = self._source.runtime.stream(self.name).counts.now.received
        if looked_at:
            return f"none of the {looked_at} rows that were looked at is a record of `{self.name}`{span}."
        return f"no records of `{self.name}` were found{span}."

    def _pages(self) -> Generator[Page, None, None]:
        reader = self._source.reader(self._definition)
        start, end = self.config["start_date"], self.config["end_date"]
        if isinstance(reader, BatchReader):
            for contact in self._contacts(reader, start, end):
                yield from reader.read({contact: start}, end)
            return
        for part in newest_first(start, end) if self._has_times else [Slice(start, end)]:
            yield from reader.read(part)

    def _contacts(self, reader: BatchReader, start: str, end: str) -> Iterator[str]:
        """Contacts that are likely to have events, each once."""
        listed = self.config["contact_ids"]
        if listed:
            yield from listed[:MOST_CONTACTS]
            return
        seen: set[str] = set()
        for part in newest_first(start, end):
            for contact in reader.contacts.contacts(part.first, part.last):
                if contact.id not in seen:
                    seen.add(contact.id)
                    yield contact.id
                if len(seen) == MOST_CONTACTS:
                    return


MANY = 1000
"""Rows that have some of the wanted types among them."""


def newest_first(start: str, end: str) -> Iterator[Slice]:
    """The time in parts, the newest first, and each longer than the one before: most accounts have recent events."""
    last = end
    for span in SPANS:
        first = max(earlier(end, span), start)
        yield Slice(first, last)
        if first == start:
            return
        last = earlier(first, SECOND)
    yield Slice(start, last)

"""The division of a read among tasks, by the driver: about equally heavy ranges of time, or batches of contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from isodate import parse_duration
from pyspark.sql.datasource import InputPartition

from source_events import arrow
from source_events.components.contacts import BatchReader
from source_events.components.windows import SECOND, Slice, moment
from source_events.records.times import earlier, format_time
from source_events.source import EventsDeclarativeSource
from source_events.spark.options import shares

RECORDS_WORTH_A_TASK, CONTACTS_WORTH_A_TASK = 10_000, 10
"""With fewer, the login and the last page of another task cost more than they gain."""
MOST_ROUNDS = 8
"""How often the heaviest range is halved at most: to a 256th of the whole."""
DOUBTFUL = 1.5
"""How many times their whole the halves may be together, while records are added, before they are the whole each."""


@dataclass(frozen=True)
class Portion(InputPartition):
    """What one task reads: a slice, or some contacts of one; `config` are its own values of the configuration."""

    part: Slice
    contacts: tuple[str, ...] | None
    config: Mapping[str, Any]

    def with_config(self, config: Mapping[str, Any]) -> Portion:
        """The same with these values, too."""
        return replace(self, config={**config, **self.config})

    def __repr__(self) -> str:
        contacts = "" if self.contacts is None else f", {len(self.contacts)} contacts"
        return f"Portion({self.part.first} to {self.part.last}{contacts})"


@dataclass(frozen=True)
class Range:
    """A range of time and the number of its records, as announced."""

    part: Slice
    records: float


def plan(config: Mapping[str, Any], stream: str, part: Slice, partitions: int, together: int) -> list[Portion]:
    """What the tasks read of a slice, at most `together` at the same time, which share the configuration's limits.

    At least one request is made, so that wrong credentials show before there are tasks.

    :raises InvalidConfiguration: if the configuration is wrong
    :raises InvalidDocument: if the system has no such stream
    :raises AirbyteTracedException: if a request fails
    """
    contacts = _contacts(config, stream, part)
    if contacts is not None:
        number = min(partitions, -(-len(contacts) // CONTACTS_WORTH_A_TASK))
        # One after the other in turn: a list by age has those with many events side by side.
        portions: list[tuple[Slice, tuple[str, ...] | None]] = [
            (part, tuple(contacts[place::number])) for place in range(number)
        ]
    else:
        with closing(arrow.bound(config, stream, sample=1, of_many=True)) as source:
            portions = [(each, None) for each in divided(source, stream, part, partitions)]
    share = shares(config, min(together, len(portions)))
    return [Portion(each, batch, share) for each, batch in portions]


def _contacts(config: Mapping[str, Any], stream: str, part: Slice) -> list[str] | None:
    """The contacts that the stream is read by; nothing, if it is not read contact by contact."""
    with closing(arrow.bound(config, stream, of_many=True)) as source:
        reader = source.reader(arrow.definition_of(source, stream))
        if not isinstance(reader, BatchReader):
            return None
        listed: list[str] = source.completed["contact_ids"]
        if not listed:
            return list(arrow.contacts_of(reader, part))
        # The list is given, and no request has shown yet that the others will be answered.
        reader.first_answer(listed[0], part.first, part.last)
        return listed


def divided(source: EventsDeclarativeSource, stream: str, part: Slice, partitions: int) -> list[Slice]:
    """Slices that are about equally heavy, if totals are announced; else of one length, `window_size` at least.

    `source` is one that asks for single rows.
    """
    definition = arrow.definition_of(source, stream)
    reader = source.reader(definition)
    if not hasattr(reader, "first_answer"):
        # A list that is made of several, which are short.
        return [part]
    total = announced(reader, part)
    if "incremental_sync" not in definition:
        return [part]
    if total is None:
        window = parse_duration(source.completed["window_size"]).total_seconds()
        return cut([Range(part, part.seconds)], min(partitions, -(-part.seconds // round(window))))
    number = min(partitions, -(-total // RECORDS_WORTH_A_TASK))
    ranges = [Range(part, total)]
    with ThreadPoolExecutor(source.runtime.num_workers, thread_name_prefix="totals") as pool:
        for _ in range(MOST_ROUNDS):
            heavy = [each for each in ranges if each.records * number > total and each.part.seconds > 1]
            if number < 2 or not heavy:
                break
            halves = dict(zip(heavy, pool.map(partial(halved, reader), heavy), strict=True))
            if sum(half.records for pair in halves.values() for half in pair) > total * DOUBTFUL:
                # The bounds are not taken notice of: each slice would be read as a whole.
                return [part]
            ranges = [half for each in ranges for half in halves.get(each, (each,))]
    return cut(ranges, number)


def announced(reader: Any, part: Slice) -> int | None:
    """How many records a slice has, if the API tells: asked for one row, it may also tell how many it answers with."""
    answer = reader.first_answer(part)
    if answer is None or not answer.rows:
        return 0
    return answer.announced if answer.announced and answer.announced > len(answer.rows) else None


def halved(reader: Any, whole: Range) -> tuple[Range, Range]:
    """The halves, for one request; the second is what is left, unless that is nothing."""
    first, second = whole.part.halves()
    records = announced(reader, first)
    if records is None:
        return Range(first, whole.records / 2), Range(second, whole.records / 2)
    left = whole.records - records
    return Range(first, records), Range(second, left if left > 0 else announced(reader, second) or 0)


def cut(ranges: Sequence[Range], number: int) -> list[Slice]:
    """The whole as so many slices of about the same number of records, which are taken to be even within a range."""
    total = sum(each.records for each in ranges)
    whole = replace(ranges[0].part, last=ranges[-1].part.last)
    ends, passed, wanted = [], 0.0, 1
    for each in ranges:
        begin = moment(each.part.first)
        while wanted < number and passed + each.records >= total * wanted / number:
            share = (total * wanted / number - passed) / each.records if each.records else 1
            ends.append(format_time(begin + timedelta(seconds=round(each.part.seconds * share)) - SECOND))
            wanted += 1
        passed += each.records
    slices: list[Slice] = []
    first = whole.first
    for last in [*ends, whole.last]:
        if first <= last <= whole.last:
            slices.append(replace(whole, first=first, last=last, undated=whole.undated and not slices))
            first = earlier(last, -SECOND)
    return slices

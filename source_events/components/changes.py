"""A list that can be sorted by its rows' last change, and not filtered: it is read to where the changes are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import MessageRepository
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, CursorField
from airbyte_cdk.sources.streams.concurrent.partitions.partition import Partition
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from isodate import parse_duration

from source_events.components.clock import from_begin_of_repeated_time
from source_events.components.reader import PageReader
from source_events.components.selection import OUTSIDE
from source_events.components.templates import Template
from source_events.components.windows import Slice
from source_events.components.zones import zone_named
from source_events.records.page import Page
from source_events.records.rows import EntityRow, Row
from source_events.records.times import earlier, to_the_second
from source_events.runtime import StreamRun


class ChangesReader:
    """Reads a list as a whole with the reader `whole`, and what has changed since a time with the reader `newest`.

    `newest` has the row in front that was changed last. `whole` is in an order in which a change moves nothing, or a
    row that is changed meanwhile would be passed over. `cursor_field` is the rows' own field with the time of the
    change, as catalogues call it; `time_zone`, which may be a template, is the zone of times that carry none.
    """

    def __init__(
        self,
        config: Config,
        stream: StreamRun,
        cursor_field: str,
        whole: PageReader,
        newest: PageReader,
        time_zone: str | None = None,
    ) -> None:
        self.cursor_field = cursor_field
        self.reached: str | None = None
        """The newest change, to the second in UTC, when the last reading began that has come to its end."""
        zone = Template(time_zone, config, {"config"}).render()
        self._zone = zone_named(zone) if zone else None
        self._stream = stream
        self._whole = whole
        self._newest = newest

    def read(self, part: Slice) -> Iterator[Page]:
        """All rows. What changes while they are read is newer than what is reached with them."""
        reached = newest_of(self._newest.first_rows(part))
        yield from self._whole.read(part)
        self.reached = reached

    def changes(self, part: Slice) -> Iterator[Page]:
        """The rows that have been changed since the begin of the slice, and those of its repeated time.

        The first row that is older ends the list, if its page is in the order that was asked for. A row that is changed
        while pages are read comes in front of them, and with the next reading.
        """
        since = self._begin_of_repeated_time(part)
        reached: str | None = None
        for number, page in enumerate(self._newest.read(part)):
            times = [_changed(row) for row in page.rows]
            if not number:
                reached = max(times, default="") or None
            kept = [row for row, time in zip(page.rows, times, strict=True) if time >= since]
            older = len(times) - len(kept)
            self._stream.counts.count_rows(0, {OUTSIDE: older})
            # A page of its own: to leave the reader releases the one that it has handed over last.
            own, page.memory = replace(page, rows=kept), None
            if kept:
                yield own
            else:
                own.release()
            if older and _descends(times):
                break
        self.reached = reached

    def _begin_of_repeated_time(self, part: Slice) -> str:
        start = Slice(part.first, part.first)
        return (from_begin_of_repeated_time(start, self._zone, "") if self._zone else start).first


def newest_of(rows: Iterable[Row[Any]]) -> str | None:
    """The time of the newest change, if there is one."""
    return max(map(_changed, rows), default="") or None


def _changed(row: Row[Any]) -> str:
    """To the second. Of a row that does not say when, before all times."""
    time = row.changed_at if isinstance(row, EntityRow) else None
    return to_the_second(time) if time else ""


def _descends(times: Sequence[str]) -> bool:
    return all(before >= after for before, after in pairwise(times))


class ChangesCursor(Cursor):
    """How far the changes of a list are known.

    State: `changed_at`, up to when. It moves when a reading has come to its end, because that begins with the newest.
    """

    def __init__(
        self,
        stream: StreamRun,
        config: Config,
        reader: ChangesReader,
        message_repository: MessageRepository,
        state_manager: ConnectorStateManager,
    ) -> None:
        self.cursor_field = CursorField(reader.cursor_field)
        self._stream = stream
        self._config = config
        self._reader = reader
        self._message_repository = message_repository
        self._state_manager = state_manager
        self._lookback = parse_duration(config["lookback_window"])
        self._changed_at: str | None = state_manager.get_stream_state(stream.name, None).get("changed_at")

    @property
    def state(self) -> MutableMapping[str, Any]:
        return {"changed_at": self._changed_at} if self._changed_at else {}

    def stream_slices(self) -> Iterable[StreamSlice]:
        known = self._changed_at
        yield StreamSlice(partition={}, cursor_slice={"since": earlier(known, self._lookback)} if known else {})

    def observe(self, record: Record) -> None:
        """Newest first, the records tell nothing before the last of them."""

    def close_partition(self, partition: Partition) -> None:
        self._changed_at = max(filter(None, (self._changed_at, self._reader.reached)), default=None)
        self._emit()

    def ensure_at_least_one_state_emitted(self) -> None:
        self._emit()

    def should_be_synced(self, record: Record) -> bool:
        return True

    def _emit(self) -> None:
        self._state_manager.update_state_for_stream(self._stream.name, None, self.state)
        self._message_repository.emit_message(self._state_manager.create_state_message(self._stream.name, None))

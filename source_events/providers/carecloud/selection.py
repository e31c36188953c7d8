"""Which events of an answer belong to a slice: some have no time, and some a time that means two instants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airbyte_cdk.sources.types import Config

from source_events.providers.carecloud.clock import NEVER, UNDATED
from source_events.providers.kit import (
    Envelope,
    EventSelection,
    Row,
    Slice,
    SliceEvents,
    StreamRun,
    repeated_times,
    zone_of,
)


class FilterIgnored(Exception):
    """The installation is older than the time filter: it answers with events of other times than it was asked for."""


class ProjectSelection(EventSelection):
    """Keeps events without a time in the one slice that is for them, so that they come once."""

    def __init__(self, config: Config, stream: StreamRun) -> None:
        super().__init__(config, stream)
        self.zone = zone_of(config)

    def begin(self, part: Slice) -> SliceEvents:
        return ProjectEvents(self, part)


class ProjectEvents(SliceEvents):
    def __init__(self, selection: ProjectSelection, part: Slice) -> None:
        super().__init__(selection, part)
        self._repeated = [] if part.last == NEVER else repeated_times(part.first, part.last, selection.zone)

    def choose(self, rows: list[Row[Any]]) -> tuple[list[Row[Any]], Mapping[str, int]]:
        """
        :raises FilterIgnored: if the feed was asked for events without a time, and has one with a time here
        """
        # A year later than was asked for, because the bound is on the project's clock and this time is not.
        if self.part == UNDATED and any(row.envelope.createdAt and row.envelope.createdAt >= "1903" for row in rows):
            raise FilterIgnored
        return super().choose(rows)

    def within(self) -> Callable[[Envelope], bool]:
        """Whether an event belongs to the slice: one of the instants that its time may mean does, or it has no time."""
        instant_within, repeated, undated = super().within(), self._repeated, self.stream.undated

        def within(envelope: Envelope) -> bool:
            if instant_within(envelope):
                if envelope.createdAt is None:
                    undated.add(envelope.id)
                return True
            time = envelope.createdAt
            later = next(filter(None, (each.later(time) for each in repeated)), None) if time else None
            return later is not None and self.part.first[:19] <= later[:19] <= self.part.last[:19]

        return within

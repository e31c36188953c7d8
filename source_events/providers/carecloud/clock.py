"""Windows on the project's clock: the API's times are local and carry no offset, and some events have none."""

from __future__ import annotations

from collections.abc import Mapping

from source_events.providers.kit import LocalWindows, Slice

BEFORE_ALL_EVENTS = "1902-01-01 00:00:00"
"""Before every event, also one that has the time 0 of some clock by mistake, and a year that any server can read."""
NEVER = "0001-01-01T00:00:00Z"
"""Both ends of a slice that has the events without a time and no others."""
UNDATED = Slice(NEVER, NEVER, open_start=True)


class ProjectWindows(LocalWindows):
    """Bounds on the project's clock, of which it is not documented whether they are inclusive."""

    def of(self, part: Slice) -> Mapping[str, str]:
        if part.last == NEVER:
            return {"start": "", "end": BEFORE_ALL_EVENTS}
        return super().of(part)

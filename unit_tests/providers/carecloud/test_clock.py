from __future__ import annotations

from source_events.components.windows import Slice
from source_events.providers.carecloud.clock import NEVER, UNDATED, ProjectWindows
from unit_tests.providers.carecloud.project import config


def test_events_without_a_time_are_asked_for_before_all_others() -> None:
    assert ProjectWindows(config()).of(UNDATED) == {"start": "", "end": "1902-01-01 00:00:00"}
    assert (UNDATED.first, UNDATED.last, UNDATED.undated) == (NEVER, NEVER, True)


def test_all_others_in_windows_on_the_projects_clock() -> None:
    window = ProjectWindows(config()).of(Slice("2024-01-10T00:00:00Z", "2024-01-10T23:59:59Z"))
    assert window == {"start": "2024-01-10 00:59:59", "end": "2024-01-11 01:00:00"}

"""A sync of one slice with many events keeps all workers busy, and reads each event once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from integration_tests import carecloud, cloud4wi
from integration_tests.connector import Json, once, read
from sandbox.process import Sandbox

EVENTS, WORKERS = 6000, 6
DAY = {"start_date": "2024-01-01T00:00:00Z", "end_date": "2024-01-01T23:59:59Z", "num_workers": WORKERS}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=EVENTS, contacts=20, no_example=True, start=DAY["start_date"], end=DAY["end_date"]) as running:
        yield running


@pytest.mark.parametrize(
    ("provider", "cap", "config"),
    [("cloud4wi", {"page_cap": 500}, cloud4wi.config), ("carecloud", {"count_cap": 500}, carecloud.config)],
)
def test_a_day_of_many_events_is_read_by_all_workers(
    sandbox: Sandbox, provider: str, cap: dict[str, int], config: Callable[..., Json]
) -> None:
    control = sandbox.control
    control.reset()
    control.behaviour(provider, **cap)
    control.add_fault(path="/events$", delay=0.1, times=None)
    output = read(config(sandbox.url, **DAY), "org_events")
    assert (output.status, output.errors) == (0, [])
    assert output.ids("org_events") == once(control.event_ids(provider))
    assert 3 < control.max_in_flight() <= WORKERS
    pages = [request for request in control.requests() if request["path"].endswith("/events") and request["rows"]]
    # Beside the pages themselves, the first one of what was divided, and a short one at the end of each part.
    assert len(pages) <= EVENTS / 500 + 3 * WORKERS

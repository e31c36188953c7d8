"""The hour that a clock change repeats, from end to end: an event of its second pass has the time of the first.

In Prague, the hour from 00:00 UTC on 27 October 2024 came again at 01:00 UTC.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from unit_tests.exchange import Request, Response, Transport
from unit_tests.reading import Output, read, stream_state

PROVIDER = {
    "provider_type": "carecloud",
    "api_url": "https://project.example.com/v1.0",
    "time_zone": "Europe/Prague",
    "credentials": {"auth_type": "basic", "login": "l", "password": "a-fake-password"},
}


class Project:
    """Events of one customer with local times, which the API filters and sorts by as they are."""

    def __init__(self, network: Transport) -> None:
        self.events: dict[str, str] = {}
        network.answer = self._answer  # type: ignore[method-assign]

    def _answer(self, made: Request) -> Response:
        query = dict(made.query)
        first, last = query.get("time_from", ""), query.get("time_to", "9999")
        rows = [
            {"event_id": name, "customer_id": "c", "created_at": time}
            for name, time in sorted(self.events.items(), key=lambda event: event[1])
            if first <= time <= last
        ]
        name = "customer_events" if "/customers/" in made.url else "events"
        return Response(json.dumps({"data": {name: rows, "total_items": len(rows)}}).encode())

    def sync(self, stream: str, end: str, state: dict[str, Any] | None = None, **config: Any) -> Output:
        settings = {
            "provider": PROVIDER,
            "start_date": "2024-10-20T00:00:00Z",
            "end_date": f"2024-10-27T{end}Z",
            "lookback_window": "PT1M",
            **config,
        }
        output = read(stream, config=settings, state=stream_state(stream, state) if state else None)
        assert output.failure is None
        return output


@pytest.fixture
def project(network: Transport) -> Project:
    return Project(network)


@pytest.mark.parametrize("stream", ["org_events", "contact_events"])
@pytest.mark.parametrize("window", ["P7D", "PT20M"])
def test_an_event_of_the_second_pass_is_read_by_the_next_sync(project: Project, stream: str, window: str) -> None:
    project.events["first pass"] = "2024-10-27 02:29:30"
    first = project.sync(stream, "00:30:00", window_size=window)
    assert first.ids() == ["first pass"]
    assert first.states[-1]["createdAt"] == "2024-10-27T00:29:30Z"
    project.events["second pass"] = "2024-10-27 02:10:00"
    second = project.sync(stream, "01:40:00", first.states[-1], window_size=window)
    assert set(second.ids()) == {"first pass", "second pass"}


@pytest.mark.parametrize("stream", ["org_events", "contact_events"])
@pytest.mark.parametrize("cursor", ["00:00:30", "00:59:59", "01:30:00", "02:00:00"])
def test_re_reading_goes_back_to_the_begin_of_the_hour(project: Project, stream: str, cursor: str) -> None:
    """However short the lookback, from wherever within it or just behind it."""
    project.events["late"] = "2024-10-27 02:00:00"
    output = project.sync(stream, "06:00:00", {"createdAt": f"2024-10-27T{cursor}Z"})
    assert output.ids() == ["late"]


@pytest.mark.parametrize("stream", ["org_events", "contact_events"])
@pytest.mark.parametrize("time", ["2024-10-27 01:59:59", "2024-10-27 03:00:00"], ids=["before", "behind"])
def test_what_is_not_of_that_hour_is_read_from_the_lookback(project: Project, stream: str, time: str) -> None:
    project.events["other"] = time
    output = project.sync(stream, "06:00:00", {"createdAt": "2024-10-27T03:30:00Z"})
    assert output.ids() == []


def test_no_event_is_lost_and_no_other_repeated_when_windows_end_within_the_hour(project: Project) -> None:
    minutes = range(0, 60, 5)
    project.events = {
        f"{hour:02}:{minute:02}": f"2024-10-27 {hour:02}:{minute:02}:00" for hour in (1, 2, 3) for minute in minutes
    }
    found = project.sync("org_events", "06:00:00", window_size="PT20M").ids()
    assert set(found) == set(project.events)
    repeated = {name for name in found if found.count(name) > 1}
    assert repeated == {name for name in project.events if name.startswith("02")}

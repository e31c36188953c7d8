"""No request is made whose answer is known: how many requests a sync takes, from whole APIs in small."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

import pytest

from unit_tests.exchange import Request, Response, Transport
from unit_tests.reading import Output, read, stream_state

CARECLOUD = {
    "provider_type": "carecloud",
    "api_url": "https://project.example.com/v1.0",
    "time_zone": "UTC",
    "credentials": {"auth_type": "basic", "login": "l", "password": "a-fake-password"},
}
SWIPE_ONE = {"provider_type": "swipe_one", "workspace_id": "w", "api_key": "a-fake-key"}
BEGIN = datetime(2024, 1, 1, tzinfo=timezone.utc)


class Project:
    """CareCloud with events at these times, local ones in UTC."""

    def __init__(self, *times: datetime) -> None:
        self.times = sorted(time.strftime("%Y-%m-%d %H:%M:%S") for time in times)
        self.asked: list[Request] = []

    def answer(self, made: Request) -> Response:
        self.asked.append(made)
        query = dict(made.query)
        first, last = query.get("time_from", ""), query.get("time_to", "9999")
        found = [(number, time) for number, time in enumerate(self.times) if first <= time <= last]
        offset = int(query.get("offset", "0"))
        rows = [
            {"event_id": f"e{number}", "customer_id": f"c{number % 7}", "created_at": time, "property_records": RECORDS}
            for number, time in found[offset : offset + int(query["count"])]
        ]
        name = "customer_events" if "/customers/" in made.url else "events"
        return Response(json.dumps({"data": {name: rows, "total_items": len(found)}}).encode())

    def read(self, network: Transport, stream: str, **config: Any) -> Output:
        network.answer = self.answer  # type: ignore[method-assign]
        settings = {"provider": CARECLOUD, "start_date": "2024-01-01", "end_date": "2024-01-31", **config}
        return read(stream, config=settings)


RECORDS = [{"property_id": "p", "property_value": 1}]


class TestCareCloud:
    """One request tells whether there are events without a time; of each window the first page says how many there
    are in all, and a page that completes them is the last."""

    def test_a_month_of_daily_windows_with_a_page_each_takes_a_request_for_each(self, network: Transport) -> None:
        project = Project(*(BEGIN + timedelta(days=day, hours=12) for day in range(31)))
        output = project.read(network, "org_events", window_size="P1D")
        assert len(output.records()) == 31
        assert len(project.asked) == 32

    def test_windows_without_an_event_take_one_each(self, network: Transport) -> None:
        project = Project()
        assert project.read(network, "org_events", window_size="P1D").records() == []
        assert len(project.asked) == 32

    @pytest.mark.parametrize(("stream", "most"), [("org_events", 8), ("property_records", 8)])
    def test_five_thousand_events_in_one_window_take_little_more_than_five(
        self, network: Transport, stream: str, most: int
    ) -> None:
        """The first page is kept; the others are shared out to as many parts as fill a page nearly, each."""
        project = Project(*(BEGIN + timedelta(seconds=500 * number) for number in range(5000)))
        output = project.read(network, stream, window_size="P60D")
        assert len(output.records()) == len({record["id"] for record in output.records()}) == 5000
        assert len(project.asked) <= most

    def test_a_full_last_page_is_the_last_too(self, network: Transport) -> None:
        project = Project(*(BEGIN + timedelta(seconds=number) for number in range(2000)))
        output = project.read(network, "org_events", window_size="P60D", num_workers=1)
        assert len(output.records()) == 2000
        assert [dict(made.query).get("offset") for made in project.asked] == [None, None, "1000"]


class Workspace:
    """Swipe One with contacts that have so many events each."""

    def __init__(self, *events: int) -> None:
        self.events = {f"c{number:04}": count for number, count in enumerate(events)}
        self.active = dict.fromkeys(self.events, "2024-01-05T00:00:00.000Z")
        self.asked: Counter[str] = Counter()

    def answer(self, made: Request) -> Response:
        query, path = dict(made.query), urlsplit(made.url).path.split("/")
        if path[-1] == "contacts":
            self.asked["list"] += 1
            offset = int(query.get("searchAfter", "0"))
            listed = list(self.events)[offset : offset + 100]
            after = {"searchAfter": str(offset + 100)} if offset + 100 < len(self.events) else {}
            data: dict[str, Any] = {
                "contacts": [
                    {"_id": name, "createdAt": "2023-01-01T00:00:00Z", "lastActivityDate": self.active[name]}
                    for name in listed
                ],
                **after,
            }
        else:
            contact = path[-2]
            self.asked[contact] += 1
            first = (int(query["page"]) - 1) * 100
            rows = [
                {"type": "t", "timestamp": "2024-01-05T00:00:00Z", "properties": {"n": number}}
                for number in range(self.events[contact])
            ]
            data = {"events": rows[first : first + 100], "count": len(rows)}
        return Response(json.dumps({"status": "success", "data": data}).encode())

    def read(
        self, network: Transport, state: Mapping[str, Any] | None = None, contacts: str = "all", **config: Any
    ) -> Output:
        network.answer = self.answer  # type: ignore[method-assign]
        provider = {**SWIPE_ONE, "contacts": contacts}
        settings = {"provider": provider, "start_date": "2024-01-01", "end_date": "2024-01-31", **config}
        return read("contact_events", config=settings, state=stream_state("contact_events", state) if state else None)


class TestSwipeOne:
    """No page size is documented as the largest: a page ends a contact if it is not full, as far as that is known."""

    def test_three_hundred_contacts_with_a_page_each_take_little_more_than_three_hundred(
        self, network: Transport
    ) -> None:
        # Two batches of contacts are read side by side: each has a contact with more events.
        workspace = Workspace(*(99 - number // 25 if number % 25 == 5 else 1 + number % 9 for number in range(300)))
        output = workspace.read(network, num_workers=1)
        assert len(output.records()) == sum(workspace.events.values())
        assert workspace.asked.pop("list") == 3
        # Only before the first contacts with more events it is not known that a page could have had more rows.
        assert set(workspace.asked.values()) == {1, 2}
        assert workspace.asked.total() <= 320

    def test_of_twenty_thousand_contacts_of_whom_a_hundredth_was_active_few_are_asked_for(
        self, network: Transport
    ) -> None:
        workspace = Workspace(*[1] * 20_000)
        active = [name for number, name in enumerate(workspace.active) if number % 100 == 7]
        workspace.active.update(dict.fromkeys(active, "2024-01-20T12:00:00.000Z"))
        output = workspace.read(network, {"createdAt": "2024-01-20T00:00:00Z"}, "recently_active")
        assert output.errors == []
        assert workspace.asked.pop("list") == 200
        assert set(active) <= set(workspace.asked)
        assert len(workspace.asked) == 200 + 198
        # Of a few contacts a second page is asked for, before it is known how many rows a page may have.
        assert 200 + workspace.asked.total() < 900

    def test_a_contact_with_several_pages_needs_no_empty_one(self, network: Transport) -> None:
        workspace = Workspace(250)
        assert len(workspace.read(network).records()) == 250
        assert workspace.asked["c0000"] == 3

    def test_contacts_with_equal_full_pages_are_asked_for_the_next(self, network: Transport) -> None:
        """A server may keep to a lower limit than was asked for: ten rows may be a full page."""
        workspace = Workspace(*[10] * 5)
        assert len(workspace.read(network, num_workers=1).records()) == 50
        assert [workspace.asked[name] for name in workspace.events] == [2] * 5

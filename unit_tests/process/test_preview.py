from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from source_events.process.preview import Sample, newest_first
from source_events.settings.documents import InvalidDocument
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration

START, END = "2024-01-01T00:00:00Z", "2024-01-05T12:00:00Z"
LAST_DAY = ("2024-01-04T12:00:00Z", END)
BEFORE = (START, LAST_DAY[0])
"""As the API is asked: to the second behind the last one."""
SPAN = f"from {START} to {END}"


def days(**fields: Any) -> dict[str, Any]:
    return configuration(**{"start_date": START, "end_date": END, **fields})


def records(sample: Sample) -> list[dict[str, Any]]:
    with closing(sample):
        return [json.loads(line) for line in sample.lines()]


def event(number: int, time: str = LAST_DAY[0], **fields: str) -> dict[str, Any]:
    return responses.event(f"id-{number}", time, **fields)


class TestParts:
    def test_the_time_is_cut_into_parts_that_grow_from_its_end_on(self):
        parts = list(newest_first("2020-01-01T00:00:00Z", "2024-12-31T00:00:00Z"))
        assert [(part.first, part.last) for part in parts] == [
            ("2024-12-30T00:00:00Z", "2024-12-31T00:00:00Z"),
            ("2024-12-24T00:00:00Z", "2024-12-29T23:59:59Z"),
            ("2024-12-01T00:00:00Z", "2024-12-23T23:59:59Z"),
            ("2024-01-01T00:00:00Z", "2024-11-30T23:59:59Z"),
            ("2020-01-01T00:00:00Z", "2023-12-31T23:59:59Z"),
        ]

    @pytest.mark.parametrize("start", [END, "2024-01-05T00:00:00Z", LAST_DAY[0]])
    def test_a_short_time_is_one_part(self, start):
        assert [(part.first, part.last) for part in newest_first(start, END)] == [(start, END)]


class TestRequests:
    """Each test says all requests that are made: another one would fail it."""

    @pytest.fixture(autouse=True)
    def login(self, network):
        network.expect(requests.login(), responses.token())

    def test_the_last_day_is_enough_if_it_has_as_many(self, network):
        network.expect(requests.feed(*LAST_DAY, size=2), responses.page([event(1), event(2)], "s", count=9000))
        assert [record["id"] for record in records(Sample(days(), None, 2))] == ["id-1", "id-2"]

    def test_what_is_before_it_follows_if_it_has_fewer(self, network):
        network.expect(requests.feed(*LAST_DAY, size=2), responses.page([event(1)]))
        network.expect(requests.feed(*BEFORE, size=2), responses.page([event(2, START), event(3, START)], "s"))
        assert [record["id"] for record in records(Sample(days(), "org_events", 2))] == ["id-1", "id-2"]

    def test_of_contacts_as_few_are_asked_as_have_enough_events(self, network):
        network.expect(requests.feed(*LAST_DAY, size=3), responses.page([event(1, contact="a")]))
        network.expect(requests.contact("a", START, END, size=3), responses.empty())
        listed = [event(2, START, contact=contact) for contact in "abb"]
        network.expect(requests.feed(*BEFORE, size=3), responses.page(listed, "s"))
        network.expect(requests.contact("b", START, END, size=3), responses.page([event(4), event(5), event(6)]))
        found = records(Sample(days(), "contact_events", 3))
        assert [record["id"] for record in found] == ["id-4", "id-5", "id-6"]

    def test_listed_contacts_are_asked_without_a_look_at_the_feed(self, network):
        network.expect(requests.contact("a", START, END, size=1), responses.error(404))
        network.expect(requests.contact("b", START, END, size=1), responses.page([event(1)]))
        found = records(Sample(days(contact_ids=["a", "b", "c"]), "contact_events", 1))
        assert [record["id"] for record in found] == ["id-1"]

    def test_types_that_are_sorted_out_here_do_not_make_it_read_on_and_on(self, network):
        page = [event(1), event(2)]
        for part in (LAST_DAY, BEFORE):
            network.expect(requests.feed(*part, size=1000), responses.page(page, "s"))
            for number in range(13):
                following = [event(10 * number + place + 10) for place in range(2)]
                network.expect(requests.feed(*part, size=1000, scroll="s"), responses.page(following, "s"))
        sample = Sample(days(event_types=["geo_visit"]), None, 1)
        assert records(sample) == []
        assert sample.why_empty() == f"none of the 56 rows that were looked at is a record of `org_events` {SPAN}."

    def test_that_there_is_nothing_is_told(self, network):
        for part in (LAST_DAY, BEFORE):
            network.expect(requests.feed(*part, size=5), responses.empty())
        sample = Sample(days(), None, 5)
        assert records(sample) == []
        assert sample.why_empty() == f"no records of `org_events` were found {SPAN}."


class TestStream:
    @staticmethod
    def name(provider: dict[str, Any] | None = None, name: str | None = None) -> str:
        config = days(provider=provider) if provider else days()
        with closing(Sample(config, name, 1)) as sample:
            return sample.name

    def test_it_is_the_feed_where_there_is_one(self, network):
        assert self.name() == "org_events"

    def test_else_it_is_the_first_with_events(self, network):
        swipe_one = {"provider_type": "swipe_one", "workspace_id": "w", "api_key": "not-a-key"}
        assert self.name(swipe_one) == "contact_events"

    def test_one_that_there_is_not_is_an_error(self, network):
        with pytest.raises(
            InvalidDocument, match="There is no stream `visits`; the streams are: contact_events, contacts, "
        ):
            self.name(name="visits")

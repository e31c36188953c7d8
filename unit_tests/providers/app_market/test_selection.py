from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw

from source_events.records.ids import synthetic_id
from unit_tests.providers.app_market.reading import Reading, event


class TestIds:
    def test_twins_are_numbered_over_the_slice_and_not_the_page(self) -> None:
        twins = [event(), event(), event(), event(content={"n": 2})]
        whole = Reading().pages(twins, []).ids
        assert len(set(whole)) == 4
        parts = Reading().pages(twins[:1], [twins[1], twins[3]], [twins[2], event("x")], []).ids
        assert set(parts) == {*whole, "x"}

    def test_twins_are_numbered_from_zero_without_a_gap(self) -> None:
        """These are the ids of earlier versions, which are in warehouses."""
        ids = Reading().pages([event(), event(), event()], []).ids
        content = Raw(b'{"n":1}')
        assert ids == [
            synthetic_id(None, "new_order", "2024-01-05T00:00:00", content, None, occurrence) for occurrence in range(3)
        ]

    def test_the_id_does_not_depend_on_the_order_of_keys(self) -> None:
        first = Reading().pages([event(content={"a": 1, "b": [2]})], []).ids
        assert Reading().pages([event(content={"b": [2], "a": 1})], []).ids == first

    @pytest.mark.parametrize(
        "other",
        [{"content": {"n": 2}}, {"event_type": "x"}, {"contact_id": "c"}, {"createdBy": {"id": 1}}],
        ids=lambda other: next(iter(other)),
    )
    def test_whatever_differs_makes_another_id(self, other: Any) -> None:
        assert len(set(Reading().pages([event(), event(**other)], []).ids)) == 2

    def test_the_id_is_the_same_in_both_streams_and_in_every_time_zone(self) -> None:
        rows = [event(contact_id="c")]
        assert Reading().pages(rows, []).ids == Reading(contact="c", time_zone="Asia/Tokyo").pages(rows, []).ids


class TestRows:
    def test_only_the_contacts_own_events_are_its(self) -> None:
        answer = [event("a", contact_id="C"), event("b", contact_id="other"), event("c")]
        assert Reading(contact="c").pages(answer, []).ids == ["a"]

    def test_an_event_without_a_contact_in_its_contacts_answer_is_the_contacts(self) -> None:
        records = Reading(contact="c").pages([event("a", contactId="c"), event("b")], []).records
        assert [(record["id"], record["contactId"]) for record in records] == [("a", "c"), ("b", "c")]

    def test_events_from_outside_the_range_are_left_out_and_it_is_said_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        stray = event("stray", created_on="2024-01-31T01:00:00")
        assert Reading().pages([stray], [event("a"), stray], []).ids == ["a"]
        assert [record.message for record in caplog.records if "time_zone" in record.message] == caplog.messages
        assert len(caplog.messages) == 1

    @pytest.mark.parametrize(
        ("time", "zone", "told"),
        [
            ("2024-01-31T00:00:01", "UTC", False),
            ("2024-01-31T00:00:02", "UTC", True),
            ("2023-12-31T23:59:58", "UTC", False),
            ("2023-12-31T23:59:57", "UTC", True),
            ("2024-01-31T13:00:01", "Asia/Tokyo", False),
            ("2024-01-31T13:00:02", "Asia/Tokyo", True),
        ],
    )
    def test_a_margin_of_what_was_asked_for_is_not_told(
        self, caplog: pytest.LogCaptureFixture, time: str, zone: str, told: bool
    ) -> None:
        assert Reading(time_zone=zone).pages([event("stray", created_on=time)], []).ids == []
        assert ["outside the time range" in message for message in caplog.messages] == [True] * told

    def test_what_is_left_out_is_counted_by_the_reason(self) -> None:
        reading = Reading(contact="c")
        reading.pages(
            [
                event("a", contact_id="c"),
                event("b", contact_id="d"),
                event("e", created_on="2020-01-01T00:00:00Z", contact_id="c"),
            ],
            [],
        )
        counted = reading.stream.counts.now
        assert counted.received == 3
        assert {reason: number for reason, number in counted.left_out.items() if number} == {
            "of other contacts": 1,
            "outside the slice of time": 1,
        }


class TestContacts:
    def test_a_contact_without_any_gets_one_from_its_content(self) -> None:
        ids = Reading(listed=True).pages([{"name": "A"}, {"name": "B"}, {"name": "A"}], []).ids
        assert len(set(ids)) == 3

"""App Market's tokens, answers, ids, times and pages, each by itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import jwt
import msgspec
import pytest
import requests
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.contacts import Contact
from source_events.components.decoder import AnswerRefused
from source_events.components.selection import PageExtractor
from source_events.providers.app_market import components
from source_events.providers.app_market.components import (
    ContactDecoder,
    ContactFilter,
    EventDecoder,
    InstanceAuthenticator,
    InstanceEventFilter,
    ListedContactRetriever,
    OffsetPagination,
    utc,
)
from source_events.records.page import PAGE, page_of, splice
from source_events.transport.connection import Totals

SECRET = "an-example-secret-of-more-than-32-bytes"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def configuration(**provider: Any) -> dict[str, Any]:
    defaults = {"instance_id": "007", "api_secret": SECRET, "instance_claim": "instanceId", "time_zone": "UTC"}
    return {
        "provider": {**defaults, **provider},
        "start_date": "2024-01-01T00:00:00Z",
        "end_date": "2024-01-31T00:00:00Z",
        "window_size": "P7D",
        "event_types": [],
        "page_size": None,
        "connection": SimpleNamespace(totals=Totals()),
    }


def window(contact: str | None = None) -> StreamSlice:
    return StreamSlice(
        partition={"contactId": contact} if contact else {},
        cursor_slice={"start_time": "2024-01-01T00:00:00Z", "end_time": "2024-01-30T23:59:59Z"},
    )


def event(event_id: Any = None, **fields: Any) -> dict[str, Any]:
    named = {} if event_id is None else {"id": event_id}
    return {**named, "event_type": "new_order", "created_on": "2024-01-05T00:00:00", "content": {"n": 1}, **fields}


class Reading:
    """Reads the pages of one slice as the CDK's retriever does."""

    def __init__(self, *, contact: str | None = None, contacts: bool = False, **provider: Any) -> None:
        self.config = configuration(**provider)
        decoder = (ContactDecoder if contacts else EventDecoder)(self.config)
        self._extractor = PageExtractor(decoder, self.config, {})
        filter_of = ContactFilter if contacts else InstanceEventFilter
        self._filter = filter_of(parameters={}, config=self.config)
        self._pagination = OffsetPagination(self.config, {})
        self._slice = window(contact)
        self.offsets: list[str] = []
        self.records: list[dict[str, Any]] = []

    def pages(self, *answers: Any) -> Reading:
        """Read on as long as there is a next page; an answer that is not asked for fails."""
        offset: str | None = self._pagination.initial_token
        for answer in answers:
            assert offset is not None, "the paging has ended before"
            self.offsets.append(offset)
            response = requests.Response()
            response._content = json.dumps(answer).encode()
            last = self._read(response)
            offset = self._pagination.next_page_token(response, 1, last, offset, stream_slice=self._slice)
        assert offset is None, "the paging goes on"
        return self

    def _read(self, response: requests.Response) -> Record | None:
        found: Iterable[Any] = self._extractor.extract_records(response)
        last = None
        for data in self._filter.filter_records(found, {}, self._slice, None):
            last = Record(data, "stream", self._slice)
            page = page_of(data)
            assert page is not None
            self.records += (json.loads(splice([row])) for row in page.take())
        return last

    @property
    def ids(self) -> list[str]:
        return [record["id"] for record in self.records]


class TestTokens:
    def authenticator(self, **provider: Any) -> InstanceAuthenticator:
        return InstanceAuthenticator(configuration(**provider), {})

    def test_a_request_carries_the_token_without_bearer(self) -> None:
        request = self.authenticator()(requests.Request("GET", "https://host/").prepare())
        assert jwt.decode(request.headers["instance-jwt"], SECRET, algorithms=["HS256"])["instanceId"] == "007"
        assert "Authorization" not in request.headers

    @pytest.mark.parametrize("claim", ["instanceId", "instanceID"])
    def test_the_claims_are_the_instance_and_a_lifetime_of_less_than_an_hour(self, claim: str) -> None:
        claims = jwt.decode(self.authenticator(instance_claim=claim).token, SECRET, algorithms=["HS256"])
        assert set(claims) == {claim, "iat", "exp"}
        assert claims["iat"] <= time.time() < claims["exp"]
        assert claims["exp"] - claims["iat"] <= 3600

    def test_a_token_is_used_for_minutes_and_then_made_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = SimpleNamespace(time=lambda: 1_700_000_000 + clock.now, monotonic=lambda: clock.now, now=1000.0)
        monkeypatch.setattr(components, "time", clock)
        authenticator = self.authenticator()
        first = authenticator.token
        clock.now += 299
        assert authenticator.token == first
        clock.now += 2
        assert authenticator.token != first

    def test_the_token_is_a_secret(self) -> None:
        token = self.authenticator().token
        assert filter_secrets(f"sent {token}") == "sent ****"


class TestAnswers:
    decoder = EventDecoder(configuration())

    @pytest.mark.parametrize(
        ("body", "announced"),
        [
            ([{"id": 1}], None),
            ({"events": [{"id": 1}]}, None),
            ({"anything": [{"id": 1}], "total": 5, "count": 1, "next": None, "meta": {"list": []}}, 5),
            ({"total": "5", "items": [{"id": 1}]}, None),
            ({"events": [{"id": 1}], "errors": [], "data": {"list": []}}, None),
            ({"status": "success", "data": {"events": [{"id": 1}], "total": 5}}, 5),
            ({"total": 5, "data": {"events": [{"id": 1}]}, "warnings": []}, 5),
            ({"data": {"items": [{"id": 1}]}}, None),
        ],
    )
    def test_the_rows_are_the_list_with_their_name_or_the_only_list(self, body: Any, announced: int | None) -> None:
        answer = self.decoder.decode_body(json.dumps(body).encode())
        assert [bytes(row) for row in answer.rows] == [b'{"id": 1}']
        assert answer.announced == announced

    @pytest.mark.parametrize(
        ("body", "shape"),
        [
            ({}, "object with {}"),
            ({"a": [], "b": []}, "object with {a: list, b: list}"),
            ({"events": None, "total": 7}, "object with {events: NoneType, total: int}"),
            ({"data": {"a": ["private"], "b": []}}, "object with {data: dict}"),
            ("private", "str"),
            (None, "NoneType"),
        ],
    )
    def test_an_unknown_form_shows_its_shape_and_no_data(self, body: Any, shape: str) -> None:
        with pytest.raises(AirbyteTracedException) as caught:
            self.decoder.decode_body(json.dumps(body).encode())
        assert caught.value.failure_type.value == "system_error"
        assert f"It is: {shape}." in str(caught.value.message)
        assert "private" not in str(caught.value.message)

    @pytest.mark.parametrize("body", [{"events": None}, {"data": {"events": None}, "total": 0}])
    def test_null_is_an_empty_list_unless_rows_are_announced(self, body: Any) -> None:
        assert self.decoder.decode_body(json.dumps(body).encode()).rows == []

    @pytest.mark.parametrize("body", [b"", b"<html>", b"[", b'{"events": ['])
    def test_what_is_no_json_is_left_to_be_tried_again(self, body: bytes) -> None:
        with pytest.raises(msgspec.DecodeError):
            self.decoder.decode_body(body)

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"status": "KO", "message": "quota"}, "quota"),
            ({"status": "fail"}, "status fail"),
            ({"status": "fail", "message": "quota", "events": []}, "quota"),
            ({"error": "closed"}, "closed"),
            ({"error": {"message": "closed"}}, "closed"),
        ],
    )
    def test_a_success_that_is_a_refusal_has_its_words(self, body: Any, words: str) -> None:
        with pytest.raises(AnswerRefused, match=f"^{words}$"):
            self.decoder.decode_body(json.dumps(body).encode())


class TestEvents:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"id": "a"}, "a"),
            ({"event_id": "a"}, "a"),
            ({"_id": "a"}, "a"),
            ({"id": 12345678901234567890}, "12345678901234567890"),
            ({"id": "a", "event_id": "b", "_id": "c"}, "a"),
            ({"id": None, "event_id": "", "_id": "c"}, "c"),
        ],
    )
    def test_the_id_is_the_first_that_is_there(self, fields: Any, expected: str) -> None:
        assert Reading().pages([event(**fields)], []).ids == [expected]

    def test_every_field_stands_in_the_record_once(self) -> None:
        native = event("a", type="t", createdAt=None, contactId=None, provider="x", organizationId="own", extra=[1])
        [record] = Reading().pages([native], []).records
        envelope = {"type": "new_order", "createdAt": "2024-01-05T00:00:00Z", "provider": "app_market"}
        assert record == {**native, **envelope}

    def test_the_organisation_is_the_instance_where_the_event_has_none(self) -> None:
        records = Reading().pages([event("a"), event("b", organizationId=None)], []).records
        assert [record["organizationId"] for record in records] == ["007", "007"]

    @pytest.mark.parametrize("name", ["created_on", "createdAt", "created_at", "timestamp"])
    def test_the_time_is_found_under_each_name(self, name: str) -> None:
        [record] = Reading().pages([event("a", **{"created_on": None, name: "2024-01-07T00:00:00Z"})], []).records
        assert record["createdAt"] == "2024-01-07T00:00:00Z"

    @pytest.mark.parametrize(
        "time", [None, "", "yesterday", "2024-01-05", "2024-13-01T00:00:00", -5, 1e300, True, {"$date": 1}]
    )
    def test_a_time_that_cannot_be_read_is_an_error_with_the_id(self, time: Any) -> None:
        with pytest.raises(AirbyteTracedException) as caught:
            Reading().pages([event("the-id", created_on=time)])
        assert caught.value.failure_type.value == "system_error"
        assert "the-id" in str(caught.value.message)

    def test_a_row_that_is_no_object_is_an_error(self) -> None:
        with pytest.raises(AirbyteTracedException, match="Row 0"):
            Reading().pages(["text"])

    def test_only_the_contacts_own_events_are_its(self) -> None:
        answer = [event("a", contact_id="C"), event("b", contact_id="other"), event("c")]
        assert Reading(contact="c").pages(answer, []).ids == ["a"]

    def test_an_event_without_a_contact_in_its_contacts_answer_is_the_contacts(self) -> None:
        records = Reading(contact="c").pages([event("a", contactId="c"), event("b")], []).records
        assert [(record["id"], record["contactId"]) for record in records] == [("a", "c"), ("b", "c")]


class TestTimes:
    @pytest.mark.parametrize(
        ("native", "expected"),
        [
            ("2018-08-22T16:47:10.0549203", "2018-08-22T14:47:10.054920Z"),
            ("2018-08-22 16:47:10", "2018-08-22T14:47:10Z"),
            ("2018-12-22T16:47:10.5", "2018-12-22T15:47:10.5Z"),
            ("2018-08-22T16:47:10.0549203Z", "2018-08-22T16:47:10.0549203Z"),
            ("2018-08-22T16:47:10-05:00", "2018-08-22T16:47:10-05:00"),
            ("1534956430", "2018-08-22T16:47:10Z"),
            ("1534956430.25", "2018-08-22T16:47:10.25Z"),
            ("1534956430054", "2018-08-22T16:47:10.054Z"),
            ("99999999999", "5138-11-16T09:46:39Z"),
            ("100000000000", "1973-03-03T09:46:40.000Z"),
            ("soon", "soon"),
        ],
    )
    def test_a_time_without_an_offset_is_in_the_zone_and_a_number_is_a_timestamp(
        self, native: str, expected: str
    ) -> None:
        assert utc(native, AMSTERDAM) == expected

    @pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
    def test_a_zone_that_does_not_exist_is_named(self, zone: str) -> None:
        with pytest.raises(AirbyteTracedException, match="time_zone") as caught:
            EventDecoder(configuration(time_zone=zone))
        assert caught.value.failure_type.value == "config_error"


class TestIds:
    def test_twins_are_numbered_over_the_slice_and_not_the_page(self) -> None:
        twins = [event(), event(), event(), event(content={"n": 2})]
        whole = Reading().pages(twins, []).ids
        assert len(set(whole)) == 4
        parts = Reading().pages(twins[:1], [twins[1], twins[3]], [twins[2], event("x")], []).ids
        assert set(parts) == {*whole, "x"}

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


class TestPaging:
    def test_it_goes_on_behind_the_rows_that_came_until_none_come(self) -> None:
        reading = Reading().pages([event("a"), event("b")], [event("c")], [])
        assert reading.offsets == ["0", "2", "3"]
        assert reading.ids == ["a", "b", "c"]

    def test_a_page_of_which_nothing_is_wanted_does_not_end_it(self) -> None:
        reading = Reading().pages([event("a", created_on="2020-01-01T00:00:00")], [event("b")], [])
        assert reading.ids == ["b"]

    def test_the_first_page_again_is_the_end_where_it_is_not_full(self) -> None:
        rows = [event(), event("b")]
        assert len(Reading().pages(rows, rows).ids) == 2

    def test_a_full_page_again_is_an_error(self) -> None:
        rows = [event(number) for number in range(100)]
        with pytest.raises(AirbyteTracedException, match="ignores `offset`") as caught:
            Reading().pages(rows, rows)
        assert caught.value.failure_type.value == "system_error"

    def test_twins_without_an_id_may_fill_several_pages_where_a_total_is_announced(self) -> None:
        page = {"total": 200, "events": [event()] * 100}
        reading = Reading().pages(page, page, {"total": 200, "events": []})
        assert len(set(reading.ids)) == 200
        assert reading.offsets == ["0", "100", "200"]

    @pytest.mark.parametrize(
        "rows", [[event(), event("b")], [event("a"), event("a")], [event()]], ids=["others", "with an id", "one row"]
    )
    def test_a_page_again_of_which_more_is_announced_is_an_error(self, rows: list[Any]) -> None:
        page = {"total": 20, "events": rows}
        with pytest.raises(AirbyteTracedException, match=f"fewer than {len(rows)} events"):
            Reading().pages(page, page)

    def test_any_other_page_again_is_an_error(self) -> None:
        with pytest.raises(AirbyteTracedException, match="after 2 rows"):
            Reading().pages([event("a")], [event("b")], [event("b")])

    def test_what_was_announced_and_what_came_is_counted(self) -> None:
        reading = Reading().pages({"total": 5, "events": [event("a")]}, {"total": 6, "events": []})
        totals = reading.config["connection"].totals.of("")
        assert (totals.announced, totals.answered, totals.expected) == (5, 1, 5)

    def test_events_from_outside_the_range_are_left_out_and_it_is_said_once(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        stray = event("stray", created_on="2024-01-31T01:00:00")
        assert Reading().pages([stray], [event("a"), stray], []).ids == ["a"]
        assert [record.message for record in caplog.records if "time_zone" in record.message] == caplog.messages
        assert len(caplog.messages) == 1


class TestContacts:
    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ({"id": "a"}, "a"),
            ({"id": 7}, "7"),
            ({"contact_id": 5}, "5"),
            ({"_id": "a", "email": "e@x"}, "a"),
            ({"email": "e@x"}, "e@x"),
        ],
    )
    def test_the_id_is_the_first_that_is_there_or_the_address(self, fields: Any, expected: str) -> None:
        [record] = Reading(contacts=True).pages([fields], []).records
        assert record == {**fields, "id": expected, "provider": "app_market", "organizationId": "007"}

    def test_a_contact_without_any_gets_one_from_its_content(self) -> None:
        ids = Reading(contacts=True).pages([{"name": "A"}, {"name": "B"}, {"name": "A"}], []).ids
        assert len(set(ids)) == 3

    def test_the_list_tells_ids_and_times_of_creation(self) -> None:
        rows = [{"id": "a", "created_on": "2018-08-22T16:47:10.0549203"}, {"contact_id": "b"}]
        assert list(self.listed(rows)) == [Contact("a", "2018-08-22T14:47:10.054920Z"), Contact("b")]

    def test_contacts_without_an_id_are_found_in_the_events(self) -> None:
        assert [contact.id for contact in self.listed([{"id": "a"}, {"email": "e@x"}])] == ["a", "from the feed"]

    @staticmethod
    def listed(rows: list[Any]) -> Iterable[Contact]:
        config = configuration(time_zone="Europe/Amsterdam")
        response = requests.Response()
        response._content = json.dumps(rows).encode()
        extracted = PageExtractor(ContactDecoder(config), config, {}).extract_records(response)
        records = [
            Record(data, "contacts")
            for data in ContactFilter(parameters={}, config=config).filter_records(extracted, {}, window())
        ]
        page = SimpleNamespace(take=lambda: None, contacts=["from the feed"])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("source_events.components.contacts.page_of", lambda data: page)
            retriever = ListedContactRetriever.__new__(ListedContactRetriever)
            retriever.config = config
            retriever.contacts = SimpleNamespace(read_records=lambda schema, part: records)
            retriever.feed = SimpleNamespace(read_records=lambda schema, part: [Record({PAGE: page}, "feed")])
            return list(retriever.list_contacts("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"))

"""How a contact's pages are read and put together, against pages made up here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw
from source_events.providers.swipe_one.components import (
    ContactDecoder,
    EventDecoder,
    EventRetriever,
    KeyAuthenticator,
    ListedContactRetriever,
    overlap,
)
from source_events.transport.connection import Connection, PageResponse

from source_events.components.contacts import ContactRetriever
from source_events.components.decoder import AnswerRefused
from source_events.components.selection import EventFilter
from source_events.records.page import PAGE, Answer, Draft, finish, page_of, splice

Json = dict[str, Any]
CONFIG: Json = {
    "provider": {"provider_type": "swipe_one", "workspace_id": "w1", "api_key": "1e5"},
    "start_date": "2024-01-01T00:00:00Z",
    "end_date": "2024-12-31T23:59:59Z",
    "event_types": [],
}


class Pages:
    """Answers like the API: `events` newest first, of which `before_page` may change some in the middle of paging."""

    def __init__(
        self, events: list[Json], length: int = 2, before_page: Callable[[list[Json], int], None] | None = None
    ) -> None:
        self.events, self.length, self.before_page = events, length, before_page
        self.asked: list[int] = []
        self.count: Callable[[list[Json]], int | None] = len

    def send_request(self, stream_slice: StreamSlice, request_params: Mapping[str, Any]) -> requests.Response:
        number = request_params["page"]
        self.asked.append(number)
        if self.before_page:
            self.before_page(self.events, len(self.asked))
        rows = self.events[(number - 1) * self.length : number * self.length]
        response = PageResponse()
        response.status_code = 200
        body = {"status": "success", "data": {"events": rows, "count": self.count(self.events), "page": number}}
        response._content, response._content_consumed = json.dumps(body).encode(), True
        return response


def event(number: int, time: str = "2024-07-01T10:25:17.183Z", **fields: Any) -> Json:
    return {"type": "email_opened", "timestamp": time, "properties": {"number": number}, **fields}


def read(pages: Pages, start: str = "2024-01-01T00:00:00Z", **config: Any) -> list[Json]:
    completed = {**CONFIG, **config, "connection": Connection(1, None)}
    retriever = EventRetriever(
        name="contact_events",
        config=completed,
        parameters={},
        requester=pages,  # type: ignore[arg-type]
        decoder=EventDecoder(completed),
        record_filter=EventFilter(parameters={}, config=completed),
    )
    stream_slice = StreamSlice(
        partition={"contactId": "c1"}, cursor_slice={"start_time": start, "end_time": CONFIG["end_date"]}
    )
    read_pages = [page_of(record.data) for record in retriever.read_records({}, stream_slice)]
    return [json.loads(line) for page in read_pages if page for line in splice(page.take()).splitlines()]


def numbers(records: list[Json]) -> list[int]:
    return sorted(record["properties"]["number"] for record in records)


def ids(records: list[Json]) -> set[str]:
    found = {record["id"] for record in records}
    assert len(found) == len(records)
    return found


# --- the record


def test_the_envelope_is_filled_in_and_what_the_event_has_is_kept() -> None:
    (record,) = read(Pages([event(1, contactId="c9", workspaceId="w9", id="theirs", more=None)]))
    assert record == {
        **event(1, more=None),
        "workspaceId": "w9",
        "id": record["id"],
        "provider": "swipe_one",
        "createdAt": "2024-07-01T10:25:17.183Z",
        "organizationId": "w9",
        "contactId": "c9",
    }
    (bare,) = read(Pages([event(1, contactId=None)]))
    assert (bare["contactId"], bare["organizationId"]) == ("c1", "w1")


@pytest.mark.parametrize("time_fields", [["timestamp"], ["createdAt"], ["timestamp", "createdAt"]])
def test_the_time_is_the_timestamp_or_else_created_at(time_fields: list[str]) -> None:
    times = {"timestamp": "2024-07-01T12:25:17.183+02:00", "createdAt": "2024-07-01T10:25:17.183Z"}
    given = {"type": "email_opened", "properties": {"number": 1}} | {name: times[name] for name in time_fields}
    (record,) = read(Pages([given]))
    assert record["createdAt"] == "2024-07-01T10:25:17.183Z"
    assert {record["id"]} == ids(read(Pages([event(1)])))


@pytest.mark.parametrize("time", [None, "", "yesterday", 1719829517183])
def test_an_event_without_a_readable_time_is_named_with_its_contact_and_position(time: Any) -> None:
    with pytest.raises(AirbyteTracedException) as caught:
        read(Pages([event(number) for number in range(4)] + [{**event(4), "timestamp": time}]))
    assert caught.value.failure_type is FailureType.system_error
    assert all(word in str(caught.value.message) for word in ("contact_events", "contact c1", "Event 5"))


def test_the_range_is_inclusive_and_types_are_chosen_here() -> None:
    times = ["2024-12-31T23:59:59.001Z", "2024-12-31T23:59:59Z", "2024-05-05T05:05:05.999Z", "2024-05-05T05:05:05Z"]
    events = [event(number, time) for number, time in enumerate([*times, "2024-05-05T05:05:04.999Z"])]
    assert numbers(read(Pages(events), start="2024-05-05T05:05:05Z")) == [1, 2, 3]
    events[2]["type"] = "link_clicked"
    assert numbers(read(Pages(events), event_types=["link_clicked"])) == [2]


# --- paging


def test_pages_are_read_to_an_empty_one_whatever_is_announced() -> None:
    for count in (lambda events: 0, lambda events: None, lambda events: 10**6, len):
        pages = Pages([event(number) for number in range(7)], length=3)
        pages.count = count
        assert numbers(read(pages)) == list(range(7))
        assert pages.asked == [1, 2, 3, 4]


def test_paging_stops_at_the_first_page_that_is_older_than_the_start() -> None:
    pages = Pages([event(number, f"2024-07-{20 - number:02d}T00:00:00Z") for number in range(10)])
    assert numbers(read(pages, start="2024-07-17T00:00:00Z")) == [0, 1, 2, 3]
    assert pages.asked == [1, 2, 3]


class Deaf(Pages):
    """Knows no page beyond `last`: asked for one, it answers that."""

    last = 1

    def send_request(self, stream_slice: StreamSlice, request_params: Mapping[str, Any]) -> requests.Response:
        return super().send_request(stream_slice, {"page": min(request_params["page"], self.last)})


def test_a_server_that_takes_no_notice_of_the_page_is_an_error_and_no_endless_loop() -> None:
    with pytest.raises(AirbyteTracedException, match="repeats a page"):
        read(Deaf([event(number, f"2024-07-0{9 - number}T00:00:00Z") for number in range(4)]))


def test_a_server_that_repeats_the_last_page_for_ever_is_read_to_the_announced_total() -> None:
    pages = Deaf([event(number) for number in range(4)])
    pages.last = 2
    assert numbers(read(pages)) == [0, 1, 2, 3]


def test_an_event_of_the_future_is_left_out_and_does_not_hide_others() -> None:
    events = [event(1, "2099-01-01T00:00:00Z"), event(2), event(3, "2024-01-01T00:00:00Z")]
    assert numbers(read(Pages(events), start="2024-06-01T00:00:00Z")) == [2]


# --- twins and drift


@pytest.mark.parametrize("length", [1, 2, 3, 7, 100])
def test_twins_are_kept_apart_with_ids_that_do_not_depend_on_page_borders(length: int) -> None:
    events = [event(number) for number in (1, 1, 2, 3, 3, 3, 1)]
    assert ids(read(Pages(events, length))) == ids(read(Pages(events)))


def test_a_new_twin_leaves_the_ids_of_the_others() -> None:
    assert ids(read(Pages([event(1)] * 2))) < ids(read(Pages([event(1)] * 3)))


def insert_once(events: list[Json], request: int) -> None:
    if request == 2:
        events.insert(0, event(100))


def insert_always(events: list[Json], request: int) -> None:
    if request > 1:
        events.insert(0, event(100 + request))


@pytest.mark.parametrize("count", [len, lambda events: 0, lambda events: None], ids=["counted", "zero", "no count"])
@pytest.mark.parametrize("change", [insert_once, insert_always])
def test_events_that_arrive_while_paging_make_no_false_twins(
    change: Callable[[list[Json], int], None], count: Callable[[list[Json]], int | None]
) -> None:
    stable = [event(number) for number in range(9)]
    pages = Pages(list(stable), 3, change)
    pages.count = count
    found = read(pages)
    assert ids(found) >= ids(read(Pages(stable)))
    assert len(set(numbers(found))) == len(found)
    assert pages.asked.count(1) == 2


@given(
    stable=st.lists(st.integers(0, 2), max_size=14),
    arriving=st.lists(st.sampled_from([None, 0, 1, 2, 3]), max_size=12),
    length=st.integers(2, 5),
    lie=st.integers(0, 1),
)
@settings(max_examples=300, deadline=None)
def test_whenever_events_arrive_those_that_were_there_come_and_none_too_often(
    stable: list[int], arriving: list[int | None], length: int, lie: int
) -> None:
    def arrive(events: list[Json], request: int) -> None:
        new = arriving[request - 2] if 1 < request < len(arriving) + 2 else None
        if new is not None:
            events.insert(0, event(new))

    pages = Pages([event(number) for number in stable], length, arrive)
    pages.count = lambda events: len(events) + lie
    found = Counter(numbers(read(pages)))
    assert Counter(stable) <= found <= Counter(numbers(pages.events))


def test_a_contact_that_moved_is_read_again_and_complete() -> None:
    def remove_once(events: list[Json], request: int) -> None:
        if request == 2:
            del events[0]

    pages = Pages([event(number) for number in range(6)], 2, remove_once)
    assert numbers(read(pages)) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("count", [len, lambda events: 0], ids=["counted", "zero"])
def test_twins_at_a_page_border_stay_twins(count: Callable[[list[Json]], int | None]) -> None:
    pages = Pages([event(number) for number in (1, 2, 2, 3)], 2)
    pages.count = count
    assert numbers(read(pages)) == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("before", "page", "most", "found"),
    [
        ([1, 2, 3], [3, 4], 1, 1),
        ([1, 2, 3], [2, 3, 4], 2, 2),
        ([1, 2, 3], [3, 4], 2, 1),
        ([1, 2, 3], [3, 4], 0, 0),
        ([1, 2, 3, 4], [2, 3], 3, 2),
        ([1, 2, 3], [4, 5], 2, 0),
    ],
)
def test_an_overlap_is_what_new_events_can_have_pushed_on(
    before: list[int], page: list[int], most: int, found: int
) -> None:
    assert overlap(before, page, most) == found


# --- contacts, errors, addresses


def test_a_contact_gets_its_id_and_its_own_fields_of_these_names_give_way() -> None:
    row = ContactDecoder(CONFIG).row(Raw(b'{"_id":"c1","id":5,"provider":"x","tags":[1.50]}'))
    lines = splice([row])
    assert b"1.50" in lines
    expected = {"_id": "c1", "tags": [1.5], "provider": "swipe_one", "organizationId": "w1", "id": "c1"}
    assert json.loads(lines) == expected


@pytest.mark.parametrize("decoder", [ContactDecoder, EventDecoder])
def test_a_refusal_in_a_successful_answer_is_told_in_its_own_words(decoder: type[EventDecoder]) -> None:
    for body in (b'{"status":"fail","message":"no quota"}', b'{"status":"Error","message":"no quota","data":[]}'):
        with pytest.raises(AnswerRefused, match="no quota"):
            decoder(CONFIG).decode_body(body)


@pytest.mark.parametrize(("decoder", "rows"), [(ContactDecoder, "contacts"), (EventDecoder, "events")])
def test_null_is_an_empty_list_unless_rows_are_announced(decoder: type[EventDecoder], rows: str) -> None:
    assert decoder(CONFIG).decode_body(json.dumps({"data": {rows: None}}).encode()).rows == []
    with pytest.raises(msgspec.DecodeError):
        decoder(CONFIG).decode_body(json.dumps({"data": {rows: None, "count": 3}}).encode())


@pytest.mark.parametrize(("value", "token"), [("s", "s"), ("", None), (None, None), (False, None), (7, "7")])
def test_the_contact_list_goes_on_where_a_token_says_so(value: Any, token: str | None) -> None:
    body = json.dumps({"data": {"contacts": [], "searchAfter": value}}).encode()
    assert ContactDecoder(CONFIG).decode_body(body).token == token


def test_the_key_is_sent_as_it_is_also_if_it_looks_like_a_number() -> None:
    assert KeyAuthenticator(config=CONFIG, parameters={}).get_auth_header() == {"x-api-key": "1e5"}


@pytest.mark.parametrize("contact", ["a/../b", "a?b=c#d", "ü %2F", "{{ config }}"])
def test_a_contact_id_cannot_leave_its_place_in_the_path(contact: str) -> None:
    batch = StreamSlice(partition={}, cursor_slice={"end_time": "2024-12-31T23:59:59Z"})
    path = ContactRetriever._slice_of(None, contact, "2024-01-01T00:00:00Z", batch).extra_fields["contact_path"]
    address = requests.Request("GET", f"http://localhost/contacts/{path}/events").prepare().url or ""
    assert address.startswith("http://localhost/contacts/")
    assert address.count("/") == 5
    assert not set(address) & set("?#{} ")
    assert requests.utils.unquote(address.split("/")[4]) == contact


def test_listed_contacts_carry_the_time_of_their_creation_where_it_is_one() -> None:
    rows = [
        b'{"_id":"a","createdAt":"2024-01-01T02:00:00.5+02:00"}',
        b'{"_id":"b","createdAt":"?"}',
        b'{"_id":"c"}',
    ]
    decoder = ContactDecoder(CONFIG)

    class Contacts:
        def read_records(self, *arguments: Any) -> list[Record]:
            draft = Draft(Answer([]), [decoder.row(Raw(row)) for row in rows])
            return [Record({PAGE: finish(draft)}, "contacts")]

    retriever = ListedContactRetriever.__new__(ListedContactRetriever)
    retriever.contacts = Contacts()  # type: ignore[assignment]
    listed = [(contact.id, contact.created_at) for contact in retriever.list_contacts("", "")]
    assert listed == [("a", "2024-01-01T00:00:00.5Z"), ("b", None), ("c", None)]

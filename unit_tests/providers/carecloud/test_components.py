"""CareCloud's components without a network: its clock, its answers, its parameters and its hourly password."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
import requests
from airbyte_cdk.sources.types import Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from freezegun import freeze_time
from msgspec import Raw

from source_events import providers
from source_events.components.decoder import AnswerRefused
from source_events.providers.carecloud.components import (
    EventDecoder,
    HourlyAuthenticator,
    ListDecoder,
    WindowFilter,
    WindowRetriever,
    hourly_hash,
    local_window,
    zone_of,
)
from source_events.records.page import PAGE, Answer, Draft, Envelope, Row, finish, normalize_times, splice
from source_events.records.times import UnreadableTime
from source_events.settings.configuration import InvalidConfiguration, complete, validate
from source_events.source import EventsDeclarativeSource

PRAGUE = ZoneInfo("Europe/Prague")


def config(**provider: Any) -> dict[str, Any]:
    credentials = {"auth_type": "bearer", "login": "l", "password": "p", "external_application_id": "a"}
    fields = {"api_url": "https://project.example.com/v1.0", "time_zone": "Europe/Prague", "credentials": credentials}
    return {
        "provider": {"provider_type": "carecloud", **fields, **provider},
        "start_date": "2024-01-01T00:00:00Z",
        "end_date": "2024-12-31T00:00:00Z",
    }


# --- clock


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        # Far from a clock change: a second more at both ends, in winter and in summer.
        ("2024-01-10T00:00:00Z", "2024-01-10T23:59:59Z", ("2024-01-10 00:59:59", "2024-01-11 01:00:00")),
        ("2024-07-10T00:00:00Z", "2024-07-10T23:59:59Z", ("2024-07-10 01:59:59", "2024-07-11 02:00:00")),
        # Either reading of an hour that is skipped, and of one that is repeated.
        ("2024-03-31T01:00:00Z", "2024-03-31T01:59:59Z", ("2024-03-31 00:59:59", "2024-03-31 05:00:00")),
        ("2024-10-27T00:00:00Z", "2024-10-27T00:59:59Z", ("2024-10-26 23:59:59", "2024-10-27 04:00:00")),
        # Only the end that is near.
        ("2024-10-20T00:00:00Z", "2024-10-26T23:59:59Z", ("2024-10-20 01:59:59", "2024-10-27 03:00:00")),
    ],
)
def test_a_window_on_the_local_clock_covers_every_reading_of_it(
    first: str, last: str, expected: tuple[str, str]
) -> None:
    assert local_window(first, last, PRAGUE) == expected


@pytest.mark.parametrize("zone", ["Europe/Prague", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia", "UTC"])
def test_no_second_of_a_year_is_outside_its_window_on_the_local_clock(zone: str) -> None:
    local = ZoneInfo(zone)
    for day in range(366):
        begin = datetime(2011, 1, 1, tzinfo=timezone.utc).timestamp() + day * 86400
        first, last = (datetime.fromtimestamp(begin + seconds, timezone.utc) for seconds in (0, 86399))
        window = local_window(first.isoformat(), last.isoformat(), local)
        shown = [moment.astimezone(local).strftime("%Y-%m-%d %H:%M:%S") for moment in (first, last)]
        assert window[0] < min(shown)
        assert max(shown) < window[1]


@pytest.mark.parametrize("name", ["Prague", "", "../etc/passwd", "Europe", "Europe/Prague\0"])
def test_an_unknown_time_zone_is_named_as_a_field(name: str) -> None:
    with pytest.raises(AirbyteTracedException, match=r"`provider\.time_zone`"):
        zone_of(config(time_zone=name))


# --- answers


def row_of(event: str) -> Row:
    return EventDecoder(config(), "events").row(Raw(event.encode()))


def record_of(event: str) -> dict[str, Any]:
    page = finish(Draft(Answer(rows=[]), [row_of(event)]))
    record: dict[str, Any] = msgspec.json.decode(bytes(splice(page.rows)))
    return record


@pytest.mark.parametrize(
    ("created_at", "utc"),
    [
        ('"2024-01-10 12:00:00"', "2024-01-10T11:00:00Z"),
        ('"2024-07-10T12:00:00"', "2024-07-10T10:00:00Z"),
        ('"2024-07-10 12:00:00.052987"', "2024-07-10T10:00:00.052987Z"),
        ('"2024-03-31 02:30:00"', "2024-03-31T01:30:00Z"),
        ('"2024-10-27 02:30:00"', "2024-10-27T00:30:00Z"),
        ('"2024-07-10T12:00:00+05:00"', "2024-07-10T07:00:00Z"),
        ('"0000-00-00 00:00:00"', None),
        ("null", None),
    ],
)
def test_local_times_become_utc(created_at: str, utc: str | None) -> None:
    record = record_of(f'{{"event_id":"e","created_at":{created_at}}}')
    assert record["createdAt"] == utc
    assert record["created_at"] == msgspec.json.decode(created_at)


@pytest.mark.parametrize(
    "data", ['"{\\"a\\": 1}"', '["a"]', '{"a":{"b":1.50}}', '"{broken"', '""', "null", "12345678901234567890"]
)
def test_data_is_untouched_whatever_it_is(data: str) -> None:
    event = f'{{"event_id":"e","data":{data},"created_at":"2024-01-10 12:00:00"}}'
    page = finish(Draft(Answer(rows=[]), [row_of(event)]))
    assert bytes(splice(page.rows)).startswith(event[:-1].encode())


def test_native_fields_with_an_envelope_name_give_way_and_numbers_are_ids_too() -> None:
    event = '{"event_id":7,"event_type_id":8,"customer_id":"","created_at":null,"id":null,"provider":"x","extra":1}'
    assert record_of(event) == {
        "event_id": 7,
        "event_type_id": 8,
        "customer_id": "",
        "created_at": None,
        "extra": 1,
        "id": "7",
        "provider": "carecloud",
        "type": "8",
        "createdAt": None,
        "organizationId": "project.example.com",
        "contactId": None,
    }


def test_rows_and_total_are_found_under_the_name_of_the_list() -> None:
    body = b'{"data":{"customer_events":[{"event_id":"e"}],"total_items":114}}'
    answer = EventDecoder(config(), "customer_events").decode_body(body)
    assert (len(answer.rows), answer.announced) == (1, 114)
    assert ListDecoder(config(), "x").decode_body(b'{"data":{"x":[]}}').announced is None
    assert ListDecoder(config(), "x").decode_body(b'{"data":{"x":[],"total_items":"many"}}').announced is None


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"data":{"other":[]}}', b'{"data":{"events":null,"total_items":1}}']
)
def test_anything_else_is_not_the_documented_json(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        EventDecoder(config(), "events").decode_body(body)


def test_null_is_an_empty_list_unless_rows_are_announced() -> None:
    assert EventDecoder(config(), "events").decode_body(b'{"data":{"events":null,"total_items":0}}').rows == []


def test_a_status_that_says_failure_is_a_refusal_whatever_else_is_there() -> None:
    with pytest.raises(AnswerRefused, match="maintenance"):
        EventDecoder(config(), "events").decode_body(b'{"status":"fail","message":"maintenance","data":{"events":[]}}')


@pytest.mark.parametrize("field", [b"", b',"created_at":1704103200', b',"created_at":{}'])
def test_a_time_that_is_missing_or_no_text_is_reported_with_the_id_of_its_event(field: bytes) -> None:
    row = EventDecoder(config(), "events").row(Raw(b'{"event_id":"e7"' + field + b"}"))
    with pytest.raises(UnreadableTime) as caught:
        normalize_times([row.envelope])
    assert caught.value.record_id == "e7"


def test_an_error_with_a_successful_status_is_a_refusal() -> None:
    with pytest.raises(AnswerRefused, match="broken"):
        EventDecoder(config(), "events").decode_body(b'{"error":{"title":"Error","detail":"broken"}}')


# --- parameters


def requester_of(stream: str, settings: Mapping[str, Any]) -> Any:
    manifest = providers.manifest("carecloud")
    source = EventsDeclarativeSource(catalog=None, config=complete(settings), state=None, source_config=manifest)
    (found,) = [candidate for candidate in source.streams(source._config) if candidate.name == stream]
    retriever = found._stream_partition_generator._partition_factory._retriever  # type: ignore[attr-defined]
    return retriever.pages.requester


def url_of(settings: Mapping[str, Any], stream: str = "org_events", **extra: str) -> str:
    fields = {"time_from": "", "time_to": "", **extra}
    parameters = requester_of(stream, settings).get_request_params(
        stream_slice=StreamSlice(partition={}, cursor_slice={}, extra_fields=fields)
    )
    url = requests.Request("GET", "https://x/events", params=parameters).prepare().url
    assert url
    return requests.utils.unquote(url.partition("?")[2])


def test_the_parameters_are_exactly_the_documented_ones() -> None:
    assert url_of(config(), time_from="2024-01-01 00:59:59", time_to="2024-01-02 01:00:00") == (
        "count=1000&sort_field=created_at&sort_direction=ASC&time_from=2024-01-01+00:59:59&time_to=2024-01-02+01:00:00"
    )
    assert url_of(config(), "property_records").endswith("&include_property_records=true")


def test_types_are_a_bracketed_array_while_the_address_stays_short() -> None:
    assert url_of({**config(), "event_types": ["a"]}).endswith("&event_type_ids[]=a")
    assert url_of({**config(), "event_types": ["a", "b's"]}).endswith("&event_type_ids[]=a&event_type_ids[]=b's")
    assert url_of({**config(), "event_types": [str(number) for number in range(100)]}).count("event_type_ids[]") == 100
    assert "event_type_ids" not in url_of({**config(), "event_types": [str(number) for number in range(101)]})


# --- configuration


@pytest.mark.parametrize(
    ("provider", "problem"),
    [
        ({"credentials": {"auth_type": "basic", "login": "l"}}, "`provider.credentials.password` is missing"),
        (
            {"credentials": {"auth_type": "bearer", "login": "l", "password": 7}},
            "`provider.credentials.password` must be",
        ),
        ({"credentials": {"auth_type": "token"}}, "`provider.credentials.auth_type` must be one of bearer, basic"),
        ({"credentials": "secret"}, "`provider.credentials` must be of type object"),
        ({"time_zone": ""}, "`provider.time_zone` must not be empty"),
        ({"api_url": "http://project.example.com"}, "`provider.api_url` must begin with https://"),
    ],
)
def test_a_wrong_field_is_named_also_within_the_credentials(provider: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        validate(config(**provider))
    assert problem in str(raised.value)
    assert "secret" not in str(raised.value)


# --- windows


class Pages:
    """Answers with the events of a feed, as an installation with or without the time filter does."""

    def __init__(self, times: list[str | None], *, filters: bool) -> None:
        self.times, self.filters = times, filters
        self.asked: list[tuple[str, str]] = []
        self.filter = WindowFilter(parameters={}, config=complete(config()))

    def read_records(self, schema: Mapping[str, Any], stream_slice: StreamSlice) -> Iterator[Record]:
        window = stream_slice.extra_fields["time_from"], stream_slice.extra_fields["time_to"]
        self.asked.append(window)
        found = [time for time in self.times if self._within(time or "0000", *window)]
        rows = [Row(Raw(b'{"a":1}'), Envelope(time or "zero", "carecloud", None, time)) for time in found]
        draft = {PAGE: Draft(Answer(rows=[]), rows)}
        for data in self.filter.filter_records([draft] if rows else [], {}, stream_slice):
            yield Record(data, "org_events", stream_slice)

    def _within(self, time: str, start: str, end: str) -> bool:
        shown = time.replace("T", " ")[:19]
        return not self.filters or (start <= shown and (not end or shown <= end))


def read(pages: Pages, *slices: tuple[str, str]) -> list[list[str]]:
    retriever = WindowRetriever(config=complete(config()), parameters={}, pages=pages)  # type: ignore[arg-type]
    found = []
    for first, last in slices:
        stream_slice = StreamSlice(partition={}, cursor_slice={"start_time": first, "end_time": last})
        records = list(retriever.read_records({}, stream_slice))
        assert all(record.associated_slice is stream_slice for record in records)
        lines = b"".join(splice(record.data[PAGE].rows) for record in records).splitlines()
        found.append([msgspec.json.decode(line)["id"] for line in lines])
    return found


EVENTS = [None, "2024-02-01T12:00:00Z", "2024-02-02T12:00:00Z", "2024-02-03T12:00:00Z"]
DAYS = [(f"2024-02-0{day}T00:00:00Z", f"2024-02-0{day}T23:59:59Z") for day in (1, 2, 3)]


def test_each_window_is_read_for_itself_where_the_filter_works() -> None:
    pages = Pages(EVENTS, filters=True)
    assert read(pages, *DAYS) == [["zero", EVENTS[1]], [EVENTS[2]], [EVENTS[3]]]
    assert len(pages.asked) == 1 + len(DAYS)


def test_the_first_window_reads_for_all_where_the_filter_is_ignored() -> None:
    pages = Pages(EVENTS, filters=False)
    assert read(pages, *DAYS) == [["zero", *EVENTS[1:]], [], []]
    assert pages.asked == [("", "1902-01-01 00:00:00"), ("", "")]


def test_a_window_before_the_claimed_range_reads_for_itself() -> None:
    assert read(Pages(EVENTS, filters=False), DAYS[1], DAYS[0], DAYS[2]) == [["zero", *EVENTS[2:]], [EVENTS[1]], []]


# --- the hourly password


def test_the_hash_is_the_documented_one() -> None:
    # printf '%s' "$(printf password | md5sum | cut -c-32)2024013123" | sha256sum
    moment = datetime(2024, 1, 31, 23, 59, 59, tzinfo=timezone.utc)
    assert hourly_hash("password", moment) == "faa870e240943c6dfa674c2c156457986cd99170648fc2dbeb4bf1fcde643994"


def hours(now: str, refused_at: str | None = None) -> str:
    """The hour whose hash is sent: at first, or after a refusal of what was sent at a time."""
    authenticator = HourlyAuthenticator(config=config(), parameters={}, refused_with=401)
    if refused_at:
        with freeze_time(refused_at):
            refused = authenticator.token
    with freeze_time(now):
        header = authenticator.token_instead_of(refused) if refused_at else authenticator.token
    sent = base64.b64decode(header.removeprefix("Basic ")).decode()
    moments = (datetime(2024, 5, 1, hour, tzinfo=timezone.utc) for hour in range(24))
    return next(f"{moment.hour:02d}" for moment in moments if sent == f"l:{hourly_hash('p', moment)}")


def test_the_hash_is_made_anew_for_each_request() -> None:
    assert hours("2024-05-01T11:59:59Z") == "11"
    assert hours("2024-05-01T12:00:00Z") == "12"


@pytest.mark.parametrize(
    ("now", "refused_at", "expected"),
    [
        ("2024-05-01T12:00:01Z", "2024-05-01T12:00:00Z", "11"),
        ("2024-05-01T11:59:59Z", "2024-05-01T11:59:58Z", "12"),
        ("2024-05-01T12:00:00Z", "2024-05-01T11:59:59Z", "12"),
    ],
    ids=["the server is behind", "the server is ahead", "the hour has just ended"],
)
def test_after_a_refusal_the_nearer_hour_is_tried(now: str, refused_at: str, expected: str) -> None:
    assert hours(now, refused_at) == expected

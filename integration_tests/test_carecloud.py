"""CareCloud as a process against the sandbox: every event once, at the right instant, from any installation."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.carecloud import COMPLAINT, CUSTOMER, PURCHASE, Client, config, event, event_id, instants
from integration_tests.connector import Json, Output, catalog, changed, once, read, run
from sandbox.carecloud import OTHER_LOGIN, OTHER_PASSWORD, PASSWORD
from sandbox.carecloud.catalogue import EVENT_GROUPS, EVENT_PROPERTIES, EVENT_TYPES
from sandbox.carecloud.generator import customer_id
from sandbox.process import Control, Sandbox
from source_events.components.login import MOST_RENEWALS

PROVIDER = "carecloud"
EVENT_STREAMS = ("org_events", "contact_events")
WARNING = "have no time"


@pytest.fixture(scope="module")
def generated() -> Iterator[Sandbox]:
    """3,000 generated events of 40 customers, January and February 2024; 30 of them have no time."""
    with Sandbox(events=3000, contacts=40, no_example=True) as sandbox:
        yield sandbox


@pytest.fixture
def control(generated: Sandbox) -> Control:
    generated.control.reset()
    generated.control.clear_requests()
    return generated.control


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A sandbox without events, for tests that bring their own."""
    with Sandbox(events=0, contacts=3, no_example=True) as sandbox:
        yield sandbox


def requests_to(control: Control, ending: str) -> list[dict[str, Any]]:
    return [request for request in control.requests() if request["path"].endswith(ending)]


def feed_requests(control: Control) -> list[dict[str, Any]]:
    return requests_to(control, "/v1.0/events")


def customer_requests(control: Control) -> list[dict[str, Any]]:
    return [request for request in control.requests() if "/customers/" in request["path"]]


def times(output: Output, stream: str) -> dict[str, str | None]:
    return {record["id"]: record["createdAt"] for record in output.records(stream)}


# --- completeness


def test_a_record_is_the_native_event_with_the_envelope(own: Sandbox) -> None:
    native = event(1, "2024-02-01 12:00:00", secondary_external_id=None, data='{"broken": [1, 2', state=0)
    own.control.add_events(PROVIDER, [native])
    output = read(config(own.url))
    assert output.records("org_events") == output.records("contact_events")
    (record,) = output.records("org_events")
    assert {name: record[name] for name in native} == native
    assert {name: record[name] for name in ("id", "provider", "type", "createdAt", "organizationId", "contactId")} == {
        "id": event_id(1),
        "provider": "carecloud",
        "type": PURCHASE,
        "createdAt": "2024-02-01T11:00:00Z",
        "organizationId": "127.0.0.1",
        "contactId": CUSTOMER,
    }


@pytest.mark.parametrize("num_workers", [1, 8, 40])
def test_every_event_comes_once_over_many_windows_pages_and_workers(
    generated: Sandbox, control: Control, num_workers: int
) -> None:
    control.behaviour(PROVIDER, count_cap=97)
    output = read(config(generated.url, window_size="P3D", num_workers=num_workers), *EVENT_STREAMS)
    assert output.status == 0
    expected = instants(generated.url)
    for stream in EVENT_STREAMS:
        assert output.ids(stream) == once(expected)
        assert times(output, stream) == expected
    assert len(requests_to(control, "/login")) == 1


@pytest.mark.parametrize("total_items", ["plus_one", "zero", "absent", "exact"])
@pytest.mark.parametrize("exclusive_bounds", [True, False])
def test_neither_a_total_that_lies_nor_the_kind_of_bounds_loses_an_event(
    generated: Sandbox, control: Control, total_items: str, exclusive_bounds: bool
) -> None:
    control.behaviour(PROVIDER, total_items=total_items, exclusive_bounds=exclusive_bounds)
    output = read(config(generated.url, window_size="P30D"), "org_events")
    assert output.ids("org_events") == once(control.event_ids(PROVIDER))
    assert any("announced is not what came" in line for line in output.logs) == (total_items in ("plus_one", "zero"))


def test_the_feed_is_asked_for_in_the_documented_notation(generated: Sandbox, control: Control) -> None:
    settings = config(
        generated.url,
        start_date="2024-01-10T00:00:00Z",
        end_date="2024-01-11T00:00:00Z",
        event_types=[PURCHASE, COMPLAINT],
    )
    output = read(settings, "property_records")
    assert output.records("property_records")
    asked = {
        "count": "1000",
        "sort_field": "created_at",
        "sort_direction": "ASC",
        "include_property_records": "true",
        "event_type_ids[]": [PURCHASE, COMPLAINT],
    }
    window = {"time_from": "2024-01-10 00:59:59", "time_to": "2024-01-11 01:00:01"}
    queries = [request["query"] for request in feed_requests(control)]
    assert {**asked, **window} in queries
    assert {**asked, "time_to": "1902-01-01 00:00:00"} in queries
    assert {request["headers"]["Accept-Language"] for request in feed_requests(control)} == {"en"}


def test_an_offset_that_the_server_ignores_is_an_error(generated: Sandbox, control: Control) -> None:
    control.behaviour(PROVIDER, ignore_offset=True)
    output = read(config(generated.url, window_size="P99D"), "org_events")
    assert output.status == 1
    assert "repeats a page" in output.errors[0]["message"]


# --- times


SPRING = {
    "2024-03-31 01:59:59": "2024-03-31T00:59:59Z",
    "2024-03-31 02:00:00": "2024-03-31T01:00:00Z",  # does not exist, moved forward by the gap
    "2024-03-31 02:30:00": "2024-03-31T01:30:00Z",
    "2024-03-31 03:00:00": "2024-03-31T01:00:00Z",
    "2024-03-31 03:30:00.250": "2024-03-31T01:30:00.250Z",
}
AUTUMN = {
    "2024-10-27 01:59:59": "2024-10-26T23:59:59Z",
    "2024-10-27 02:00:00": "2024-10-27T00:00:00Z",  # happens twice, taken as the earlier
    "2024-10-27 02:30:00": "2024-10-27T00:30:00Z",
    "2024-10-27 02:59:59": "2024-10-27T00:59:59Z",
    "2024-10-27 03:00:00": "2024-10-27T02:00:00Z",
}


@pytest.mark.parametrize("window_size", ["PT1H", "P7D"])
@pytest.mark.parametrize("time_filter", ["local", "instant"])
@pytest.mark.parametrize(("day", "expected"), [("2024-03-31", SPRING), ("2024-10-27", AUTUMN)])
def test_the_hours_of_a_clock_change_come_once_at_the_right_instant(
    own: Sandbox, day: str, expected: dict[str, str], time_filter: str, window_size: str
) -> None:
    own.control.behaviour(PROVIDER, time_filter=time_filter, exclusive_bounds=True)
    own.control.add_events(PROVIDER, [event(number, local) for number, local in enumerate(expected)])
    # The second time that the clock shows 02:30, which the API does not tell from the first.
    own.control.add_events(PROVIDER, [{"event_id": "again", "instant": 1729992600}])
    again = {"again": "2024-10-27T00:30:00Z"} if day == "2024-10-27" else {}
    night = {"start_date": f"{day[:8]}{int(day[8:]) - 1}T12:00:00Z", "end_date": f"{day}T12:00:00Z"}
    output = read(config(own.url, window_size=window_size, **night), *EVENT_STREAMS)
    # Two windows of an hour have one of the instants each that a repeated time may mean, and both give its events.
    both = {event_id(number) for number in (1, 2, 3)} | {"again"} if again and window_size == "PT1H" else set()
    for stream in EVENT_STREAMS:
        found = {event_id(number): utc for number, utc in enumerate(expected.values())} | again
        assert output.ids(stream) == {name: 2 if name in both and stream != "contact_events" else 1 for name in found}
        assert times(output, stream) == found


def test_generated_events_of_a_year_with_both_clock_changes_come_once(own: Sandbox) -> None:
    own.control.add_events(
        PROVIDER, generate=2000, contacts=5, start="2024-01-01T00:00:00Z", end="2024-12-31T00:00:00Z"
    )
    output = read(config(own.url, end_date="2024-12-31T23:59:59Z", window_size="P1D"), "org_events")
    assert times(output, "org_events") == instants(own.url)
    assert output.ids("org_events") == once(instants(own.url))


@pytest.mark.parametrize("old_installation", [False, True])
def test_events_without_a_time_come_once_and_are_counted_in_a_warning(
    generated: Sandbox, control: Control, old_installation: bool
) -> None:
    control.behaviour(PROVIDER, old_installation=old_installation)
    output = read(config(generated.url, window_size="P1D"), *EVENT_STREAMS)
    for stream in EVENT_STREAMS:
        ids = output.ids(stream)
        undated = [name for name, moment in times(output, stream).items() if moment is None]
        assert len(undated) == 30
        assert {ids[name] for name in undated} == {1}
    assert [line for line in output.logs if WARNING in line] == [
        "org_events, contact_events: 30 events have no time; their `createdAt` is null."
    ]


@pytest.mark.parametrize("listed", [False, True])
@pytest.mark.parametrize("old_installation", [False, True])
@pytest.mark.parametrize("event_types", [[], [PURCHASE]])
def test_an_event_without_a_time_that_is_added_after_a_sync_comes_with_the_next(
    own: Sandbox, event_types: list[str], old_installation: bool, listed: bool
) -> None:
    other, quiet = customer_id(1), customer_id(2)
    own.control.behaviour(PROVIDER, old_installation=old_installation)
    own.control.add_events(PROVIDER, [event(1, None), event(2, "2024-01-10 12:00:00"), event(3, None, quiet)])
    customers = [CUSTOMER, other, quiet] if listed else []
    settings = config(own.url, end_date="2024-03-20T00:00:00Z", event_types=event_types, contact_ids=customers)
    first = read(settings, *EVENT_STREAMS)
    unwanted = event(4, None, other, event_type_id=COMPLAINT)
    own.control.add_events(PROVIDER, [event(5, None), event(6, "2024-02-01 12:00:00", other), unwanted])
    own.control.clear_requests()
    second = read(settings, *EVENT_STREAMS, state=first.state)
    expected = {event_id(number) for number in (1, 3, 5, 6, *([] if event_types else [4]))}
    lookback = {event_id(2)}
    for stream in EVENT_STREAMS:
        assert first.ids(stream) == once(event_id(number) for number in (1, 2, 3))
        assert second.ids(stream) == once(expected | lookback)
    asked = [
        (request["path"].split("/")[-2], request["query"].get("time_from"), request["query"]["time_to"])
        for request in customer_requests(own.control)
        if "offset" not in request["query"]
    ]
    windows = [(customer, "2024-01-09 11:59:59", "2024-03-20 01:00:01") for customer in (CUSTOMER, other, quiet)]
    with_undated = [CUSTOMER, quiet] if event_types else [CUSTOMER, other, quiet]
    apart = [] if old_installation else [(customer, None, "1902-01-01 00:00:00") for customer in with_undated]
    assert sorted(asked, key=str) == sorted(windows + apart, key=str)
    probes = [
        request["query"] for request in feed_requests(own.control) if "1902" in request["query"].get("time_to", "")
    ]
    assert sum("offset" not in query for query in probes) == len(EVENT_STREAMS)


def test_any_other_time_that_cannot_be_read_names_the_stream_and_the_event(own: Sandbox) -> None:
    own.control.add_events(PROVIDER, [event(1, "2024-02-30 00:00:00")])
    output = read(config(own.url), "org_events")
    (error,) = output.errors
    assert output.status == 1
    assert error["failure_type"] == "system_error"
    assert (
        error["message"] == f"org_events: Record {event_id(1)} has a time that cannot be read: '2024-02-30 00:00:00'."
    )


# --- old installations


def test_an_installation_without_time_filter_is_read_in_one_pass(generated: Sandbox, control: Control) -> None:
    control.behaviour(PROVIDER, old_installation=True)
    output = read(config(generated.url, window_size="P1D", num_workers=8), "org_events")
    assert output.ids("org_events") == once(control.event_ids(PROVIDER))
    pages = [request["query"].get("offset") for request in feed_requests(control)]
    # The total is documented, so that no page is asked for behind it.
    assert pages == [None, None, "1000", "2000"]
    assert output.cursor("org_events") == {"createdAt": max(filter(None, instants(generated.url).values()))}


def test_customers_of_such_an_installation_are_found_in_one_pass_too(generated: Sandbox, control: Control) -> None:
    control.behaviour(PROVIDER, old_installation=True)
    output = read(config(generated.url, window_size="P1D"), "contact_events")
    assert output.ids("contact_events") == once(control.event_ids(PROVIDER))
    assert len(feed_requests(control)) == 4
    assert len({request["path"] for request in customer_requests(control)}) == 40


def test_such_an_installation_gives_the_asked_range_only_and_continues_from_its_state(own: Sandbox) -> None:
    own.control.behaviour(PROVIDER, old_installation=True)
    own.control.add_events(PROVIDER, [event(day, f"2024-01-{day:02d} 12:00:00") for day in range(1, 29)])
    settings = config(own.url, start_date="2024-01-10T00:00:00Z", end_date="2024-01-20T12:00:00Z", window_size="P1D")
    first = read(settings, *EVENT_STREAMS)
    for stream in EVENT_STREAMS:
        assert first.ids(stream) == once(event_id(day) for day in range(10, 21))
    second = read(changed(settings, end_date=None), *EVENT_STREAMS, state=first.state)
    for stream in EVENT_STREAMS:
        assert second.ids(stream) == once(event_id(day) for day in range(19, 29))


def test_a_pass_that_breaks_off_counts_nothing_as_read(generated: Sandbox, control: Control) -> None:
    control.behaviour(PROVIDER, old_installation=True)
    control.add_fault(path="/events$", query={"offset": "2000"}, status=400)
    settings = config(generated.url, window_size="P1D")
    broken = read(settings, "org_events")
    assert broken.status == 1
    assert broken.cursor("org_events") == {"createdAt": "2024-01-01T00:00:00Z"}
    rest = read(settings, "org_events", state=broken.state)
    assert broken.ids("org_events").keys() | rest.ids("org_events").keys() == set(control.event_ids(PROVIDER))


# --- incremental


def test_a_second_sync_reads_the_overlap_and_the_new_events_only(own: Sandbox) -> None:
    local = {1: "2024-01-05 01:00:00", 2: "2024-01-10 01:00:00", 3: "2024-01-11 07:00:00"}
    own.control.add_events(PROVIDER, [event(number, created) for number, created in local.items()])
    first = read(config(own.url), *EVENT_STREAMS, "property_records")
    for stream in EVENT_STREAMS:
        assert first.cursor(stream) == {"createdAt": "2024-01-11T06:00:00Z"}
    own.control.clear_requests()
    other = customer_id(1)
    late, new = event(4, "2024-01-10 13:00:00"), event(5, "2024-02-01 00:00:00", other)
    own.control.add_events(PROVIDER, [late, new])
    second = read(config(own.url), *EVENT_STREAMS, state=first.state)
    for stream in EVENT_STREAMS:
        assert second.ids(stream) == once(event_id(number) for number in (3, 4, 5))
        assert second.cursor(stream) == {"createdAt": "2024-01-31T23:00:00Z"}
    windows = {request["query"].get("time_from") for request in feed_requests(own.control)} - {None}
    assert min(windows) == "2024-01-10 06:59:59"
    assert sorted({request["path"].split("/")[-2] for request in customer_requests(own.control)}) == sorted(
        [CUSTOMER, other]
    )


def test_events_at_both_dates_are_in_and_those_beyond_are_not(own: Sandbox) -> None:
    inside = ["2024-01-01 01:00:00", "2024-01-01 01:00:00.5", "2024-01-03 13:00:00"]
    outside = ["2024-01-01 00:59:59.9", "2024-01-03 13:00:00.5", "2024-01-03 13:00:01"]
    own.control.add_events(PROVIDER, [event(number, created) for number, created in enumerate(inside + outside)])
    output = read(config(own.url, end_date="2024-01-03T12:00:00Z", window_size="P1D"), *EVENT_STREAMS)
    for stream in EVENT_STREAMS:
        assert output.ids(stream) == once(event_id(number) for number in range(len(inside)))


def test_a_posted_event_is_read_back_with_its_property_records(own: Sandbox) -> None:
    body = {
        "event": {"event_type_id": PURCHASE, "customer_id": CUSTOMER, "external_id": "aaabbbccc"},
        "property_records": [{"property_id": "has_purchase", "property_value": "true"}],
    }
    posted = Client(own.url).post("/events", body).json()["data"]["event_id"]
    output = read(changed(config(own.url), end_date=None), "org_events", "property_records")
    assert output.ids("org_events") == once([posted])
    assert output.ids("property_records") == once([f"{posted}:has_purchase"])


# --- customers, types, property records, reference lists


def test_listed_customers_are_read_without_the_feed(generated: Sandbox, control: Control) -> None:
    listed = [customer_id(1), customer_id(2)]
    output = read(config(generated.url, contact_ids=listed), "contact_events")
    expected = [name for customer in listed for name in control.event_ids(PROVIDER, contact=customer)]
    assert output.ids("contact_events") == once(expected)
    assert not feed_requests(control)


def test_a_customer_that_has_disappeared_is_skipped_with_a_log_line(generated: Sandbox, control: Control) -> None:
    gone = control.event_ids(PROVIDER, contact=customer_id(3))
    control.delete_contact(PROVIDER, customer_id(3))
    output = read(config(generated.url), "contact_events")
    assert output.status == 0
    assert output.ids("contact_events") == once(set(control.event_ids(PROVIDER)) - set(gone))
    assert any("skipped" in line and line.endswith(f": {customer_id(3)}.") for line in output.logs)


def test_event_types_restrict_all_event_streams(generated: Sandbox, control: Control) -> None:
    whole = read(config(generated.url), "org_events", "property_records")
    of_type = [record["id"] for record in whole.records("org_events") if record["type"] == COMPLAINT]
    output = read(config(generated.url, event_types=[COMPLAINT]), *EVENT_STREAMS, "property_records")
    for stream in EVENT_STREAMS:
        assert output.ids(stream) == once(of_type)
    assert output.ids("property_records") == once(
        record["id"] for record in whole.records("property_records") if record["eventId"] in set(of_type)
    )


def test_a_check_names_event_types_that_the_account_has_not_with_one_request_more(
    generated: Sandbox, control: Control
) -> None:
    output = run("check", config=config(generated.url, event_types=[PURCHASE, "visits"]))
    assert output.connection_status["status"] == "SUCCEEDED"
    known = ", ".join(sorted(kind["event_type_id"] for kind in EVENT_TYPES))
    told = f"`event_types` names visits, but the account has {known}. Nothing is read of a type that no event has."
    assert told in output.logs
    assert [request["path"].rpartition("/")[2] for request in control.requests()] == ["login", "events", "event-types"]
    run("check", config=config(generated.url, event_types=[PURCHASE]))
    assert [request["path"].rpartition("/")[2] for request in control.requests()][3:] == [
        "login",
        "events",
        "event-types",
    ]


def property_records_of(sandbox: Sandbox, **fields: Any) -> dict[str, Json]:
    output = read(config(sandbox.url, **fields), "property_records")
    assert output.status == 0
    records = {record["id"]: record for record in output.records("property_records")}
    assert len(records) == len(output.records("property_records"))
    return records


def test_property_records_come_with_the_events_and_without_a_request_for_each(
    generated: Sandbox, control: Control
) -> None:
    records = property_records_of(generated)
    assert not requests_to(control, "/property-records")
    created = instants(generated.url)
    native = Client(generated.url)
    for record in list(records.values())[:5]:
        answer = native.get(f"/events/{record['eventId']}/property-records").json()["data"]["property_records"]
        (same,) = [entry for entry in answer if entry["property_id"] == record["property_id"]]
        assert {name: record[name] for name in same} == same
        assert record["id"] == f"{record['eventId']}:{record['property_id']}"
        assert record["createdAt"] == created[record["eventId"]]
        assert record["contactId"]
        assert (record["provider"], record["organizationId"]) == ("carecloud", "127.0.0.1")


@pytest.mark.parametrize("form", ["null", "missing"])
def test_an_installation_that_cannot_include_property_records_is_asked_event_by_event(
    generated: Sandbox, control: Control, form: str
) -> None:
    fields = {"start_date": "2024-01-10T00:00:00Z", "end_date": "2024-01-14T00:00:00Z"}
    expected = property_records_of(generated, **fields)
    control.behaviour(PROVIDER, property_records=form)
    gone = next(record["eventId"] for record in expected.values() if record["createdAt"])
    control.add_fault(path=f"/events/{gone}/property-records", status=404)
    control.clear_requests()
    found = property_records_of(generated, **fields)
    assert found == {name: record for name, record in expected.items() if record["eventId"] != gone}
    asked = [request["path"] for request in requests_to(control, "/property-records")]
    assert len(asked) == len(set(asked)) == len(read(config(generated.url, **fields), "org_events").ids("org_events"))
    assert control.max_in_flight() <= 8


def test_an_old_installation_is_asked_for_the_property_records_of_the_wanted_events_only(
    generated: Sandbox, control: Control
) -> None:
    control.behaviour(PROVIDER, property_records="missing", old_installation=True)
    first, last = "2024-01-10T00:00:00Z", "2024-01-11T00:00:00Z"
    property_records_of(generated, start_date=first, end_date=last, window_size="PT1H")
    asked = {request["path"].split("/")[-2] for request in requests_to(control, "/property-records")}
    created = instants(generated.url).items()
    assert asked == {name for name, moment in created if moment is None or first <= moment <= last}
    assert len(feed_requests(control)) == 4


def test_reference_lists_are_read_with_their_own_keys(generated: Sandbox, control: Control) -> None:
    control.behaviour(PROVIDER, count_cap=2)
    lists = {"event_types": EVENT_TYPES, "event_groups": EVENT_GROUPS, "event_properties": EVENT_PROPERTIES}
    keys = {"event_types": "event_type_id", "event_groups": "event_group_id", "event_properties": "property_id"}
    output = run("read", config=config(generated.url), catalog=catalog(*lists, sync_mode="full_refresh"))
    for stream, natives in lists.items():
        added = {"provider": "carecloud", "organizationId": "127.0.0.1"}
        expected = sorted(({**native, **added} for native in natives), key=lambda row: str(row[keys[stream]]))
        assert output.records(stream) == expected
    (found,) = [
        m["catalog"]["streams"] for m in run("discover", config=config(generated.url)).messages if "catalog" in m
    ]
    declared = {stream["name"]: stream["source_defined_primary_key"] for stream in found}
    assert {name: declared[name] for name in keys} == {name: [[key]] for name, key in keys.items()}


# --- the sandbox


@pytest.mark.parametrize(
    "parameters",
    [
        {"include_property_records": "True"},
        {"include_property_records": "1"},
        {"sort_direction": "asc"},
        {"sort_field": "nothing"},
        {"count": "0"},
        {"offset": "-1"},
        {"time_from": "2024-01-01T00:00:00Z"},
        {"time_to": "2024-02-30 00:00:00"},
        {"event_type_ids": "x"},
        {"page": "1"},
    ],
    ids=str,
)
def test_the_sandbox_refuses_what_is_not_documented(
    generated: Sandbox, control: Control, parameters: dict[str, Any]
) -> None:
    answer = Client(generated.url).get("/events", **parameters)
    (problem,) = answer.json()["error"]["error_data"]["invalid_params"]
    assert answer.status_code == 400
    assert problem.keys() == {"name", "reason", "value", "message"}


def test_the_sandbox_creates_an_event_once(own: Sandbox) -> None:
    client = Client(own.url)
    fields = {"event_type_id": PURCHASE, "external_id": "order 1"}
    first = client.post("/events", {"event": {**fields, "customer_id": CUSTOMER, "created_at": "2024-01-01T00:00:00"}})
    assert first.status_code == 201
    event_of_first = client.get(f"/events/{first.json()['data']['event_id']}").json()["data"]
    assert (event_of_first["created_at"], event_of_first["property_records"]) == ("2024-01-01 00:00:00", None)
    identified = {"customer_identifier_type": "email", "customer_identifier_value": "contact-0@example.com"}
    second = client.post("/events", {"event": {**fields, **identified}})
    assert second.status_code == 400
    assert second.json()["error"]["error_data"]["invalid_params"][0]["reason"] == "relation_already_exists"
    both = client.post("/events", {"event": {**fields, **identified, "external_id": "new", "customer_id": CUSTOMER}})
    assert both.status_code == 400
    (problem,) = both.json()["error"]["error_data"]["invalid_params"]
    assert (problem["name"], problem["reason"]) == ("event.customer_id", "not_allowed_value")
    records = [{"property_id": "receipt"}] * 1001
    other = {**fields, "external_id": "order 2", "customer_id": CUSTOMER}
    assert client.post("/events", {"event": other, "property_records": records}).status_code == 400
    created = client.post("/events", {"event": other, "property_records": records[1:]})
    assert created.status_code == 201
    found = client.get(f"/events/{created.json()['data']['event_id']}/property-records").json()["data"]
    assert len(found["property_records"]) == found["total_items"] == 1000
    assert client.get("/events/unknown").status_code == 404


def test_the_sandbox_generates_the_same_events_again(generated: Sandbox) -> None:
    with Sandbox(events=3000, contacts=40, no_example=True) as again:
        assert instants(again.url) == instants(generated.url)


# --- authentication and errors


@pytest.mark.parametrize("login_status", [200, 201])
def test_an_expired_token_is_renewed_once_for_all_workers(
    generated: Sandbox, control: Control, login_status: int
) -> None:
    control.behaviour(PROVIDER, login_status=login_status)
    control.add_fault(path="/events$", skip=4, expire_token=True)
    output = read(config(generated.url), "org_events")
    assert output.ids("org_events") == once(control.event_ids(PROVIDER))
    assert len(requests_to(control, "/login")) == 2


def test_a_token_that_is_always_refused_is_renewed_a_few_times_and_no_more(
    generated: Sandbox, control: Control
) -> None:
    """Each new token may have been ended by a login elsewhere, before one has ever been accepted."""
    control.add_fault(path="/events$", status=401, times=None)
    output = read(config(generated.url), "org_events")
    assert {error["failure_type"] for error in output.errors} == {"config_error"}
    assert len(requests_to(control, "/login")) == 1 + MOST_RENEWALS


@pytest.mark.parametrize("clocks_differ", [False, True])
def test_basic_authentication_follows_the_hour(generated: Sandbox, control: Control, clocks_differ: bool) -> None:
    since_the_hour = int(time.time()) % 3600
    to_neighbour = -since_the_hour - 300 if since_the_hour < 1800 else 3600 - since_the_hour + 300
    control.behaviour(PROVIDER, clock_offset_seconds=to_neighbour if clocks_differ else 0)
    output = read(config(generated.url, "basic"), "org_events")
    assert output.ids("org_events") == once(control.event_ids(PROVIDER))
    assert not requests_to(control, "/login")
    assert any(request["status"] == 401 for request in feed_requests(control)) == clocks_differ


def credentials(**fields: str) -> dict[str, Any]:
    return {**config("http://localhost")["provider"]["credentials"], **fields}


@pytest.mark.parametrize(
    ("provider", "named"),
    [
        ({"credentials": credentials(password="not it")}, "`provider.credentials.password`"),
        ({"credentials": credentials(external_application_id="wrong")}, "external_application_id"),
        ({"credentials": {"auth_type": "basic", "login": "x", "password": "y"}}, "`provider.credentials.login`"),
        ({"credentials": credentials(login=OTHER_LOGIN, password=OTHER_PASSWORD)}, "group webservice"),
        ({"credentials": {"auth_type": "bearer", "login": "x"}}, "`provider.credentials.password` is missing"),
        ({"credentials": {"auth_type": "key"}}, "`provider.credentials.auth_type` must be one of bearer, basic"),
        ({"time_zone": "Prague"}, "`provider.time_zone`"),
        ({"time_zone": "../etc"}, "`provider.time_zone`"),
    ],
)
def test_a_wrong_configuration_is_named_field_by_field(
    generated: Sandbox, control: Control, provider: dict[str, Any], named: str
) -> None:
    settings = changed(config(generated.url), provider)
    status = run("check", config=settings).connection_status
    assert status["status"] == "FAILED"
    assert named in status["message"]
    output = read(settings, "org_events")
    assert output.status == 1
    assert {error["failure_type"] for error in output.errors} == {"config_error"}
    assert "Traceback" not in output.text


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_login_names_the_credentials_whatever_its_status(
    generated: Sandbox, control: Control, status: int
) -> None:
    control.behaviour(PROVIDER, login_refusal=status)
    settings = changed(config(generated.url), {"credentials": credentials(password="not it")})
    message = run("check", config=settings).connection_status["message"]
    assert "`provider.credentials.login`" in message
    assert "The login or the password is wrong" in message


def test_a_wrong_path_names_the_address(generated: Sandbox, control: Control) -> None:
    address = config(generated.url, "basic")["provider"]["api_url"] + "/x"
    message = run("check", config=changed(config(generated.url, "basic"), {"api_url": address})).connection_status
    assert "`provider.api_url`" in message["message"]


def test_the_older_path_works_and_an_empty_project_passes_the_check(own: Sandbox) -> None:
    address = config(own.url)["provider"]["api_url"].replace("/webservice", "")
    settings = changed(config(own.url), {"api_url": address})
    assert run("check", config=settings).connection_status["status"] == "SUCCEEDED"
    output = read(settings, *EVENT_STREAMS)
    assert output.status == 0
    for stream in EVENT_STREAMS:
        assert output.records(stream) == []
        assert output.cursor(stream) == {"createdAt": "2024-01-01T00:00:00Z"}


def test_429_and_503_with_empty_bodies_are_waited_out(generated: Sandbox, control: Control) -> None:
    control.add_fault(path="/events$", status=503, times=1)
    control.add_fault(path="/events$", status=429, times=1, headers={"Retry-After": "1"})
    output = read(config(generated.url), "org_events")
    assert output.ids("org_events") == once(control.event_ids(PROVIDER))


def test_no_secret_is_ever_written(generated: Sandbox, control: Control) -> None:
    for auth_type in ("bearer", "basic"):
        assert PASSWORD not in read(config(generated.url, auth_type), "org_events").text


def test_a_stream_that_is_refused_fails_alone(generated: Sandbox, control: Control) -> None:
    control.add_fault(path="/event-types$", status=403, times=None)
    result = read(config(generated.url), "event_types", "org_events", "contact_events")
    assert result.status == 1
    (error,) = result.errors
    assert error["stream_descriptor"] == {"name": "event_types"}
    assert error["failure_type"] == "config_error"
    assert error["message"].startswith("event_types: CareCloud does not let the user of `provider.credentials.login` ")
    ids = control.event_ids("carecloud")
    assert result.ids("org_events") == once(ids)
    assert result.cursor("org_events") == read(config(generated.url), "org_events").cursor("org_events")
    ended = [log for log in result.logs if re.match(r"\w+: \d+ records, ", log)]
    assert sorted(log.partition(";")[0] for log in ended) == [
        f"contact_events: {len(result.records('contact_events'))} records, complete",
        "event_types: 0 records, incomplete",
        f"org_events: {len(ids)} records, complete",
    ]

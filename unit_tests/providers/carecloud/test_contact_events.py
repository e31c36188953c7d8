"""Which requests `contact_events` makes for events without a time, and that each of them comes once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from unit_tests.exchange import Request, Response, Transport
from unit_tests.reading import Output, read, stream_state

API = "https://project.example.com/v1.0"
ZERO = "0000-00-00 00:00:00"
UNDATED = {"time_to": "1902-01-01 00:00:00"}
WHOLE = {"time_to": "2024-01-10 01:00:01"}
SINCE_THE_CURSOR = {"time_from": "2024-01-07 00:59:59", **WHOLE}
STATE = {"createdAt": "2024-01-08T00:00:00Z"}
LISTED = {**STATE, "listed_only": True}


@pytest.fixture(autouse=True)
def logged_in(network: Transport) -> None:
    body = {"user_external_application_id": "a", "login": "l", "password": "an-example-password"}
    answer = {"data": {"bearer_token": "an-example-token"}}
    network.expect(Request("POST", f"{API}/users/actions/login", body=body), Response(json.dumps(answer).encode()))


def config(**fields: Any) -> dict[str, Any]:
    credentials = {
        "auth_type": "bearer",
        "login": "l",
        "password": "an-example-password",
        "external_application_id": "a",
    }
    provider = {
        "provider_type": "carecloud",
        "api_url": API,
        "time_zone": "Europe/Prague",
        "credentials": credentials,
    }
    window = {"start_date": "2024-01-01T00:00:00Z", "end_date": "2024-01-10T00:00:00Z", "window_size": "P30D"}
    return {"provider": provider, **window, **fields}


def event(name: str, customer: str, created_at: str = ZERO, kind: str = "purchase") -> dict[str, Any]:
    return {"event_id": name, "customer_id": customer, "created_at": created_at, "event_type_id": kind}


def get(path: str, **query: str) -> Request:
    paging = {"count": "1000", "sort_field": "created_at", "sort_direction": "ASC"}
    return Request("GET", f"{API}/{path}", tuple(sorted({**paging, **query}.items())))


def answer(path: str, *events: dict[str, Any]) -> Response:
    data = {"customer_events" if path.startswith("customers/") else "events": events, "total_items": len(events)}
    return Response(json.dumps({"data": data}).encode())


def expect(network: Transport, path: str, *events: dict[str, Any], **query: str) -> None:
    """The list is asked for once: what it announces is all that there is."""
    network.expect(get(path, **query), answer(path, *events))


def expect_customer(network: Transport, customer: str, *events: dict[str, Any], **query: str) -> None:
    expect(network, f"customers/{customer}/events", *events, **query)


def sync(state: dict[str, Any] | None = STATE, **fields: Any) -> Output:
    saved = stream_state("contact_events", state) if state is not None else None
    return read("contact_events", config=config(**fields), state=saved)


NEW = event("new", "b", "2024-01-09 12:00:00")
OLD = event("old", "a", "2024-01-02 12:00:00")


def test_only_customers_with_events_without_a_time_are_asked_for_them(network: Transport) -> None:
    expect(network, "events", event("undated", "a"), **UNDATED)
    expect(network, "events", NEW, **SINCE_THE_CURSOR)
    expect_customer(network, "a", **SINCE_THE_CURSOR)
    expect_customer(network, "a", event("undated", "a"), **UNDATED)
    expect_customer(network, "b", NEW, **SINCE_THE_CURSOR)
    output = sync()
    assert output.ids() == ["new", "undated"]
    assert output.states[-1] == {"createdAt": "2024-01-09T11:00:00Z"}


@pytest.mark.parametrize("state", [None, {"createdAt": "2024-01-01T12:00:00Z"}])
def test_what_is_read_from_the_start_date_has_them_already(network: Transport, state: dict[str, Any] | None) -> None:
    window = {"time_from": "2024-01-01 00:59:59", **WHOLE}
    expect(network, "events", event("undated", "a"), **UNDATED)
    expect(network, "events", OLD, **window)
    expect_customer(network, "a", event("undated", "a"), OLD, **WHOLE)
    assert sync(state).ids() == ["old", "undated"]


def test_for_listed_customers_the_feed_is_asked_once(network: Transport, log: Any) -> None:
    expect(network, "events", event("undated", "a"), event("a stranger's", "z"), **UNDATED)
    expect_customer(network, "a", **SINCE_THE_CURSOR)
    expect_customer(network, "a", event("undated", "a"), **UNDATED)
    expect_customer(network, "b", NEW, **SINCE_THE_CURSOR)
    assert sync(LISTED, contact_ids=["a", "b"]).ids() == ["new", "undated"]
    assert "contact_events: 1 events have no time" in log.text


def test_listed_customers_that_are_read_from_the_start_date_need_no_feed(network: Transport) -> None:
    expect_customer(network, "a", event("undated", "a"), OLD, **WHOLE)
    assert sync(None, contact_ids=["a"]).ids() == ["old", "undated"]


def test_a_customer_that_is_listed_later_is_read_once_from_the_start_date(network: Transport) -> None:
    state = {**LISTED, "contacts": {"b": "2024-01-08T00:00:00Z"}}
    expect(network, "events", event("undated", "a"), **UNDATED)
    expect_customer(network, "b", NEW, **SINCE_THE_CURSOR)
    expect_customer(network, "a", event("undated", "a"), OLD, **WHOLE)
    assert sync(state, contact_ids=["b", "a"]).ids() == ["new", "old", "undated"]


def test_an_installation_that_ignores_the_filter_has_told_all_at_once(network: Transport) -> None:
    everything = [event("undated", "a"), OLD, NEW]
    network.expect(get("events", **UNDATED), answer("events", *everything))
    expect(network, "events", *everything)
    expect_customer(network, "a", event("undated", "a"), OLD, **SINCE_THE_CURSOR)
    expect_customer(network, "b", NEW, **SINCE_THE_CURSOR)
    assert sync().ids() == ["new", "undated"]


def test_listed_customers_of_such_an_installation_are_asked_once_each(network: Transport) -> None:
    network.expect(get("events", **UNDATED), answer("events", event("undated", "a"), OLD, NEW))
    expect_customer(network, "a", event("undated", "a"), OLD, **SINCE_THE_CURSOR)
    expect_customer(network, "b", NEW, **SINCE_THE_CURSOR)
    assert sync(LISTED, contact_ids=["a", "b"]).ids() == ["new", "undated"]


def test_an_installation_that_filters_the_feed_only_repeats_none(network: Transport) -> None:
    """The customers' events came to the filter two months later than the feed."""
    expect(network, "events", event("undated", "a"), **UNDATED)
    expect(network, "events", **SINCE_THE_CURSOR)
    expect_customer(network, "a", event("undated", "a"), OLD, **SINCE_THE_CURSOR)
    expect_customer(network, "a", event("undated", "a"), OLD, **UNDATED)
    assert sync().ids() == ["undated"]


def test_only_customers_with_such_events_of_the_wanted_types_are_asked(network: Transport) -> None:
    kinds = {"event_type_ids[]": "purchase"}
    expect(network, "events", event("undated", "a"), **UNDATED, **kinds)
    expect_customer(network, "a", **SINCE_THE_CURSOR, **kinds)
    expect_customer(network, "a", event("undated", "a"), **UNDATED, **kinds)
    expect_customer(network, "b", NEW, **SINCE_THE_CURSOR, **kinds)
    output = sync(LISTED, contact_ids=["a", "b"], event_types=["purchase"])
    assert output.ids() == ["new", "undated"]


def test_types_that_are_told_apart_here_do_not_look_like_a_filter_that_is_ignored(network: Transport) -> None:
    other = event("other", "b", kind="complaint")
    expect(network, "events", event("undated", "a"), other, **UNDATED)
    expect(network, "events", NEW, **SINCE_THE_CURSOR)
    expect_customer(network, "a", **SINCE_THE_CURSOR)
    expect_customer(network, "a", event("undated", "a"), other, **UNDATED)
    expect_customer(network, "b", NEW, **SINCE_THE_CURSOR)
    types = ["purchase", *(f"type {number}" for number in range(100))]
    assert sync(event_types=types).ids() == ["new", "undated"]


def test_an_event_that_is_dated_before_1902_does_not_look_like_it_either(network: Transport) -> None:
    ancient = event("ancient", "c", "1899-12-30 00:00:00")
    expect(network, "events", event("undated", "a"), ancient, **UNDATED)
    expect(network, "events", **SINCE_THE_CURSOR)
    expect_customer(network, "a", **SINCE_THE_CURSOR)
    expect_customer(network, "a", event("undated", "a"), **UNDATED)
    assert sync().ids() == ["undated"]

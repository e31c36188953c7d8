"""The connector as a process against the sandbox's App Market, and the sandbox's own strictness."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import requests

from integration_tests.app_market import CONTACT, config, event, event_id, get, post, token
from integration_tests.connector import Json, Output, changed, once, read, run
from sandbox.app_market import API_SECRET, BASE, EMPTY_INSTANCE_ID, INSTANCE_ID, RENDER_SECRET
from sandbox.app_market.generator import contact_id
from sandbox.process import Control, Sandbox

PROVIDER = "app_market"
OTHER = contact_id(1)


@pytest.fixture(scope="module")
def generated() -> Iterator[Sandbox]:
    """700 generated events of 12 contacts, January and February 2024; every fiftieth has a twin."""
    with Sandbox(events=700, contacts=12, no_example=True) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def control(generated: Sandbox) -> Control:
    """Every test finds the generated events with the behaviour of the start and an empty log."""
    generated.control.reset()
    return generated.control


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """Two contacts without events, for tests that bring their own."""
    with Sandbox(events=0, contacts=2, no_example=True) as sandbox:
        yield sandbox


def requests_to(control: Control, ending: str) -> list[Json]:
    return [request for request in control.requests() if request["path"].endswith(ending)]


def asked_contacts(control: Control) -> Counter[str]:
    """How often each contact was asked for from the first row on."""
    asked = (request["query"] for request in requests_to(control, "/events/get"))
    return Counter(query["contactId"] for query in asked if query["contactId"] and query["offset"] == "0")


def references(sandbox: Sandbox) -> Counter[str]:
    """What the events say of themselves; twins say the same."""
    rows: list[Json] = []
    while page := get(sandbox.url, offset=len(rows), limit=1000).json():
        rows += page
    return Counter(row["content"]["reference"] for row in rows)


def said(output: Output, stream: str) -> Counter[str]:
    return Counter(record["content"]["reference"] for record in output.records(stream))


# --- completeness


@pytest.mark.parametrize(
    ("switches", "workers"),
    [
        ({"envelope": "bare"}, 1),
        ({"envelope": "events", "with_total": True, "limit_cap": 7}, 8),
        ({"envelope": "data", "ids": "event_id", "order": "ascending", "limit_cap": 33}, 2),
        ({"envelope": "items", "ids": "_id", "order": "added", "type_field": "type", "contact_field": "contactId"}, 40),
        ({"ids": "event_id", "ignore_dates": True, "exclusive_since": True}, 8),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else f"{value} workers",
)
def test_every_event_comes_once_over_many_windows_pages_and_workers(
    generated: Sandbox, control: Control, switches: Json, workers: int
) -> None:
    control.behaviour(PROVIDER, **switches)
    output = read(config(generated.url, window_size="P14D", num_workers=workers))
    assert output.status == 0, output.errors
    expected = once(control.event_ids(PROVIDER))
    assert output.ids("org_events") == expected
    assert output.ids("contact_events") == expected
    assert {record["provider"] for record in output.records("org_events")} == {"app_market"}


def test_events_without_ids_and_their_twins_come_once_whatever_the_pages(generated: Sandbox, control: Control) -> None:
    expected = references(generated)
    assert Counter(expected.values()) == {1: 672, 2: 14}
    seen = set()
    for order, cap in (("ascending", None), ("descending", 3), ("added", 49)):
        control.behaviour(PROVIDER, ids="none", order=order, limit_cap=cap)
        output = read(config(generated.url, window_size="P20D"))
        for stream in ("org_events", "contact_events"):
            assert said(output, stream) == expected
            assert max(output.ids(stream).values()) == 1
            seen.add(frozenset(output.ids(stream)))
    assert len(seen) == 1


def test_a_native_event_is_untouched_and_gets_the_envelope(own: Sandbox) -> None:
    own.control.add_events(PROVIDER, [event(1, "2024-01-05T10:11:12.0549200Z", note='Café "Ünï"\u2028', n=[1, {}])])
    [native] = get(own.url).json()
    [record] = read(config(own.url), "org_events").records("org_events")
    assert native["created_on"] == "2024-01-05T10:11:12.0549203"
    assert record == {
        **native,
        "provider": "app_market",
        "type": "new_order",
        "createdAt": "2024-01-05T10:11:12.054920Z",
        "organizationId": INSTANCE_ID,
        "contactId": CONTACT,
    }


@pytest.mark.parametrize(
    ("switches", "created_at"),
    [
        ({"time_notation": "local", "time_zone": "Europe/Amsterdam"}, "2024-07-01T10:00:00.250000Z"),
        ({"time_notation": "offset"}, "2024-07-01T10:00:00.250000Z"),
        ({"time_notation": "milliseconds", "time_field": "timestamp"}, "2024-07-01T10:00:00.250Z"),
        ({"time_notation": "seconds", "time_field": "created_at"}, "2024-07-01T10:00:00Z"),
    ],
    ids=lambda value: value.get("time_notation", "") if isinstance(value, dict) else "",
)
def test_every_notation_of_a_time_becomes_utc(own: Sandbox, switches: Json, created_at: str) -> None:
    own.control.behaviour(PROVIDER, **switches)
    own.control.add_events(PROVIDER, [event(1, "2024-07-01T10:00:00.25Z")])
    settings = changed(config(own.url, end_date="2024-07-31T00:00:00Z"), {"time_zone": "Europe/Amsterdam"})
    [record] = read(settings, "org_events").records("org_events")
    assert record["createdAt"] == created_at


def test_timestamps_in_seconds_need_the_option(generated: Sandbox, control: Control) -> None:
    control.behaviour(PROVIDER, timestamp_unit="seconds")
    seconds = changed(config(generated.url, window_size="P30D"), {"timestamp_unit": "seconds"})
    assert read(seconds, "org_events").ids("org_events") == once(control.event_ids(PROVIDER))
    assert read(config(generated.url), "org_events").records("org_events") == []


@pytest.mark.parametrize("exclusive", [False, True])
def test_events_at_the_borders_of_windows_come_exactly_once(own: Sandbox, exclusive: bool) -> None:
    own.control.behaviour(PROVIDER, exclusive_since=exclusive, exclusive_until=exclusive)
    times = [
        "2024-01-01T00:00:00Z",
        "2024-01-01T23:59:59Z",
        "2024-01-01T23:59:59.999999Z",
        "2024-01-02T00:00:00Z",
        "2024-01-03T12:00:00Z",
    ]
    outside = ["2023-12-31T23:59:59.9Z", "2024-01-03T12:00:00.5Z", "2024-01-03T12:00:01Z"]
    own.control.add_events(PROVIDER, [event(number, time) for number, time in enumerate(times + outside)])
    output = read(config(own.url, end_date="2024-01-03T12:00:00Z", window_size="P1D"))
    expected = once(event_id(number) for number in range(len(times)))
    assert output.ids("org_events") == expected
    assert output.ids("contact_events") == expected


def test_no_event_of_the_hour_that_a_clock_change_repeats_is_lost(own: Sandbox) -> None:
    own.control.behaviour(PROVIDER, time_zone="Europe/Amsterdam")
    times = [f"2024-10-{day}T{hour:02d}:30:00Z" for day, hour in ((26, 23), (27, 0), (27, 1), (27, 2))]
    own.control.add_events(PROVIDER, [event(number, time) for number, time in enumerate(times)])
    dates = {"start_date": "2024-10-26T20:00:00Z", "end_date": "2024-10-27T20:00:00Z", "window_size": "PT1H"}
    settings = changed(config(own.url, **dates), {"time_zone": "Europe/Amsterdam"})
    output = read(settings, "org_events")
    assert output.ids("org_events") == once(map(event_id, range(4)))
    assert not any("time_zone" in line for line in output.logs)
    # Read with the wrong zone, the events fall into other windows than those that the API gives them in.
    assert any("time_zone" in line for line in read(config(own.url, **dates), "org_events").logs)


def test_an_empty_instance_is_read_and_keeps_its_place(generated: Sandbox) -> None:
    settings = changed(config(generated.url), {"instance_id": EMPTY_INSTANCE_ID})
    output = read(settings, "org_events", "contact_events", "contacts")
    assert output.status == 0
    assert not any(output.records(stream) for stream in ("org_events", "contact_events", "contacts"))
    assert output.cursor("org_events") == {"createdAt": "2024-01-01T00:00:00Z"}


# --- paging


def test_pages_are_asked_for_by_the_rows_that_came_until_one_is_empty(generated: Sandbox, control: Control) -> None:
    control.behaviour(PROVIDER, limit_cap=60)
    read(config(generated.url, end_date="2024-01-12T00:00:00Z", window_size="P30D"), "org_events")
    asked = [(request["query"]["offset"], request["rows"]) for request in requests_to(control, "/events/get")]
    total = sum(rows for _, rows in asked)
    assert asked == [("0", 60), ("60", 60), ("120", total - 120), (str(total), 0)]


def test_a_server_that_ignores_the_offset_is_read_where_an_answer_is_everything(
    generated: Sandbox, control: Control
) -> None:
    control.behaviour(PROVIDER, ignore_offset=True, ids="none")
    output = read(config(generated.url, window_size="P5D"))
    assert output.status == 0, output.errors
    assert said(output, "org_events") == said(output, "contact_events") == references_of(control, generated)
    assert any("ignores `offset`" in line for line in output.logs)


def references_of(control: Control, sandbox: Sandbox) -> Counter[str]:
    control.behaviour(PROVIDER, ignore_offset=False)
    return references(sandbox)


def test_a_server_that_ignores_the_offset_is_an_error_where_an_answer_may_be_cut_off(
    generated: Sandbox, control: Control
) -> None:
    control.behaviour(PROVIDER, ignore_offset=True)
    output = read(config(generated.url, window_size="P60D"), "org_events", timeout=60)
    assert output.status == 1
    [error] = output.errors
    assert error["failure_type"] == "system_error"
    assert "ignores `offset`" in error["message"]
    assert "window_size" in error["message"]


# --- incremental


def test_a_second_sync_reads_the_overlap_and_the_new_events_only(own: Sandbox) -> None:
    old = [event(1, "2024-01-05T00:00:00Z"), event(2, "2024-01-10T00:00:00Z"), event(3, "2024-01-11T06:00:00Z")]
    own.control.add_events(PROVIDER, old)
    first = read(config(own.url))
    assert first.cursor("org_events") == first.cursor("contact_events") == {"createdAt": "2024-01-11T06:00:00Z"}
    own.control.clear_requests()
    late, new = "2024-01-10T12:00:00Z", "2024-02-01T00:00:00Z"
    own.control.add_events(PROVIDER, [event(4, late), event(5, new, OTHER)])
    second = read(config(own.url), state=first.state)
    assert second.ids("org_events") == second.ids("contact_events") == once(map(event_id, (3, 4, 5)))
    assert second.cursor("org_events") == second.cursor("contact_events") == {"createdAt": new}
    overlap = datetime(2024, 1, 10, 6, tzinfo=timezone.utc).timestamp()
    asked = [request["query"] for request in requests_to(own.control, "/events/get")]
    assert min(int(query["since"]) for query in asked) == (overlap - 1) * 1000
    assert {query["since"] for query in asked if query["contactId"]} == {str(int(overlap - 1) * 1000)}
    assert asked_contacts(own.control) == {CONTACT: 1, OTHER: 1}


def test_an_event_of_the_future_neither_comes_early_nor_stops_later_syncs(own: Sandbox) -> None:
    own.control.behaviour(PROVIDER, ignore_dates=True)
    own.control.add_events(PROVIDER, [event(1, "2024-02-01T00:00:00Z"), event(2, "2099-01-01T00:00:00Z")])
    settings = config(own.url, window_size="P365D", end_date=None)
    first = read(settings)
    assert first.ids("org_events") == first.ids("contact_events") == once([event_id(1)])
    assert first.cursor("org_events") == {"createdAt": "2024-02-01T00:00:00Z"}


def test_posted_events_and_contacts_are_read_back(own: Sandbox) -> None:
    first = read(config(own.url, end_date=None, window_size="P365D"), "org_events", "contact_events", "contacts")
    new = {"name": "Ann", "email": "ann@example.com"}
    assert post(own.url, "/contacts/post", new).ok
    assert post(own.url, "/contacts/post", {**new, "company": "Example"}).ok
    [ann] = [row for row in get(own.url, "/contacts/get").json() if row["email"] == new["email"]]
    bought = {"event_type": "store_purchase", "content": {"store_id": "appmachine", "order_number": "61017114657"}}
    assert post(own.url, "/events/post", bought).ok
    assert post(own.url, "/events/post", {**bought, "contact_id": ann["id"]}).ok
    # A sync ends with a whole second: what was created within the present one is read by the next sync.
    time.sleep(1 - time.time() % 1)
    settings = config(own.url, end_date=None, window_size="P365D")
    second = read(settings, "org_events", "contact_events", "contacts", state=first.state)
    assert [record["content"] for record in second.records("org_events")] == [bought["content"]] * 2
    assert [record["contactId"] for record in second.records("contact_events")] == [ann["id"]]
    [record] = [record for record in second.records("contacts") if record["email"] == new["email"]]
    assert (record["id"], record["company"]) == (ann["id"], "Example")


# --- contacts and types


def test_each_contact_is_asked_for_once(generated: Sandbox, control: Control) -> None:
    output = read(config(generated.url, window_size="P1D"), "contact_events")
    assert output.ids("contact_events") == once(control.event_ids(PROVIDER))
    assert asked_contacts(control) == once(map(contact_id, range(12)))


@pytest.mark.parametrize("ids", ["id", "contact_id", "_id", "none"])
def test_the_contact_list_is_read_whatever_its_ids_are_called(generated: Sandbox, control: Control, ids: str) -> None:
    control.behaviour(PROVIDER, contact_ids=ids, limit_cap=5, envelope="data")
    output = read(config(generated.url), "contacts", "contact_events")
    expected = [f"contact-{n}@example.com" if ids == "none" else contact_id(n) for n in range(12)]
    assert output.ids("contacts") == once(expected)
    # Where the list has no ids, the events tell the contacts.
    assert output.ids("contact_events") == once(control.event_ids(PROVIDER))
    assert asked_contacts(control) == once(map(contact_id, range(12)))


def test_listed_contacts_are_read_without_the_contact_list(generated: Sandbox, control: Control) -> None:
    output = read(config(generated.url, contact_ids=[CONTACT]), "contact_events")
    assert output.ids("contact_events") == once(control.event_ids(PROVIDER, contact=CONTACT))
    assert requests_to(control, "/contacts/get") == []


def test_a_server_that_ignores_the_contact_gives_each_contact_its_own_events(
    generated: Sandbox, control: Control
) -> None:
    control.behaviour(PROVIDER, ignore_contact=True)
    output = read(config(generated.url), "contact_events")
    assert output.ids("contact_events") == once(control.event_ids(PROVIDER))


def test_a_contact_that_has_disappeared_is_skipped_with_a_log_line(generated: Sandbox, control: Control) -> None:
    control.behaviour(PROVIDER, unknown_contact="not_found")
    gone = control.event_ids(PROVIDER, contact=OTHER)
    control.delete_contact(PROVIDER, OTHER)
    output = read(config(generated.url, contact_ids=[CONTACT, OTHER]), "contact_events")
    assert output.status == 0
    assert gone
    assert output.ids("contact_events") == once(control.event_ids(PROVIDER, contact=CONTACT))
    assert any("skipped" in line and line.endswith(f": {OTHER}.") for line in output.logs)


@pytest.mark.parametrize("types", [["new_order"], ["new_order", "coupon_used"]])
def test_event_types_are_asked_for_and_filtered(generated: Sandbox, control: Control, types: list[str]) -> None:
    rows = get(generated.url, limit=1000).json()
    control.clear_requests()
    output = read(config(generated.url, event_types=types))
    expected = once(row["id"] for row in rows if row["event_type"] in types)
    assert output.ids("org_events") == output.ids("contact_events") == expected
    assert {request["query"]["eventTypes"] for request in requests_to(control, "/events/get")} == {",".join(types)}


# --- faults


@pytest.mark.parametrize(
    "fault",
    [
        {"path": "/get$", "status": 503, "times": 2},
        {"path": "/get$", "status": 429, "headers": {"Retry-After": "1"}, "times": 2},
        {"path": "/get$", "status": 200, "body": "<html>Maintenance</html>", "times": 1},
        {"path": "/get$", "reset": True, "times": 2},
        {"path": "/events/get$", "cut": 500, "skip": 3, "times": 1},
    ],
    ids=["503", "429", "200 as HTML", "reset", "cut"],
)
def test_nothing_is_lost_or_repeated_by_a_passing_fault(generated: Sandbox, control: Control, fault: Json) -> None:
    control.behaviour(PROVIDER, limit_cap=40)
    control.add_fault(**fault)
    output = read(config(generated.url, window_size="P20D"))
    assert output.status == 0, output.errors
    assert output.ids("org_events") == output.ids("contact_events") == once(control.event_ids(PROVIDER))
    assert any(request["fault"] is not None for request in control.requests())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"items": [], "errors": []}, ["items: list", "errors: list"]),
        ({"events": {"secret-name": 1}}, ["events: dict"]),
        ("secret-name", ["str"]),
    ],
    ids=["two lists", "no list", "a text"],
)
def test_an_answer_of_unknown_form_is_an_error_that_shows_its_shape(
    generated: Sandbox, control: Control, answer: Any, words: list[str]
) -> None:
    control.add_fault(path="/events/get$", json=answer, times=None)
    output = read(config(generated.url), "org_events")
    assert output.status == 1
    [error] = output.errors
    assert error["failure_type"] == "system_error"
    assert all(word in error["message"] for word in words)
    assert "secret-name" not in output.text


def test_a_refusal_with_status_200_is_told_in_the_apis_own_words(generated: Sandbox, control: Control) -> None:
    control.add_fault(path="/events/get$", json={"status": "fail", "message": "quota spent"}, times=None)
    output = read(config(generated.url), "org_events")
    assert output.status == 1
    assert "quota spent" in output.errors[0]["message"]


def test_a_record_with_an_unreadable_time_is_named(own: Sandbox) -> None:
    own.control._send(
        "POST", "app_market/events", {"events": [event(7, "22 August 2018")], "at": "2024-01-05T00:00:00Z"}
    )
    output = read(config(own.url), "org_events")
    assert output.status == 1
    [error] = output.errors
    assert error["failure_type"] == "system_error"
    assert "org_events" in error["message"]
    assert event_id(7) in error["message"]


# --- errors for people


@pytest.mark.parametrize(
    ("provider", "named"),
    [
        ({"api_secret": "wrong-but-not-real"}, ["api_secret", "instance_id", "instance_claim", "401"]),
        ({"api_secret": RENDER_SECRET}, ["render secret"]),
        ({"instance_id": "deadbeef"}, ["instance_id"]),
        ({"instance_claim": "instanceID"}, ["instance_claim"]),
        ({"events_path": "/events"}, ["events_path", "api_url", "404"]),
        ({"time_zone": "Europe/Groningen"}, ["provider.time_zone"]),
        ({"scope": "all"}, ["provider.scope"]),
        ({"timestamp_unit": "hours"}, ["provider.timestamp_unit"]),
        ({"events_path": "events/get"}, ["provider.events_path"]),
        ({"api_url": "http://127.0.0.1:9"}, ["127.0.0.1:9", "api_url"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_check_tells_the_causes_apart(generated: Sandbox, provider: Json, named: list[str]) -> None:
    output = run("check", config=changed(config(generated.url), provider))
    told = output.connection_status if output.status == 0 else output.errors[0]
    assert told.get("status", "FAILED") == "FAILED"
    assert all(word in told["message"] for word in named), told
    for secret in (API_SECRET, RENDER_SECRET, "wrong-but-not-real", "Traceback"):
        assert secret not in output.text


@pytest.mark.parametrize("instance", [INSTANCE_ID, EMPTY_INSTANCE_ID], ids=["with events", "empty"])
def test_check_makes_one_small_request(generated: Sandbox, control: Control, instance: str) -> None:
    output = run("check", config=changed(config(generated.url), {"instance_id": instance}))
    assert output.connection_status == {"status": "SUCCEEDED"}
    [request] = control.requests()
    assert request["query"] == {
        "since": "1704067199000",
        "until": "1704672000000",
        "contactId": "",
        "scope": "app",
        "eventTypes": "",
        "offset": "0",
        "limit": "1",
    }


def test_a_wrong_path_of_the_contacts_is_named(generated: Sandbox) -> None:
    output = read(changed(config(generated.url), {"contacts_path": "/contacts"}), "contacts")
    assert output.status == 1
    [error] = output.errors
    assert error["failure_type"] == "config_error"
    assert "contacts_path" in error["message"]


def test_no_secret_and_no_token_is_in_any_output(generated: Sandbox, control: Control) -> None:
    output = read(config(generated.url, end_date="2024-01-10T00:00:00Z"))
    assert API_SECRET not in output.text
    sent = {request["headers"]["instance-jwt"] for request in control.requests()}
    assert sent
    assert not any(jwt in output.text for jwt in sent)


# --- the sandbox


@pytest.mark.parametrize("header", ["", "no token", "Bearer {}"])
def test_the_sandbox_refuses_a_header_that_is_no_token(generated: Sandbox, header: str) -> None:
    assert get(generated.url, header=header.format(token()), limit=1).status_code == 401


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "wrong" * 10},
        {"secret": RENDER_SECRET},
        {"issued": -4000},
        {"issued": 100},
        {"lifetime": 3601},
        {"instanceID": INSTANCE_ID},
        {"instanceId": "unknown"},
        {"user": "somebody"},
    ],
    ids=["wrong secret", "render secret", "expired", "not valid yet", "over an hour", "other claim", "unknown", "none"],
)
def test_the_sandbox_refuses_a_token_that_is_not_right(generated: Sandbox, wrong: Json) -> None:
    assert get(generated.url, header=token(), limit=1).status_code == 200
    assert get(generated.url, header=token(**wrong), limit=1).status_code == 401


@pytest.mark.parametrize("claim", ["instanceId", "instanceID"])
def test_either_claim_is_accepted_where_the_api_takes_it(generated: Sandbox, control: Control, claim: str) -> None:
    control.behaviour(PROVIDER, claim=claim)
    settings = changed(config(generated.url), {"instance_claim": claim})
    assert run("check", config=settings).connection_status == {"status": "SUCCEEDED"}


@pytest.mark.parametrize(
    "parameters",
    [{"scope": None}, {"scope": "all"}, {"since": "2024-01-01"}, {"offset": "-1"}, {"limit": 0}, {"contactid": "x"}],
    ids=lambda value: "-".join(value),
)
def test_the_sandbox_refuses_parameters_that_are_not_right(generated: Sandbox, parameters: Json) -> None:
    assert get(generated.url, **parameters).status_code == 400


def test_the_sandbox_takes_seconds_for_milliseconds_of_1970(generated: Sandbox, control: Control) -> None:
    assert get(generated.url, since=1704067200, until=1735689600).json() == []
    control.behaviour(PROVIDER, timestamp_unit="seconds")
    assert len(get(generated.url, since=1704067200, until=1735689600).json()) == 100


@pytest.mark.parametrize(
    "content",
    [
        {"event_type": "new_order"},
        {"content": {}},
        {"event_type": 7, "content": {}},
        {"event_type": "new_order", "content": "text"},
        {"event_type": "new_order", "content": {}, "created_on": "2024-01-01T00:00:00Z"},
        [],
    ],
    ids=["no content", "no type", "type is no text", "content is no object", "unknown field", "list"],
)
def test_the_sandbox_refuses_an_event_that_is_not_right(generated: Sandbox, control: Control, content: Any) -> None:
    before = control.event_ids(PROVIDER)
    assert post(generated.url, "/events/post", content).status_code == 400
    assert control.event_ids(PROVIDER) == before


def test_the_sandbox_takes_no_event_without_a_token(generated: Sandbox, control: Control) -> None:
    before = control.event_ids(PROVIDER)
    content = {"event_type": "new_order", "content": {}}
    answer = requests.post(f"{generated.url}{BASE}/events/post", json=content, timeout=10)
    assert answer.status_code == 401
    assert control.event_ids(PROVIDER) == before

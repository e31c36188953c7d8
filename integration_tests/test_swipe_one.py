"""Swipe One, with the connector as a process: what comes out is what is there, once, whatever is in the way."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from integration_tests.connector import Json, Output, changed, once, read, run
from integration_tests.swipe_one import CONTACT, config, contents, event, numbers
from sandbox.process import Control, Sandbox
from sandbox.swipe_one import (
    API_KEY,
    EMPTY_WORKSPACE_ID,
    EXAMPLE_CONTACT,
    FOREIGN_API_KEY,
    WORKSPACE_ID,
)
from sandbox.swipe_one.workspace import EXAMPLE, EXAMPLE_EVENTS

STREAM = "contact_events"
OTHER = "0" * 23 + "2"


@pytest.fixture(scope="module")
def generated() -> Iterator[Sandbox]:
    """3,000 generated events of 40 contacts, January and February 2024; one in sixteen has a twin."""
    with Sandbox(events=3000, contacts=40, no_example=True) as sandbox:
        yield sandbox


@pytest.fixture
def control(generated: Sandbox) -> Control:
    generated.control.reset()
    generated.control.clear_requests()
    return generated.control


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A sandbox with one contact and without events, for tests that bring their own."""
    with Sandbox(events=0, contacts=1, no_example=True) as sandbox:
        yield sandbox


def add(sandbox: Sandbox, events: list[Json]) -> None:
    sandbox.control.add_events("swipe_one", events)


def expected(control: Control, contact: str | None = None) -> Counter[str]:
    return Counter(control.event_ids("swipe_one", contact))


def event_requests(control: Control, contact: str = "") -> list[Json]:
    return [request for request in control.requests() if request["path"].endswith(f"{contact}/events")]


def pages_of(control: Control, contact: str) -> list[int]:
    return [int(request["query"]["page"]) for request in event_requests(control, contact)]


def assert_complete(output: Output, control: Control) -> None:
    """Every event came once, and each has an id of its own, twins too."""
    assert output.status == 0, output.errors
    assert contents(output.records(STREAM)) == expected(control)
    assert set(output.ids(STREAM).values()) == {1}


# --- completeness


def test_the_published_example_comes_out_untouched_with_the_envelope() -> None:
    with Sandbox(events=0, contacts=1) as sandbox:
        output = read(config(sandbox, start_date="2024-07-01T00:00:00Z", end_date="2024-08-01T00:00:00Z"), STREAM)
        listed = read(config(sandbox), "contacts")
    envelope = {"provider": "swipe_one", "organizationId": WORKSPACE_ID}
    records = sorted(output.records(STREAM), key=lambda record: record["createdAt"])
    for record, native in zip(records, EXAMPLE_EVENTS, strict=True):
        added = {"id": record["id"], "createdAt": native["timestamp"], "contactId": EXAMPLE_CONTACT}
        assert record == {**native, **envelope, **added}
        assert len(record["id"]) == 64
    active = {"lastActivityDate": EXAMPLE_EVENTS[-1]["timestamp"]}
    assert {**EXAMPLE, **active, **envelope, "id": EXAMPLE_CONTACT} in listed.records("contacts")


@pytest.mark.parametrize("num_workers", [1, 8, 40])
@pytest.mark.parametrize("limit_cap", [None, 7])
def test_every_event_comes_once_over_many_pages_and_workers(
    generated: Sandbox, control: Control, num_workers: int, limit_cap: int | None
) -> None:
    control.behaviour("swipe_one", limit_cap=limit_cap, last_token=limit_cap is None)
    output = read(config(generated, num_workers=num_workers), "contacts", STREAM)
    assert_complete(output, control)
    assert len(output.ids("contacts")) == 40
    assert set(output.ids("contacts").values()) == {1}
    assert {request["query"]["limit"] for request in event_requests(control)} == {"100"}


@pytest.mark.parametrize(
    "behaviour",
    [{"time_field": "createdAt"}, {"count": "zero"}, {"count": "plus_one", "native_ids": True}],
    ids=["createdAt", "count zero", "count plus one, with ids"],
)
def test_whatever_the_documentation_leaves_open_makes_no_difference(
    generated: Sandbox, control: Control, behaviour: dict[str, Any]
) -> None:
    usual = read(config(generated), STREAM)
    control.behaviour("swipe_one", limit_cap=20, **behaviour)
    output = read(config(generated), STREAM)
    assert_complete(output, control)
    assert output.ids(STREAM) == usual.ids(STREAM)


def test_twins_are_kept_apart_over_pages_and_syncs(own: Sandbox) -> None:
    add(own, [event(1, "2024-01-05T00:00:00.123Z") for _ in range(250)])
    first = read(config(own), STREAM)
    assert len(first.records(STREAM)) == len(first.ids(STREAM)) == 250
    add(own, [event(1, "2024-01-05T00:00:00.123Z")])
    second = read(config(own), STREAM, state=first.state)
    assert len(second.ids(STREAM)) == 251
    assert second.ids(STREAM).keys() > first.ids(STREAM).keys()


@pytest.mark.parametrize("count", ["exact", "zero"])
def test_events_that_arrive_while_a_contact_is_paged_are_no_twins_of_others(own: Sandbox, count: str) -> None:
    add(own, [event(number // 2, f"2024-01-05T00:{number // 100:02d}:00Z") for number in range(250)])
    before = expected(own.control)
    own.control.behaviour("swipe_one", drift=1, count=count, limit_cap=50)
    output = read(config(own), STREAM)
    found = contents(output.records(STREAM))
    assert set(output.ids(STREAM).values()) == {1}
    assert {key: found[key] for key in before} == before
    assert found <= expected(own.control)
    assert pages_of(own.control, CONTACT).count(1) == 2


def test_the_range_is_inclusive_and_types_are_chosen(own: Sandbox) -> None:
    times = ["2024-01-01T00:00:00.000Z", "2024-01-31T00:00:00.000Z", "2024-01-31T00:00:00Z", "2024-01-15T00:00:00.5Z"]
    outside = ["2023-12-31T23:59:59.999Z", "2024-01-31T00:00:00.001Z"]
    add(own, [event(number, time) for number, time in enumerate(times + outside)])
    add(own, [event(9, "2024-01-15T00:00:00Z", kind="page_viewed")])
    settings = config(own, end_date="2024-01-31T00:00:00Z")
    assert numbers(read(settings, STREAM).records(STREAM)) == [0, 1, 2, 3, 9]
    assert numbers(read({**settings, "event_types": ["page_viewed"]}, STREAM).records(STREAM)) == [9]


# --- incremental


def test_a_second_sync_reads_the_overlap_and_the_new_events_only(own: Sandbox) -> None:
    add(own, [event(number, f"2024-01-{number // 20 + 1:02d}T00:00:00Z") for number in range(400)])
    add(own, [event(1000, "2024-01-10T00:00:00Z", OTHER)])
    first = read(config(own), STREAM)
    assert first.cursor(STREAM) == {"createdAt": "2024-01-20T00:00:00Z"}
    own.control.clear_requests()
    late, at_the_cursor, new = "2024-01-19T12:00:00Z", "2024-01-20T00:00:00Z", "2024-02-01T00:00:00.5Z"
    add(own, [event(500, late), event(501, at_the_cursor), event(502, new, OTHER)])
    second = read(config(own), STREAM, state=first.state)
    assert numbers(second.records(STREAM)) == [*range(360, 400), 500, 501, 502]
    assert second.cursor(STREAM) == {"createdAt": "2024-02-01T00:00:00Z"}
    # The first page reaches back to 16 January; only the one that is all older than the start ends the reading.
    assert pages_of(own.control, CONTACT) == [1, 2]
    # All that is announced has come, on a page that is not as full as the other contact's.
    assert pages_of(own.control, OTHER) == [1]
    own.control.clear_requests()
    assert numbers(read(config(own), STREAM, state=second.state).records(STREAM)) == [502]
    assert pages_of(own.control, CONTACT) == [1]


def test_a_contact_that_was_created_since_is_read_from_the_start(own: Sandbox) -> None:
    add(own, [event(1, "2024-02-01T00:00:00Z")])
    first = read(config(own), STREAM)
    imported = [{"_id": OTHER, "createdAt": "2024-02-02T00:00:00.000Z"}]
    own.control.add_events("swipe_one", new_contacts=imported)
    add(own, [event(2, "2024-01-02T00:00:00Z", OTHER), event(3, "2024-01-02T00:00:00Z")])
    assert numbers(read(config(own), STREAM, state=first.state).records(STREAM)) == [1, 2]


def test_listed_contacts_are_read_without_listing_all(generated: Sandbox, control: Control) -> None:
    contacts = [record["id"] for record in read(config(generated), "contacts").records("contacts")][:2]
    control.clear_requests()
    output = read(config(generated, contact_ids=contacts), STREAM)
    assert contents(output.records(STREAM)) == expected(control, contacts[0]) + expected(control, contacts[1])
    assert {request["path"] for request in control.requests()} == {f"/api/contacts/{key}/events" for key in contacts}


def test_a_contact_that_has_disappeared_is_skipped_with_a_log_line(generated: Sandbox, control: Control) -> None:
    contacts = [record["id"] for record in read(config(generated), "contacts").records("contacts")][:2]
    control.delete_contact("swipe_one", contacts[0])
    output = read(config(generated, contact_ids=contacts), STREAM)
    assert output.status == 0
    assert contents(output.records(STREAM)) == expected(control, contacts[1])
    assert any("skipped" in line and line.endswith(f": {contacts[0]}.") for line in output.logs)
    assert contacts[0] not in read(config(generated), "contacts").ids("contacts")


# --- faults and errors


@pytest.mark.parametrize(
    "fault",
    [
        {"path": "/events$", "status": 503, "times": 2},
        {"path": "/events$", "status": 429, "headers": {"Retry-After": "1"}, "skip": 5},
        {"path": "/contacts$", "status": 500, "body": ""},
        {"path": "/events$", "reset": True, "skip": 3, "times": 2},
        {"path": "/events$", "cut": 1000, "skip": 3},
        {"path": "/events$", "status": 200, "body": "<html>Maintenance</html>"},
        {"path": "/contacts$", "json": {"status": "success"}},
    ],
    ids=["503", "429", "500 without a body", "reset", "cut", "200 as HTML", "200 without data"],
)
def test_nothing_is_lost_by_a_passing_fault(generated: Sandbox, control: Control, fault: dict[str, Any]) -> None:
    control.add_fault(**fault)
    assert_complete(read(config(generated), STREAM), control)
    assert any(request["fault"] is not None for request in control.requests())


def test_a_refusal_with_status_200_is_told_in_the_apis_own_words(generated: Sandbox, control: Control) -> None:
    for path, stream in (("/contacts$", "contacts"), ("/events$", STREAM)):
        control.clear_faults()
        control.add_fault(path=path, status=200, json={"status": "fail", "message": "plan is paused"}, times=None)
        output = read(config(generated), stream)
        assert output.status == 1
        assert "plan is paused" in output.errors[0]["message"]
        assert output.errors[0]["failure_type"] == "system_error"


def test_an_event_without_a_time_is_named(own: Sandbox) -> None:
    own.control._send("POST", "swipe_one/events", {"events": [event(7, None)], "at": "2024-01-05T00:00:00Z"})
    output = read(config(own), STREAM)
    assert output.status == 1
    (error,) = output.errors
    assert error["failure_type"] == "system_error"
    assert all(word in error["message"] for word in (STREAM, CONTACT, "Event 1", "createdAt")), error["message"]


def test_a_page_that_repeats_is_an_error_and_no_endless_loop(generated: Sandbox, control: Control) -> None:
    control.behaviour("swipe_one", repeat_page=True, limit_cap=20)
    output = read(config(generated), STREAM, timeout=60)
    assert output.status == 1
    assert {error["failure_type"] for error in output.errors} == {"transient_error"}
    assert "repeats a page" in output.errors[0]["message"]


WRONG = [
    ({"api_key": "wrong-but-not-real"}, ["provider.api_key", "401"]),
    ({"api_key": FOREIGN_API_KEY}, ["provider.api_key", "provider.workspace_id", "403"]),
    ({"workspace_id": "deadbeef"}, ["provider.workspace_id", "404"]),
]


@pytest.mark.parametrize(("provider", "named"), WRONG, ids=["wrong key", "key of another workspace", "wrong workspace"])
def test_check_and_read_tell_the_causes_apart(
    generated: Sandbox, control: Control, provider: dict[str, str], named: list[str]
) -> None:
    settings = changed(config(generated), provider)
    checked, output = run("check", config=settings), read(settings, "contacts", STREAM)
    assert checked.connection_status["status"] == "FAILED"
    assert output.status == 1
    assert [error["failure_type"] for error in output.errors] == ["config_error"] * 2
    for message in [checked.connection_status["message"], *(error["message"] for error in output.errors)]:
        assert all(word in message for word in named), message
    assert "Traceback" not in checked.text + output.text
    assert provider.get("api_key", API_KEY) not in checked.text + output.text
    assert len(control.requests()) <= 4


def test_a_key_that_is_refused_for_listed_contacts_is_one_clear_error(generated: Sandbox, control: Control) -> None:
    wrong = changed(config(generated, contact_ids=[CONTACT, OTHER]), {"api_key": "wrong-but-not-real"})
    output = read(wrong, STREAM)
    (error,) = output.errors
    assert error["failure_type"] == "config_error"
    assert "provider.api_key" in error["message"]


@pytest.mark.parametrize(
    "provider", [{"workspace_id": "a/b"}, {"workspace_id": ""}, {"api_key": "two words"}, {"api_key": "schlüssel"}]
)
def test_a_value_that_cannot_be_right_is_named_before_any_request(
    generated: Sandbox, control: Control, provider: dict[str, str]
) -> None:
    output = run("check", config=changed(config(generated), provider))
    ((field, value),) = provider.items()
    assert any(f"provider.{field}" in error["message"] for error in output.errors) or (
        f"provider.{field}" in output.connection_status["message"]
    )
    assert not value or value not in output.text
    assert control.requests() == []


@pytest.mark.parametrize("workspace", [WORKSPACE_ID, EMPTY_WORKSPACE_ID], ids=["with contacts", "empty"])
def test_check_makes_one_small_request(generated: Sandbox, control: Control, workspace: str) -> None:
    output = run("check", config=changed(config(generated), {"workspace_id": workspace}))
    assert output.connection_status == {"status": "SUCCEEDED"}
    (request,) = control.requests()
    assert request["query"]["limit"] == "1"
    assert API_KEY not in output.text


# --- the sandbox itself


def test_the_sandbox_is_as_strict_as_the_api(generated: Sandbox, control: Control) -> None:
    contact = read(config(generated), "contacts").records("contacts")[0]["id"]
    workspace, events = f"/workspaces/{WORKSPACE_ID}/contacts", f"/contacts/{contact}/events"

    def get(path: str, key: str = API_KEY) -> requests.Response:
        return requests.get(f"{generated.url}/api{path}", headers={"x-api-key": key}, timeout=10)

    for path, status in {
        f"{workspace}?order=0": 400,
        f"{workspace}?sort=shoeSize": 400,
        f"{workspace}?page=2": 400,
        f"{workspace}?searchAfter=nonsense": 400,
        f"{events}?page=0": 400,
        f"{events}?limit=ten": 400,
        f"{events}?from=2024-01-01": 400,
        "/contacts/unknown/events": 404,
        "/workspaces/unknown/contacts": 404,
    }.items():
        answer = get(path)
        assert (answer.status_code, answer.json()["status"]) == (status, "fail"), path
    assert get(events, key="wrong").json()["status"] == "fail"
    assert get(events, key="wrong").status_code == 401
    assert len(get(events).json()["data"]["events"]) == 10
    assert len(get(workspace).json()["data"]["contacts"]) == 20
    assert len(get(f"{workspace}?limit=1000").json()["data"]["contacts"]) == 40
    first = get(f"{workspace}?limit=30&order=-1").json()["data"]
    assert first["contacts"][0]["createdAt"] > first["contacts"][-1]["createdAt"]
    second = get(f"{workspace}?limit=30&order=-1&searchAfter={first['searchAfter']}").json()["data"]
    assert len(second["contacts"]) == 10
    back = get(f"{workspace}?limit=30&order=-1&searchBefore={second['searchBefore']}").json()["data"]
    assert back["contacts"] == first["contacts"]


def test_an_event_that_was_accepted_can_be_read_a_little_later(own: Sandbox) -> None:
    add(own, [event(1, "2024-01-01T00:00:00Z")])
    address = f"{own.url}/api/workspaces/{WORKSPACE_ID}/events"
    headers = {"x-api-key": API_KEY}

    def post(contact: Json, kind: str, **changes: Any) -> int:
        body = {"contact": contact, "type": kind, "properties": {"number": 2}, "createdBy": {"id": "a", "role": "b"}}
        answer = requests.post(address, json={**body, **changes}, headers=headers, timeout=10)
        accepted = {"status": "success", "message": "Event accepted for processing"}
        assert answer.json() == accepted if answer.ok else answer.json()["status"] == "fail"
        return answer.status_code

    def count() -> int:
        answer = requests.get(f"{own.url}/api/contacts/{CONTACT}/events", headers=headers, timeout=10)
        return int(answer.json()["data"]["count"])

    assert post({"id": CONTACT}, "never_defined") == 400
    assert post({"id": "unknown"}, "UserLoggedIn") == 400
    assert post({}, "UserLoggedIn") == 400
    assert post({"id": CONTACT}, "UserLoggedIn", properties=[]) == 400
    assert post({"id": CONTACT}, "UserLoggedIn", timestamp="2024-01-01T00:00:00Z") == 400
    assert post({"id": CONTACT}, "UserLoggedIn") == 202
    assert count() == 1
    time.sleep(0.4)
    assert count() == 2
    settings = config(own)
    del settings["end_date"]
    assert numbers(read(settings, STREAM).records(STREAM)) == [1, 2]


def test_the_same_arguments_give_the_same_data_with_twins(generated: Sandbox, control: Control) -> None:
    with Sandbox(events=3000, contacts=40, no_example=True) as again:
        assert again.control.event_ids("swipe_one") == control.event_ids("swipe_one")
    twins = [content for content, number in expected(control).items() if number > 1]
    assert len(twins) == 3000 // 16
    assert once(twins)


# --- only the contacts that have been active


def recently_active(sandbox: Sandbox, **fields: Any) -> Json:
    return changed(config(sandbox, **fields), {"contacts": "recently_active"})


def asked_contacts(control: Control) -> Counter[str]:
    """How many requests there were for each contact's events."""
    return Counter(request["path"].split("/")[-2] for request in event_requests(control))


@pytest.fixture(scope="module")
def quiet() -> Iterator[Sandbox]:
    """300 contacts, of whom none has been active since the middle of February 2024."""
    with Sandbox(events=1500, contacts=300, no_example=True, end="2024-02-15T00:00:00Z") as sandbox:
        yield sandbox


@pytest.fixture
def first_of_quiet(quiet: Sandbox) -> Output:
    quiet.control.reset()
    output = read(recently_active(quiet), STREAM)
    assert_complete(output, quiet.control)
    assert len(asked_contacts(quiet.control)) == 300
    quiet.control.clear_requests()
    return output


def test_only_contacts_that_have_been_active_are_read_and_some_of_the_others() -> None:
    with Sandbox(events=1500, contacts=300, no_example=True, end="2024-02-15T00:00:00Z") as sandbox:
        settings = recently_active(sandbox)
        first = read(settings, STREAM)
        assert_complete(first, sandbox.control)
        # Nothing is known of any contact before the first sync, so that it skips none.
        assert len(asked_contacts(sandbox.control)) == 300
        assert "none_skipped_until" not in first.cursor(STREAM)
        listed = {contact["id"]: contact for contact in read(settings, "contacts").records("contacts")}
        since = "2024-02-13"
        active = {key for key, contact in listed.items() if contact["lastActivityDate"][:10] > since}
        new = sorted(listed.keys() - active)[:3]
        add(sandbox, [event(number, f"2024-02-20T00:00:0{number}Z", key) for number, key in enumerate(new)])
        sandbox.control.clear_requests()
        second = read(settings, STREAM, state=first.state)
        asked = asked_contacts(sandbox.control)
        assert set(asked) >= {*active, *new}
        assert len(set(asked) - {*active, *new}) == 20
        fresh = [record for record in second.records(STREAM) if record["createdAt"] > "2024-02-16"]
        assert numbers(fresh) == [0, 1, 2]
        assert second.cursor(STREAM) == {
            "createdAt": "2024-02-20T00:00:02Z",
            "none_skipped_until": first.cursor(STREAM)["createdAt"],
        }
        [told] = [line for line in second.logs if "are skipped" in line]
        assert told.startswith(f"{STREAM}: {300 - len(asked)} contacts are skipped, because they have not been active")
        assert "20 like them, chosen at random" in told
        assert first.ids(STREAM).keys() | second.ids(STREAM).keys() >= first.ids(STREAM).keys()


def test_one_new_event_of_a_skipped_contact_ends_the_skipping_and_loses_nothing() -> None:
    """The list does not move with these events: what was missed by one sync comes with the one that notices it."""
    with Sandbox(events=600, contacts=120, no_example=True, end="2024-02-15T00:00:00Z") as sandbox:
        settings, control = recently_active(sandbox), sandbox.control
        first = read(settings, STREAM)
        contacts = sorted(asked_contacts(control))
        control.behaviour("swipe_one", last_activity="stays")
        late = [event(number, "2024-02-18T00:00:00Z", key) for number, key in enumerate(contacts)]
        add(sandbox, late)
        control.clear_requests()
        second = read(settings, STREAM, state=first.state)
        assert (second.status, second.errors) == (0, [])
        [warning] = [m["log"] for m in second.messages if m["type"] == "LOG" and m["log"]["level"] == "WARN"]
        assert "has events that are newer than its last activity" in warning["message"]
        assert "`provider.contacts`" in warning["message"]
        assert set(asked_contacts(control)) == set(contacts)
        together = first.ids(STREAM).keys() | second.ids(STREAM).keys()
        assert len(together) == 600 + 120
        assert second.cursor(STREAM) == {"createdAt": "2024-02-18T00:00:00Z"}


def test_contacts_without_a_date_are_read(quiet: Sandbox, first_of_quiet: Output) -> None:
    quiet.control.behaviour("swipe_one", last_activity="absent")
    output = read(recently_active(quiet), STREAM, state=first_of_quiet.state)
    assert output.status == 0
    assert len(asked_contacts(quiet.control)) == 300
    assert "none_skipped_until" not in output.cursor(STREAM)


def test_when_no_more_are_to_be_skipped_all_are_read_from_where_none_was(
    quiet: Sandbox, first_of_quiet: Output
) -> None:
    second = read(recently_active(quiet), STREAM, state=first_of_quiet.state)
    until = second.cursor(STREAM)["none_skipped_until"]
    quiet.control.clear_requests()
    third = read(config(quiet), STREAM, state=second.state)
    assert len(asked_contacts(quiet.control)) == 300
    assert min(record["createdAt"] for record in third.records(STREAM)) >= until[:8]
    assert third.cursor(STREAM) == {"createdAt": second.cursor(STREAM)["createdAt"]}


def test_listed_contacts_are_not_skipped(quiet: Sandbox, first_of_quiet: Output) -> None:
    contacts = sorted({record["contactId"] for record in first_of_quiet.records(STREAM)})[:30]
    read(recently_active(quiet, contact_ids=contacts), STREAM, state=first_of_quiet.state)
    assert asked_contacts(quiet.control).keys() == set(contacts)

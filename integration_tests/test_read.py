"""The connector as a process against the sandbox: what comes out is what is there, once, whatever is in the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from integration_tests.cloud4wi import CONTACT, config, event, event_id
from integration_tests.connector import COMMAND, Json, Output, catalog, changed, once, read, run
from sandbox.cloud4wi import (
    CLIENT_SECRET,
    EMPTY_ORGANIZATION_ID,
    ORGANIZATION_ID,
    UNSCOPED_CLIENT_KEY,
    UNSCOPED_CLIENT_SECRET,
)
from sandbox.process import PROJECT, Control, Sandbox

EXAMPLE = json.loads((PROJECT / "sandbox" / "cloud4wi" / "example.json").read_text(encoding="utf-8"))["events"]


@pytest.fixture(scope="module")
def generated() -> Iterator[Sandbox]:
    """3,000 generated events of 40 contacts, January and February 2024."""
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
    with Sandbox(events=0, contacts=1, no_example=True) as sandbox:
        yield sandbox


def requests_to(control: Control, ending: str) -> list[dict[str, Any]]:
    return [request for request in control.requests() if request["path"].endswith(ending)]


def feed_requests(control: Control) -> list[dict[str, Any]]:
    return requests_to(control, f"/organizations/{ORGANIZATION_ID}/events")


def contact_requests(control: Control) -> list[dict[str, Any]]:
    return [request for request in control.requests() if "/customers/" in request["path"]]


# --- completeness


def test_the_published_example_comes_out_untouched_with_the_envelope() -> None:
    with Sandbox(events=0, contacts=1) as sandbox:
        output = read(config(sandbox.url, start_date="2022-01-01T00:00:00Z", end_date="2022-12-31T23:59:59Z"))
    assert output.status == 0
    for stream in ("org_events", "contact_events"):
        records = {record["id"]: record for record in output.records(stream)}
        assert len(output.records(stream)) == len(records) == 19
        for native in EXAMPLE:
            record = records[native["event"]["id"]]
            assert {name: record[name] for name in native} == native
            assert {name: record[name] for name in record if name not in native} | {} == {
                "id": native["event"]["id"],
                "provider": "cloud4wi",
                "type": native["event"]["type"],
                "createdAt": native["when"]["createdAt"],
                "contactId": native["customerId"],
            } | ({} if "organizationId" in native else {"organizationId": ORGANIZATION_ID})


@pytest.mark.parametrize("num_workers", [1, 2, 40])
def test_every_event_comes_once_over_many_slices_pages_and_workers(
    generated: Sandbox, control: Control, num_workers: int
) -> None:
    control.behaviour("cloud4wi", page_cap=97)
    control.add_fault(delay=0.05, times=None)
    output = read(config(generated.url, window_size="P3D", num_workers=num_workers))
    assert output.status == 0
    expected = once(control.event_ids("cloud4wi"))
    assert output.ids("org_events") == expected
    assert output.ids("contact_events") == expected
    assert control.max_in_flight() == num_workers or 10 < control.max_in_flight() < num_workers == 40
    assert len(requests_to(control, "/login/services")) == 1


@pytest.mark.parametrize(
    ("scroll_end", "shape"),
    [("empty_page", "flat"), ("no_scroll_id", "wrapped"), ("empty_scroll_id", "mixed"), ("null_scroll_id", "wrapped")],
)
def test_every_end_of_a_scroll_and_both_shapes_of_items_are_read(
    generated: Sandbox, control: Control, scroll_end: str, shape: str
) -> None:
    control.behaviour("cloud4wi", scroll_end=scroll_end, shape=shape, page_cap=500, pretty=shape == "flat")
    output = read(config(generated.url, window_size="P30D"), "org_events")
    assert output.ids("org_events") == once(control.event_ids("cloud4wi"))


@pytest.mark.parametrize("count", ["plus_one", "page", "zero", "absent", "exact"])
def test_an_announced_number_alone_never_ends_paging_and_a_wrong_one_is_told(
    generated: Sandbox, control: Control, count: str
) -> None:
    control.behaviour("cloud4wi", count=count, page_cap=1000)
    output = read(config(generated.url, window_size="P30D"), "org_events")
    assert output.ids("org_events") == once(control.event_ids("cloud4wi"))
    told = [line for line in output.logs if "announced is not what came" in line]
    assert bool(told) == (count in ("plus_one", "page", "zero"))


def test_an_api_that_ignores_the_dates_is_read_without_repeats(generated: Sandbox, control: Control) -> None:
    control.behaviour("cloud4wi", ignore_dates=True)
    output = read(config(generated.url, start_date="2024-01-10T00:00:00Z", end_date="2024-01-20T00:00:00Z"))
    inside = [record["createdAt"] for record in output.records("org_events")]
    assert inside
    assert all("2024-01-10T00:00:00Z" <= time <= "2024-01-20T00:00:00Z" for time in inside)
    assert max(output.ids("org_events").values()) == 1


def test_an_empty_organisation_is_read_and_keeps_its_place(generated: Sandbox) -> None:
    output = read(changed(config(generated.url), {"organization_id": EMPTY_ORGANIZATION_ID}))
    assert output.status == 0
    assert output.records("org_events") == output.records("contact_events") == []
    assert output.cursor("org_events") == {"createdAt": "2024-01-01T00:00:00Z"}
    assert output.cursor("contact_events") == {"createdAt": "2024-01-01T00:00:00Z"}


# --- boundaries


def test_events_at_the_borders_of_slices_come_exactly_once(own: Sandbox) -> None:
    times = [
        "2024-01-01T00:00:00Z",  # the start date itself
        "2024-01-01T23:59:59Z",  # the last second of a slice
        "2024-01-01T23:59:59.999999Z",  # and the last instant of it
        "2024-01-02T00:00:00Z",  # the first second of the next
        "2024-01-02T00:00:00.000001Z",
        "2024-01-03T12:00:00Z",  # the end date itself
    ]
    outside = ["2023-12-31T23:59:59.999Z", "2024-01-03T12:00:00.5Z", "2024-01-03T12:00:01Z"]
    own.control.add_events("cloud4wi", [event(number, time) for number, time in enumerate(times + outside)])
    output = read(config(own.url, end_date="2024-01-03T12:00:00Z", window_size="P1D"))
    expected = once(event_id(number) for number in range(len(times)))
    assert output.ids("org_events") == expected
    assert output.ids("contact_events") == expected
    assert sorted(record["createdAt"] for record in output.records("org_events")) == sorted(times)


@pytest.mark.parametrize("count", ["exact", "page", "plus_one", "absent"])
def test_exactly_one_full_page_is_followed_to_its_end(own: Sandbox, count: str) -> None:
    """Even if the announced number says that it was all."""
    own.control.behaviour("cloud4wi", count=count)
    own.control.add_events(
        "cloud4wi", generate=10_000, contacts=3, seed=5, start="2024-01-01T00:00:00Z", end="2024-01-02T00:00:00Z"
    )
    output = read(config(own.url, end_date="2024-01-07T00:00:00Z"), "org_events")
    assert output.ids("org_events") == once(own.control.event_ids("cloud4wi"))
    pages = feed_requests(own.control)
    assert [request["rows"] for request in pages] == [10_000, 0]
    assert "scrollId" in pages[1]["query"]


def test_more_events_of_a_contact_than_one_answer_holds_are_read_in_halves(own: Sandbox) -> None:
    own.control.add_events(
        "cloud4wi", generate=10_001, contacts=1, seed=6, start="2024-01-01T00:00:00Z", end="2024-01-31T00:00:00Z"
    )
    output = read(config(own.url, end_date="2024-01-31T00:00:00Z"), "contact_events")
    assert output.ids("contact_events") == once(own.control.event_ids("cloud4wi"))
    assert len(contact_requests(own.control)) == 3


# --- incremental


def test_a_second_sync_reads_the_overlap_and_the_new_events_only(own: Sandbox) -> None:
    old = [event(1, "2024-01-05T00:00:00Z"), event(2, "2024-01-10T00:00:00Z"), event(3, "2024-01-11T06:00:00Z")]
    own.control.add_events("cloud4wi", old)
    settings = config(own.url, window_size="P7D")
    first = read(settings)
    assert first.cursor("org_events") == first.cursor("contact_events") == {"createdAt": "2024-01-11T06:00:00Z"}
    own.control.clear_requests()
    late, at_the_cursor, new = "2024-01-10T12:00:00Z", "2024-01-11T06:00:00Z", "2024-02-01T00:00:00Z"
    other = "0" * 31 + "2"
    own.control.add_events("cloud4wi", [event(4, late), event(5, at_the_cursor), event(6, new, other)])
    second = read(settings, state=first.state)
    expected = once(event_id(number) for number in (3, 4, 5, 6))
    assert second.ids("org_events") == expected
    assert second.ids("contact_events") == expected
    assert second.cursor("org_events") == second.cursor("contact_events") == {"createdAt": new}
    assert min(request["query"]["dateStart"] for request in feed_requests(own.control)) == "2024-01-10T06:00:00Z"
    asked = contact_requests(own.control)
    assert sorted(request["path"].split("/")[-2] for request in asked) == [CONTACT, other]
    assert {request["query"]["dateStart"] for request in asked} == {"2024-01-10T06:00:00Z"}


def test_a_longer_lookback_finds_later_events(own: Sandbox) -> None:
    own.control.add_events("cloud4wi", [event(1, "2024-02-20T00:00:00Z")])
    first = read(config(own.url), "org_events")
    own.control.add_events("cloud4wi", [event(2, "2024-01-25T00:00:00Z")])
    assert read(config(own.url), "org_events", state=first.state).ids("org_events") == once([event_id(1)])
    second = read(config(own.url, lookback_window="P30D"), "org_events", state=first.state)
    assert second.ids("org_events") == once([event_id(1), event_id(2)])


def test_a_future_event_neither_comes_early_nor_stops_later_syncs(own: Sandbox) -> None:
    own.control.behaviour("cloud4wi", ignore_dates=True)
    own.control.add_events("cloud4wi", [event(1, "2024-02-01T00:00:00Z"), event(2, "2099-01-01T00:00:00Z")])
    settings = config(own.url, window_size="P365D")
    del settings["end_date"]
    first = read(settings)
    assert first.ids("org_events") == first.ids("contact_events") == once([event_id(1)])
    assert first.cursor("org_events") == {"createdAt": "2024-02-01T00:00:00Z"}
    now = datetime.utcnow().replace(microsecond=0).isoformat() + "Z"
    own.control.add_events("cloud4wi", [event(3, now)])
    second = read(settings, state=first.state)
    assert event_id(3) in second.ids("org_events")
    assert event_id(3) in second.ids("contact_events")


def test_full_refresh_ignores_no_event_and_needs_no_state(generated: Sandbox, control: Control) -> None:
    output = run(
        "read", config=config(generated.url), catalog=catalog("org_events", sync_mode="full_refresh"), state=[]
    )
    assert output.ids("org_events") == once(control.event_ids("cloud4wi"))


# --- contacts and types


def test_each_contact_is_asked_for_once_however_often_it_is_seen(generated: Sandbox, control: Control) -> None:
    read(config(generated.url, window_size="P1D"), "contact_events")
    asked = [request["path"] for request in contact_requests(control)]
    assert len(asked) == len(set(asked)) == 40
    assert {request["query"]["size"] for request in contact_requests(control)} == {"10000"}


def test_listed_contacts_are_read_without_the_feed_and_a_new_one_from_the_start(own: Sandbox) -> None:
    contacts = [f"{number:032x}" for number in (1, 2, 3)]
    own.control.add_events(
        "cloud4wi", [event(number, f"2024-01-{number:02d}T00:00:00Z", contacts[number % 3]) for number in range(1, 28)]
    )
    settings = config(own.url, contact_ids=contacts[:1], lookback_window="PT1H")
    first = read(settings, "contact_events")
    assert first.ids("contact_events") == once(own.control.event_ids("cloud4wi", contact=contacts[0]))
    assert feed_requests(own.control) == []
    second = read(changed(settings, contact_ids=contacts[:2]), "contact_events", state=first.state)
    expected = set(own.control.event_ids("cloud4wi", contact=contacts[1])) | {event_id(27)}
    assert second.ids("contact_events") == once(expected)
    third = read(changed(settings, contact_ids=None), "contact_events", state=second.state)
    assert third.ids("contact_events").keys() >= set(own.control.event_ids("cloud4wi", contact=contacts[2]))


def test_a_contact_that_has_disappeared_is_skipped_with_a_log_line(generated: Sandbox, control: Control) -> None:
    ids = control.event_ids("cloud4wi")
    contact = contact_of_first(generated)
    gone = control.event_ids("cloud4wi", contact=contact)
    control.delete_contact("cloud4wi", contact)
    output = read(config(generated.url), "contact_events")
    assert output.status == 0
    assert output.ids("contact_events") == once(set(ids) - set(gone))
    assert any("skipped" in line and line.endswith(f": {contact}.") for line in output.logs)


def contact_of_first(sandbox: Sandbox) -> str:
    first = read(config(sandbox.url, end_date="2024-01-03T00:00:00Z"), "org_events").records("org_events")[0]
    contact: str = first["contactId"]
    return contact


@pytest.mark.parametrize(
    ("types", "sent"),
    [(["visit", "login"], "visit,login"), (["visit", "geo_visit"], None), (["arriving"], None)],
    ids=["filtered by the API", "partly unknown to the API", "unknown to the API"],
)
def test_event_types_are_never_fewer_than_asked_for(
    generated: Sandbox, control: Control, types: list[str], sent: str | None
) -> None:
    whole = read(config(generated.url), "org_events").records("org_events")
    control.clear_requests()
    output = read(config(generated.url, event_types=types))
    expected = once(record["id"] for record in whole if record["type"] in types)
    assert len(expected) > 100
    assert output.ids("org_events") == expected
    assert output.ids("contact_events") == expected
    assert {request["query"].get("events") for request in feed_requests(control)} == {sent}


# --- faults


@pytest.mark.parametrize(
    "fault",
    [
        {"path": "/events$", "status": 503, "times": 2},
        {"path": "/events$", "status": 502, "body": "<html>Bad gateway</html>", "times": 1},
        {"path": "/events$", "status": 429, "headers": {"Retry-After": "1"}, "times": 2},
        {"path": "/events$", "status": 200, "body": "<html>Maintenance</html>", "times": 1},
        {"path": "/login/services$", "status": 500, "times": 1},
        {"path": "/events$", "reset": True, "times": 2},
        {"path": "/events$", "cut": 1000, "skip": 3, "times": 1},
        {"path": "/events$", "expire_token": True, "skip": 2, "times": 3},
        {"path": "/events$", "query": {"scrollId": "."}, "expire_scroll": True, "times": 2},
    ],
    ids=["503", "502 as HTML", "429", "200 as HTML", "login 500", "reset", "cut", "expired token", "expired scroll"],
)
def test_nothing_is_lost_by_a_passing_fault(generated: Sandbox, control: Control, fault: dict[str, Any]) -> None:
    control.behaviour("cloud4wi", page_cap=150)
    control.add_fault(**fault)
    output = read(config(generated.url, window_size="P10D"))
    assert output.status == 0, output.errors
    expected = set(control.event_ids("cloud4wi"))
    assert output.ids("org_events").keys() == expected
    assert output.ids("contact_events").keys() == expected
    assert any(request["fault"] is not None for request in control.requests())


def test_an_expired_token_is_renewed_once_for_all_workers(generated: Sandbox, control: Control) -> None:
    control.behaviour("cloud4wi", page_cap=50)
    control.add_fault(path="/events$", skip=10, times=1, expire_token=True)
    output = read(config(generated.url, window_size="P5D"), "org_events")
    assert output.ids("org_events") == once(control.event_ids("cloud4wi"))
    assert len(requests_to(control, "/login/services")) == 2


def test_an_expired_scroll_reads_its_own_slice_again_and_no_other(generated: Sandbox, control: Control) -> None:
    control.behaviour("cloud4wi", page_cap=100)
    control.add_fault(query={"scrollId": "."}, expire_scroll=True, skip=1, times=1)
    output = read(config(generated.url, window_size="P15D", num_workers=1), "org_events")
    assert output.ids("org_events").keys() == set(control.event_ids("cloud4wi"))
    repeated = {key for key, number in output.ids("org_events").items() if number > 1}
    days = {record["createdAt"][:10] for record in output.records("org_events") if record["id"] in repeated}
    assert repeated
    assert len(days) <= 15


def test_a_scroll_that_repeats_its_page_is_an_error_and_no_endless_loop(generated: Sandbox, control: Control) -> None:
    control.behaviour("cloud4wi", repeat_scroll_id=True)
    output = read(config(generated.url), "org_events", timeout=60)
    assert output.status == 1
    assert {error["failure_type"] for error in output.errors} == {"transient_error"}
    assert "repeats a page" in output.errors[0]["message"]


def test_a_refusal_with_status_200_is_told_in_the_apis_own_words(generated: Sandbox, control: Control) -> None:
    control.add_fault(path="/events$", status=200, json={"status": "KO", "message": "quota spent"}, times=None)
    output = read(config(generated.url), "org_events")
    assert output.status == 1
    assert "quota spent" in output.errors[0]["message"]


def test_a_record_with_an_unreadable_time_is_named(own: Sandbox) -> None:
    own.control._send(
        "POST", "cloud4wi/events", {"events": [event(7, "2024-13-45T00:00:00Z")], "at": "2024-01-05T00:00:00Z"}
    )
    output = read(config(own.url), "org_events")
    assert output.status == 1
    (error,) = output.errors
    assert error["failure_type"] == "system_error"
    assert "org_events" in error["message"]
    assert event_id(7) in error["message"]


# --- errors for people


@pytest.mark.parametrize(
    ("provider", "named"),
    [
        ({"client_secret": "wrong-but-not-real"}, ["client_key", "client_secret", "401"]),
        ({"organization_id": "deadbeef"}, ["organization_id", "404"]),
        (
            {"client_key": UNSCOPED_CLIENT_KEY, "client_secret": UNSCOPED_CLIENT_SECRET},
            ["events_read", "organization_read", "403"],
        ),
        ({"api_url": "http://127.0.0.1:9"}, ["127.0.0.1:9", "api_url"]),
        ({"api_url": "http://explore.cloud4wi.com"}, ["api_url", "https"]),
    ],
    ids=["wrong secret", "wrong organisation", "missing scope", "unreachable host", "plain http"],
)
def test_check_tells_the_causes_apart(
    generated: Sandbox, control: Control, provider: dict[str, str], named: list[str]
) -> None:
    output = run("check", config=changed(config(generated.url), provider))
    assert output.status == 0
    assert output.connection_status["status"] == "FAILED"
    assert all(word in output.connection_status["message"] for word in named), output.connection_status
    assert "Traceback" not in output.text
    assert CLIENT_SECRET not in output.text
    assert "wrong-but-not-real" not in output.text


@pytest.mark.parametrize("organization", [ORGANIZATION_ID, EMPTY_ORGANIZATION_ID], ids=["with events", "empty"])
def test_check_makes_one_login_and_one_small_request(generated: Sandbox, control: Control, organization: str) -> None:
    output = run("check", config=changed(config(generated.url), {"organization_id": organization}))
    assert output.connection_status == {"status": "SUCCEEDED"}
    login, request = control.requests()
    assert login["path"] == "/v1/sts/login/services"
    assert request["query"]["size"] == "1"


@pytest.mark.parametrize(
    ("provider", "word"),
    [
        ({"client_secret": "wrong-but-not-real"}, "client_secret"),
        ({"client_key": UNSCOPED_CLIENT_KEY, "client_secret": UNSCOPED_CLIENT_SECRET}, "events_read"),
        ({"organization_id": "deadbeef"}, "organization_id"),
    ],
    ids=["wrong secret", "missing scope", "wrong organisation"],
)
def test_a_read_that_cannot_work_ends_with_one_error_a_stream_and_few_requests(
    generated: Sandbox, control: Control, provider: dict[str, str], word: str
) -> None:
    output = read(changed(config(generated.url, window_size="P1D"), provider))
    assert output.status == 1
    assert [error["failure_type"] for error in output.errors] == ["config_error"] * 2
    assert all(word in error["message"] for error in output.errors)
    assert "Traceback" not in output.text
    assert len(control.requests()) <= 3 + 2 * 9
    assert "wrong-but-not-real" not in output.text
    assert UNSCOPED_CLIENT_SECRET not in output.text


def test_a_server_that_stays_down_is_a_transient_error_in_bounded_time(generated: Sandbox, control: Control) -> None:
    control.add_fault(path="/events$", status=503, headers={"Retry-After": "3600"}, times=None)
    output = read(config(generated.url, window_size="P1D"), timeout=60)
    assert output.status == 1
    assert {error["failure_type"] for error in output.errors} == {"transient_error"}
    assert "3600 seconds" in output.errors[0]["message"]


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (
            [
                {
                    "type": "STREAM",
                    "stream": {"stream_descriptor": {"name": "org_events"}, "stream_state": {"createdAt": "yesterday"}},
                }
            ],
            "org_events",
        ),
        ([{"type": "STREAM", "stream": 5}], "state file"),
        ({"a": 1}, "state file"),
    ],
    ids=["a cursor that is no time", "no stream", "no list"],
)
def test_a_broken_state_is_one_clear_error(generated: Sandbox, state: Any, named: str) -> None:
    output = read(config(generated.url), state=state)
    assert output.status == 1
    (error,) = output.errors
    assert error["failure_type"] == "config_error"
    assert named in error["message"]
    assert "Traceback" not in output.text


def test_an_unknown_stream_in_the_catalogue_is_one_clear_error(generated: Sandbox) -> None:
    output = read(config(generated.url), "org_events", "org_evnets")
    assert output.status == 1
    (error,) = output.errors
    assert "org_evnets" in error["message"]


# --- limits, processes


def test_requests_per_minute_counts_every_request(generated: Sandbox, control: Control) -> None:
    # 70 requests at 60 a minute: the last ones must wait until the first are a minute old.
    output = read(config(generated.url, window_size="P2D", requests_per_minute=60), "org_events", timeout=150)
    assert output.status == 0
    times = [datetime.fromisoformat(request["time"].rstrip("Z")) for request in control.requests()]
    assert len(times) > 60
    spans = [(later - earlier).total_seconds() for earlier, later in zip(times, times[60:], strict=False)]
    assert min(spans) >= 60


def test_a_killed_sync_resumes_from_the_last_state_without_loss(generated: Sandbox, control: Control) -> None:
    control.add_fault(path="/events$", delay=0.05, times=None)
    settings = config(generated.url, window_size="P2D", num_workers=2)
    union: set[str] = set()
    state: list[Json] = []
    for kill_after in (40, 400, 900, None):
        output = read_and_kill(settings, state, kill_after)
        union |= output.ids("org_events").keys()
        state = output.state or state
    assert union == set(control.event_ids("cloud4wi"))


def read_and_kill(settings: Json, state: list[Json], records: int | None) -> Output:
    """Read `org_events`, and kill the process without warning after so many records."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in {"config": settings, "catalog": catalog("org_events"), "state": state}.items():
            (folder / f"{file}.json").write_text(json.dumps(content), encoding="utf-8")
        files = [
            argument for file in ("config", "catalog", "state") for argument in (f"--{file}", f"{name}/{file}.json")
        ]
        with subprocess.Popen([*COMMAND, "read", *files], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if records is not None and sum('"RECORD"' in line for line in lines) >= records:
                    os.kill(process.pid, signal.SIGKILL)
                    break
        return Output("".join(lines), process.returncode)


def test_no_secret_and_no_token_is_in_any_debug_output(generated: Sandbox, control: Control) -> None:
    output = read(config(generated.url, end_date="2024-01-05T00:00:00Z"), "org_events")
    assert CLIENT_SECRET not in output.text
    assert "Bearer" not in output.text

"""What events refer to, as a process against the sandbox: contacts, locations, definitions, and properties of types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from integration_tests import carecloud, cloud4wi, swipe_one
from integration_tests.connector import Json, Output, catalog, changed, once, read, run
from sandbox.carecloud.catalogue import EVENT_PROPERTIES, EVENT_TYPES, PROPERTIES_OF_TYPES
from sandbox.carecloud.generator import customer_id
from sandbox.cloud4wi import ORGANIZATION_ID, UNSCOPED_CLIENT_KEY, UNSCOPED_CLIENT_SECRET
from sandbox.cloud4wi.contacts import LOCATION_LIST, contact
from sandbox.cloud4wi.generator import contact_id
from sandbox.process import Control, Sandbox
from sandbox.swipe_one import EVENT_TYPES as SWIPE_TYPES
from sandbox.swipe_one import FOREIGN_API_KEY, WORKSPACE_ID
from sandbox.swipe_one.definitions import EVENT_DEFINITIONS

CONTACTS = 40
LISTS = (
    ("cloud4wi", "contacts"),
    ("cloud4wi", "locations"),
    ("swipe_one", "event_definitions"),
    ("carecloud", "contacts"),
    ("carecloud", "event_type_properties"),
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=100, contacts=CONTACTS, no_example=True) as running:
        yield running


@pytest.fixture
def control(sandbox: Sandbox) -> Control:
    sandbox.control.reset()
    sandbox.control.clear_requests()
    return sandbox.control


def config(system: str, sandbox: Sandbox) -> Json:
    return {
        "cloud4wi": lambda: cloud4wi.config(sandbox.url),
        "swipe_one": lambda: swipe_one.config(sandbox),
        "carecloud": lambda: carecloud.config(sandbox.url),
    }[system]()


def whole(configuration: Json, stream: str) -> Output:
    return run("read", config=configuration, catalog=catalog(stream, sync_mode="full_refresh"))


def queries(control: Control, ending: str) -> Sequence[Mapping[str, str]]:
    return [request["query"] for request in control.requests() if request["path"].endswith(ending)]


@pytest.mark.parametrize(("system", "stream"), LISTS)
def test_every_field_that_the_system_has_is_declared(
    sandbox: Sandbox, control: Control, system: str, stream: str
) -> None:
    output = whole(config(system, sandbox), stream)
    assert (output.status, output.errors) == (0, [])
    records = output.records(stream)
    assert records
    assert set(output.ids(stream).values()) == {1}
    assert not [record for record in records if "unknownFields" in record]
    assert {record["provider"] for record in records} == {system}


# --- Cloud4Wi

CONTACT_LIST = f"/v2/customers/organizations/{ORGANIZATION_ID}"
ALL_CONTACTS = once(contact_id(number) for number in range(CONTACTS))


@pytest.mark.parametrize(
    "behaviour",
    [
        {"scroll_end": "no_scroll_id"},
        {"scroll_end": "empty_scroll_id", "contact_list": "contacts"},
        {"scroll_end": "null_scroll_id", "count": "zero"},
        {"keep_scroll_id": True, "count": "plus_one"},
    ],
    ids=str,
)
def test_contacts_are_read_page_by_page_whatever_is_not_documented(
    sandbox: Sandbox, control: Control, behaviour: dict[str, Any]
) -> None:
    control.behaviour("cloud4wi", page_cap=7, **behaviour)
    output = whole(config("cloud4wi", sandbox), "contacts")
    assert (output.errors, output.ids("contacts")) == ([], ALL_CONTACTS)
    added = {"provider": "cloud4wi", "organizationId": ORGANIZATION_ID}
    for record in output.records("contacts"):
        assert record == {**contact(record["cid"]), **added, "id": record["cid"]}
    first, *others = queries(control, CONTACT_LIST)
    assert first == {"size": "10000"}
    assert {*map(frozenset, others)} == {frozenset(("size", "sid"))}


def test_contacts_whose_scroll_expires_are_read_anew(sandbox: Sandbox, control: Control) -> None:
    control.behaviour("cloud4wi", page_cap=10)
    control.add_fault(path=CONTACT_LIST, expire_scroll=True, skip=2)
    output = whole(config("cloud4wi", sandbox), "contacts")
    assert (output.status, output.errors) == (0, [])
    assert output.ids("contacts").keys() == ALL_CONTACTS.keys()
    assert any("The list is read anew" in line for line in output.logs)
    assert [query for query in queries(control, CONTACT_LIST) if "sid" not in query] == [{"size": "10000"}] * 2


def test_without_the_scope_of_contacts_the_locations_are_read(sandbox: Sandbox, control: Control) -> None:
    unscoped = {"client_key": UNSCOPED_CLIENT_KEY, "client_secret": UNSCOPED_CLIENT_SECRET}
    output = read(changed(config("cloud4wi", sandbox), unscoped), "contacts", "locations")
    [error] = output.errors
    assert error["failure_type"] == "config_error"
    assert error["message"].startswith("contacts: Cloud4Wi refuses the list of contacts")
    assert "customer_read" in error["message"]
    assert output.ids("locations") == once(location["id"] for location in LOCATION_LIST)
    assert queries(control, f"/v1/organizations/{ORGANIZATION_ID}/locations") == [{}]


def test_events_name_locations_that_are_listed(sandbox: Sandbox, control: Control) -> None:
    output = read(config("cloud4wi", sandbox), "org_events", "locations")
    named = {
        where["locationId"] for record in output.records("org_events") if "locationId" in (where := record["where"])
    }
    assert named
    assert named <= output.ids("locations").keys()


# --- Swipe One


def test_every_type_of_events_has_its_definition(sandbox: Sandbox, control: Control) -> None:
    output = whole(config("swipe_one", sandbox), "event_definitions")
    assert output.ids("event_definitions") == once(SWIPE_TYPES)
    added = {"provider": "swipe_one", "organizationId": WORKSPACE_ID}
    expected = [{**native, **added, "id": native["name"]} for native in EVENT_DEFINITIONS]
    assert output.records("event_definitions") == expected
    assert queries(control, "/event-definitions") == [{}]


def test_a_key_of_another_workspace_is_told(sandbox: Sandbox, control: Control) -> None:
    output = whole(changed(config("swipe_one", sandbox), {"api_key": FOREIGN_API_KEY}), "event_definitions")
    [error] = output.errors
    assert (error["failure_type"], output.status) == ("config_error", 1)
    assert "provider.api_key" in error["message"]


# --- CareCloud

CUSTOMERS = {customer_id(number) for number in range(CONTACTS)}
NEWEST_FIRST = {"count": "1000", "sort_field": "last_change", "sort_direction": "DESC"}
BY_ID = {"count": "1000", "sort_field": "customer_id", "sort_direction": "ASC"}


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A sandbox whose customers a test may change."""
    with Sandbox(events=0, contacts=CONTACTS, no_example=True) as running:
        yield running


def change(sandbox: Sandbox, *customers: tuple[str, str]) -> None:
    given = [{"customer_id": key, "last_change": time} for key, time in customers]
    sandbox.control.add_events("carecloud", customers=given)
    sandbox.control.clear_requests()


def test_customers_are_read_as_a_whole_and_then_newest_first_to_the_cursor(own: Sandbox) -> None:
    settings = config("carecloud", own)
    first = read(settings, "contacts")
    assert (first.errors, first.ids("contacts")) == ([], once(CUSTOMERS))
    assert queries(own.control, "/customers") == [NEWEST_FIRST, BY_ID]
    newest = max(record["last_change"] for record in first.records("contacts"))
    assert (newest, first.cursor("contacts")) == ("2024-02-27 01:00:00", {"changed_at": "2024-02-27T00:00:00Z"})
    change(own, (customer_id(3), "2024-03-05 12:00:00"), ("f" * 26, "2024-03-04 11:59:59"))
    own.control.behaviour("carecloud", count_cap=2)
    second = read(settings, "contacts", state=first.state)
    # The lookback of a day repeats those who were changed last.
    assert second.ids("contacts") == once([customer_id(3), "f" * 26, customer_id(39)])
    assert queries(own.control, "/customers") == [NEWEST_FIRST, {**NEWEST_FIRST, "offset": "2"}]
    assert second.cursor("contacts") == {"changed_at": "2024-03-05T11:00:00Z"}
    own.control.clear_requests()
    third = read(settings, "contacts", state=second.state)
    assert third.ids("contacts") == once([customer_id(3)])
    assert queries(own.control, "/customers") == [NEWEST_FIRST]


def test_customers_of_an_installation_that_does_not_sort_are_all_looked_at(own: Sandbox) -> None:
    settings = config("carecloud", own)
    first = read(settings, "contacts")
    change(own, (customer_id(39), "2024-03-05 12:00:00"))
    own.control.behaviour("carecloud", ignore_sort=True, count_cap=10)
    second = read(settings, "contacts", state=first.state)
    assert second.ids("contacts").keys() >= {customer_id(39)}
    assert len(second.ids("contacts")) < 6
    assert len(queries(own.control, "/customers")) == 4


def test_a_reading_of_customers_that_fails_moves_nothing(own: Sandbox) -> None:
    settings = config("carecloud", own)
    first = read(settings, "contacts")
    change(own, *((customer_id(number), f"2024-03-05 12:00:{number:02d}") for number in range(20)))
    own.control.behaviour("carecloud", count_cap=5)
    own.control.add_fault(path="/customers$", status=400, skip=2, times=None)
    failed = read(settings, "contacts", state=first.state)
    assert failed.status == 1
    assert len(failed.records("contacts")) == 10
    assert failed.cursor("contacts") == first.cursor("contacts")


def test_customers_have_a_cursor_of_their_own_in_the_catalogue(sandbox: Sandbox, control: Control) -> None:
    [found] = [m["catalog"] for m in run("discover", config=config("carecloud", sandbox)).messages if "catalog" in m]
    [stream] = [each for each in found["streams"] if each["name"] == "contacts"]
    assert stream["default_cursor_field"] == ["last_change"]
    assert stream["supported_sync_modes"] == ["full_refresh", "incremental"]
    assert stream["source_defined_primary_key"] == [["id"]]


def test_a_broken_cursor_of_customers_is_one_clear_error(sandbox: Sandbox, control: Control) -> None:
    state = [
        {"type": "STREAM", "stream": {"stream_descriptor": {"name": "contacts"}, "stream_state": {"changed_at": "x"}}}
    ]
    output = read(config("carecloud", sandbox), "contacts", state=state)
    [error] = output.errors
    assert (output.status, error["failure_type"]) == (1, "config_error")
    assert "`contacts` is not valid: `changed_at`" in error["message"]


def test_the_properties_of_each_type_are_read_type_by_type(sandbox: Sandbox, control: Control) -> None:
    control.behaviour("carecloud", count_cap=4)
    output = whole(config("carecloud", sandbox), "event_type_properties")
    natives = {native["property_id"]: native for native in EVENT_PROPERTIES}
    ids = {kind["text_id"]: kind["event_type_id"] for kind in EVENT_TYPES}
    added = {"provider": "carecloud", "organizationId": "127.0.0.1"}
    expected = [
        {**natives[own], **added, "id": f"{ids[kind]}:{own}", "event_type_id": ids[kind]}
        for kind, properties in PROPERTIES_OF_TYPES.items()
        for own in properties
    ]
    found = output.records("event_type_properties")
    assert sorted(found, key=lambda record: record["id"]) == sorted(expected, key=lambda record: record["id"])
    purchase = queries(control, f"/event-types/{ids['purchase']}/event-properties")
    asked = {"count": "1000", "sort_field": "property_id", "sort_direction": "ASC"}
    assert purchase == [asked, {**asked, "offset": "4"}]
    for kind in ("complaint", "login", "newsletter", "retired"):
        assert queries(control, f"/event-types/{ids[kind]}/event-properties") == [asked]


def test_a_type_that_has_disappeared_is_skipped_with_a_log_line(sandbox: Sandbox, control: Control) -> None:
    gone = EVENT_TYPES[0]["event_type_id"]
    control.add_fault(path=f"/event-types/{gone}/event-properties$", status=404)
    output = whole(config("carecloud", sandbox), "event_type_properties")
    assert (output.status, output.errors) == (0, [])
    assert {record["event_type_id"] for record in output.records("event_type_properties")}.isdisjoint({gone})
    assert any("skipped" in line and line.endswith(f": {gone}.") for line in output.logs)

"""States that released versions have printed: the present version goes on from each, and loses nothing.

`states/VERSION.json` has, by system, what that version printed for a sandbox of `EVENTS` events and `CONTACTS` contacts
up to 15 February 2024: after a complete sync, after one of two listed contacts, and after one that failed on the way.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from integration_tests.connector import Json, Output, read
from integration_tests.systems import STREAMS, config
from sandbox.process import Sandbox

EVENTS, CONTACTS = 300, 60
STATES = {
    path.stem: json.loads(path.read_text(encoding="utf-8")) for path in Path(__file__).parent.glob("states/*.json")
}
CASES = [
    (version, system, situation)
    for version, systems in STATES.items()
    for system, situations in systems.items()
    for situation in situations
]
CURSORS = ("org_events", "contact_events", "property_records")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=EVENTS, contacts=CONTACTS, no_example=True) as running:
        yield running


@pytest.fixture(scope="module")
def everything(sandbox: Sandbox) -> Callable[[str], Output]:
    """What there is of a system, from the start date on."""
    found: dict[str, Output] = {}

    def of(system: str) -> Output:
        if system not in found:
            found[system] = read(config(system, sandbox), *streams_of(system))
            assert found[system].status == 0, found[system].errors
        return found[system]

    return of


def streams_of(system: str) -> list[str]:
    return [name for name in STREAMS[system] if name in CURSORS]


def cursors(state: list[Json]) -> dict[str, Json]:
    return {entry["stream"]["stream_descriptor"]["name"]: entry["stream"]["stream_state"] for entry in state}


def a_day_before(time: str) -> str:
    return (datetime.strptime(time, "%Y-%m-%dT%H:%M:%SZ") - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def since(state: Json, record: Json) -> str:
    """From when on the events of a record's contact are to be read."""
    return a_day_before(state.get("contacts", {}).get(record["contactId"], state["createdAt"]))


def expected(state: Json, records: list[Json]) -> set[str]:
    """Those that the state does not say to have been read, less the lookback; those without a time always come."""
    return {record["id"] for record in records if (record["createdAt"] or "9") >= since(state, record)}


def test_a_released_version_has_left_every_kind_of_state() -> None:
    assert "0.1.0" in STATES
    assert {situation for _, _, situation in CASES} == {"complete", "restricted", "interrupted"}
    assert set(STATES["0.1.0"]) == {"app_market", "carecloud", "cloud4wi", "swipe_one"}
    assert {system for _, system, _ in CASES} <= set(STREAMS), "what a version could read, later ones can"


@pytest.mark.parametrize(("version", "system", "situation"), CASES)
def test_a_sync_goes_on_from_the_state_of_a_released_version(
    version: str, system: str, situation: str, sandbox: Sandbox, everything: Callable[[str], Output]
) -> None:
    state = STATES[version][system][situation]
    at = {stream: cursor for stream, cursor in cursors(state).items() if stream in CURSORS}
    listed = sorted(at["contact_events"]["contacts"]) if situation == "restricted" else []
    output = read(config(system, sandbox, contact_ids=listed), *at, state=state)
    assert output.status == 0, output.errors
    for stream, cursor in at.items():
        records = everything(system).records(stream)
        wanted = [record for record in records if not listed or record["contactId"] in listed]
        assert 0 < len(expected(cursor, wanted)) < len(records)
        assert expected(cursor, wanted) <= set(output.ids(stream)), stream
        if situation != "interrupted":
            assert set(output.ids(stream)) == expected(cursor, wanted), stream
        assert output.cursor(stream)["createdAt"] >= cursor["createdAt"]


@pytest.mark.parametrize("system", STATES["0.1.0"])
def test_after_a_restricted_sync_of_a_released_version_other_contacts_are_read_from_the_start(
    system: str, sandbox: Sandbox, everything: Callable[[str], Output]
) -> None:
    state = STATES["0.1.0"][system]["restricted"]
    output = read(config(system, sandbox), "contact_events", state=state)
    assert output.status == 0, output.errors
    before = cursors(state)["contact_events"]["contacts"]
    others = [record for record in everything(system).records("contact_events") if record["contactId"] not in before]
    assert {record["id"] for record in others} <= set(output.ids("contact_events"))

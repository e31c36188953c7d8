"""The dbt package on what PyAirbyte has loaded from all four systems, before and after a second sync."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from integration_tests import carecloud
from integration_tests.documentation.pages import PROJECT, TIMEOUT
from integration_tests.systems import STREAMS, config
from integration_tests.warehouse import analysis, loading
from integration_tests.warehouse.analysis import Project, environment
from integration_tests.warehouse.loading import DEMO_PYTHON, KINDS, Warehouse, running
from sandbox.process import Sandbox

pytestmark = [*analysis.marks, *loading.marks, pytest.mark.timeout(TIMEOUT)]

EVENTS, NEW, LATE = 150, 40, 7
SYNCED_TWICE = ("cloud4wi",)


@dataclass(frozen=True)
class Analysed:
    """The ids that the sandbox has and those in `events`, after each of two syncs with a run of dbt behind it."""

    project: Project
    first_expected: dict[str, list[str]]
    first: dict[str, list[str]]
    expected: dict[str, list[str]]
    second: dict[str, list[str]]
    instants: dict[str, str | None]


@pytest.fixture(scope="module", params=KINDS)
def analysed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Analysed]:
    with (
        running(request.param, tmp_path_factory.mktemp(request.param)) as warehouse,
        Sandbox(events=EVENTS, contacts=12, no_example=True) as sandbox,
    ):
        project = Project.copied("dbt", warehouse)
        sync(warehouse, sandbox, STREAMS)
        project.run_page()
        first_expected, first = expected_ids(sandbox), ids(project)
        for system in SYNCED_TWICE:
            add_events(sandbox, system)
        sync(warehouse, sandbox, SYNCED_TWICE)
        project.run("build")
        instants = carecloud.instants(sandbox.url)
        yield Analysed(project, first_expected, first, expected_ids(sandbox), ids(project), instants)


def sync(warehouse: Warehouse, sandbox: Sandbox, systems: Any) -> None:
    """Run the example's script, as a person would."""
    files = []
    for system in systems:
        file = warehouse.folder / f"{system}.json"
        file.write_text(json.dumps(config(system, sandbox, end_date="2024-04-30")), encoding="utf-8")
        files.append(str(file))
    arguments = ["to_postgres.py", *files]
    if "db_path" in warehouse.cache:
        arguments = ["to_duckdb.py", warehouse.cache["db_path"], *files]
    done = subprocess.run(
        [DEMO_PYTHON, str(PROJECT / "examples/pyairbyte" / arguments[0]), *arguments[1:]],
        cwd=warehouse.folder,
        env={
            **os.environ,
            **environment(warehouse),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "AIRBYTE_LOGGING_ROOT": str(warehouse.folder / "logs"),
            "AIRBYTE_OFFLINE_MODE": "1",
            "NO_LIVE_PROGRESS": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout[-5000:]


def add_events(sandbox: Sandbox, system: str) -> None:
    """Some that are new, and some that the lookback covers."""
    sandbox.control.add_events(system, generate=NEW, start="2024-04-01T00:00:01Z", end="2024-04-20T00:00:00Z")
    sandbox.control.add_events(system, generate=LATE, start="2024-03-31T06:00:00Z", end="2024-03-31T20:00:00Z")


def expected_ids(sandbox: Sandbox) -> dict[str, list[str]]:
    return {system: sorted(sandbox.control.event_ids(system)) for system in STREAMS}


def ids(project: Project) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {system: [] for system in STREAMS}
    for row in project.rows("events")["events"]:
        found[row["provider"]].append(row["id"])
    return {system: sorted(names) for system, names in found.items()}


@pytest.mark.parametrize("system", STREAMS)
def test_every_event_is_there_once(analysed: Analysed, system: str) -> None:
    if system == "swipe_one":  # The sandbox tells contents of these, which have no ids.
        assert len(set(analysed.first[system])) == len(analysed.first_expected[system]) == len(analysed.first[system])
        assert len(analysed.second[system]) == len(analysed.expected[system])
        return
    assert analysed.first[system] == analysed.first_expected[system]
    assert analysed.second[system] == analysed.expected[system]


def test_the_second_run_adds_what_the_second_sync_has_brought(analysed: Analysed) -> None:
    added = {system: len(analysed.second[system]) - len(analysed.first[system]) for system in STREAMS}
    assert added == {system: NEW + LATE if system in SYNCED_TWICE else 0 for system in STREAMS}


def test_visits_of_cloud4wi_are_as_their_json_says(analysed: Analysed) -> None:
    visits = analysed.project.rows("visits")["visits"]
    found = {row["id"]: row for row in visits if row["provider"] == "cloud4wi"}
    raw = analysed.project.warehouse.query(
        'SELECT id, CAST(event AS VARCHAR) AS event, CAST("where" AS VARCHAR) AS place FROM cloud4wi.org_events '
        "WHERE type IN ('visit', 'geo_visit')"
    )
    assert set(found) == {row["id"] for row in raw}
    for row in raw:
        visit, place, made = json.loads(row["event"])["visit"], json.loads(row["place"]), found[row["id"]]
        assert made["duration_minutes"] == visit["duration"]
        assert made["local_day"] == visit["startAtLocal"][:10]
        assert made["place"] == place.get("locationName", place.get("geofenceName"))


def test_moments_and_days_of_carecloud_are_those_of_the_project(analysed: Analysed) -> None:
    rows = analysed.project.warehouse.query(
        "SELECT id, CAST(extract(epoch FROM created_at) AS BIGINT) AS seconds, "
        "CAST(local_created_at AS VARCHAR) AS local FROM analytics.stg_carecloud__events"
    )
    known = {id: time and int(datetime.fromisoformat(time).timestamp()) for id, time in analysed.instants.items()}
    assert {row["id"]: row["seconds"] for row in rows} == known
    native = analysed.project.warehouse.query(
        "SELECT id, CAST(created_at AS VARCHAR) AS local FROM carecloud.org_events"
    )
    clock = {row["id"]: row["local"] if row["local"][0] != "0" else None for row in native}
    assert {row["id"]: row["local"] for row in rows} == clock
    assert None in clock.values()


def test_types_of_carecloud_are_named(analysed: Analysed) -> None:
    rows = [row for row in analysed.project.rows("events")["events"] if row["provider"] == "carecloud"]
    assert Counter(row["event_name"] for row in rows).keys() == {
        "purchase",
        "complaint",
        "login",
        "newsletter",
        "retired",
    }
    assert any(row["is_deleted"] for row in rows)


def test_each_property_that_occurs_is_a_column(analysed: Analysed) -> None:
    warehouse = analysed.project.warehouse
    records = warehouse.query(
        "SELECT event_id, property_id, property_value FROM analytics.stg_carecloud__property_records"
    )
    (rows,) = analysed.project.rows("stg_carecloud__properties_pivoted").values()
    found = {
        (row["event_id"], name.removeprefix("property_")): value
        for row in rows
        for name, value in row.items()
        if name.startswith("property_") and value is not None
    }
    assert found == {(record["event_id"], record["property_id"]): record["property_value"] for record in records}
    values = {record["property_id"]: record["property_value"] for record in records}
    assert values["has_purchase"] in ("true", "false")
    assert json.loads(values["colour"])[0]["id"] in ("1", "2", "3")
    assert "total" in json.loads(values["basket"])

"""The examples that end in a warehouse: what PyAirbyte loads is what the sandbox has."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from docs import generate
from integration_tests.documentation.pages import PROJECT, TIMEOUT, Outcome, Page, run_page
from integration_tests.warehouse.loading import DEMO_PYTHON, SCRIPTS, marks, said
from integration_tests.warehouse.postgres import Unavailable, running_postgres
from sandbox.process import Sandbox
from source_events import providers

pytestmark = [*marks, pytest.mark.timeout(TIMEOUT)]

EVENTS = 300


@dataclass(frozen=True)
class Loaded:
    """What the page's commands wrote, where the tables are, and what the sandbox has."""

    outcome: Outcome
    postgres: dict[str, Any]
    expected: dict[str, int]

    def query(self, sql: str, cache: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        where = cache or {"db_path": str(self.outcome.folder / "events.duckdb")}
        done = subprocess.run(
            [DEMO_PYTHON, str(SCRIPTS / "query.py"), json.dumps(where), sql], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    folder = tmp_path_factory.mktemp("page")
    try:
        with running_postgres() as postgres, Sandbox(events=EVENTS, no_example=True) as sandbox:
            outcome = run_page(
                Page(PROJECT / "examples/pyairbyte/README.md"),
                sandbox.url,
                folder,
                python=DEMO_PYTHON,
                environment={
                    "PGHOST": postgres["host"],
                    "PGPORT": str(postgres["port"]),
                    "PGUSER": postgres["username"],
                    "PGDATABASE": postgres["database"],
                    "AIRBYTE_LOGGING_ROOT": str(folder / "logs"),
                    "NO_LIVE_PROGRESS": "1",
                    "TZ": "Asia/Kathmandu",
                },
            )
            # The sandbox does not tell the ids of Swipe One's events, which have none: it tells as many texts.
            expected = {name: len(sandbox.control.event_ids(name)) for name in providers.names()}
            yield Loaded(outcome, postgres, expected)
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_the_commands_for_pyairbyte_run(loaded: Loaded) -> None:
    assert loaded.outcome.status == 0, loaded.outcome.text[-5000:]


@pytest.mark.parametrize("ugly", ["Traceback", "Exit Code", "Could not determine"])
def test_nothing_looks_broken(loaded: Loaded, ugly: str) -> None:
    logs = said(loaded.outcome.folder / "logs")
    assert logs
    assert ugly not in loaded.outcome.text + logs


@pytest.mark.parametrize("provider", providers.names())
def test_every_event_is_in_duckdb_once(loaded: Loaded, provider: str) -> None:
    names = {stream.name for stream in generate.streams_of(provider)}
    stream = "org_events" if "org_events" in names else "contact_events"
    (found,) = loaded.query(f"SELECT count(*) AS rows, count(DISTINCT id) AS ids FROM {provider}.{stream}")
    assert found == {"rows": loaded.expected[provider], "ids": loaded.expected[provider]}


@pytest.mark.parametrize("provider", providers.names())
def test_every_stream_has_a_table(loaded: Loaded, provider: str) -> None:
    tables = loaded.query(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{provider}'")
    names = {table["table_name"] for table in tables if not table["table_name"].startswith("_")}
    assert names == {stream.name for stream in generate.streams_of(provider)}


@pytest.mark.parametrize(
    ("provider", "stream"),
    [(provider, stream.name) for provider in providers.names() for stream in generate.streams_of(provider)],
)
def test_postgres_has_what_duckdb_has(loaded: Loaded, provider: str, stream: str) -> None:
    count = f"SELECT count(*) AS rows FROM {provider}.{stream}"
    (rows,) = loaded.query(count)
    assert rows["rows"] > 0
    assert loaded.query(count, loaded.postgres) == [rows]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("swipe_one.contacts", "phone"),
        ("carecloud.org_events", "data"),
        ("carecloud.property_records", "property_value"),
    ],
)
def test_fields_of_several_types_are_the_same_json_in_both(loaded: Loaded, table: str, column: str) -> None:
    values = f"SELECT id, CAST({column} AS VARCHAR) AS value FROM {table} ORDER BY id"
    duckdb, postgres = (
        {row["id"]: json.loads(row["value"] or "null") for row in loaded.query(values, cache)}
        for cache in (None, loaded.postgres)
    )
    assert duckdb == postgres
    assert any(isinstance(value, dict | list) for value in duckdb.values())


def test_a_stream_that_a_system_does_not_have_is_left_out_with_a_line(loaded: Loaded) -> None:
    line = "examples/swipe_one/config.json: left out, because the system does not have it: org_events"
    assert loaded.outcome.text.splitlines().count(line) == 1

"""The examples that end in a warehouse: what PyAirbyte loads is what the sandbox has, and the SQL counts it right."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jinja2
import pytest
import yaml

from docs import generate
from integration_tests.documentation.pages import PROJECT, TIMEOUT, Outcome, Page, run_page
from integration_tests.warehouse.loading import DEMO_PYTHON, SCRIPTS, marks, said
from integration_tests.warehouse.postgres import Unavailable, running_postgres
from sandbox.process import Sandbox
from source_events import providers

pytestmark = [*marks, pytest.mark.timeout(TIMEOUT)]

EVENTS = 300
DBT = PROJECT / "examples/dbt"
VARIABLES: dict[str, Any] = yaml.safe_load((DBT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
MODELS = ("events", "sessions", "funnel", "visits_a_day")


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
    stream = VARIABLES["streams"][provider]
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
    assert any(isinstance(value, dict) for value in duckdb.values())


def test_a_stream_that_a_system_does_not_have_is_left_out_with_a_line(loaded: Loaded) -> None:
    line = "examples/swipe_one/config.json: left out, because the system does not have it: org_events"
    assert loaded.outcome.text.splitlines().count(line) == 1


# --- SQL


def test_the_models_are_all_there() -> None:
    assert {path.stem for path in (DBT / "models").glob("*.sql")} == set(MODELS)
    assert list(VARIABLES["streams"]) == providers.names()


def test_dbt_knows_every_stream_as_a_source() -> None:
    sources = yaml.safe_load((DBT / "models/sources.yml").read_text(encoding="utf-8"))["sources"]
    tables = {source["name"]: {table["name"] for table in source["tables"]} for source in sources}
    assert tables == {name: {stream.name for stream in generate.streams_of(name)} for name in providers.names()}


def test_the_stacked_table_has_the_events_of_all_systems(loaded: Loaded) -> None:
    rows = loaded.query(f"{models('events')} SELECT provider, count(*) AS events FROM events GROUP BY provider")
    assert {row["provider"]: row["events"] for row in rows} == loaded.expected


def test_sessions_are_events_without_a_long_pause(loaded: Loaded) -> None:
    sessions = loaded.query(f"{models('sessions')} SELECT * FROM sessions")
    found = Counter((row["provider"], row["contact_id"], row["started_at"], row["events"]) for row in sessions)
    assert found == Counter(expected_sessions(events_of(loaded)))
    assert len({row["session_id"] for row in sessions}) == len(sessions)
    assert any(row["events"] > 1 for row in sessions)


def test_the_funnel_counts_contacts_that_came_so_far_in_this_order(loaded: Loaded) -> None:
    rows = loaded.query(f"{models('funnel')} SELECT * FROM funnel ORDER BY step")
    assert [(row["step"], row["type"]) for row in rows] == [*enumerate(VARIABLES["funnel"], start=1)]
    assert [row["contacts"] for row in rows] == expected_funnel(events_of(loaded))
    assert rows[-1]["contacts"] > 0


def test_visits_are_counted_by_day(loaded: Loaded) -> None:
    rows = loaded.query(f"{models('visits_a_day')} SELECT * FROM visits_a_day")
    visits = [event for event in events_of(loaded) if event["type"] in VARIABLES["visit_types"]]
    days = Counter((event["provider"], event["created_at"][:10]) for event in visits)
    assert {(row["provider"], row["day"]): row["visits"] for row in rows} == days
    visitors = {key: set[str]() for key in days}
    for event in visits:
        visitors[event["provider"], event["created_at"][:10]].add(event["contact_id"])
    assert {(row["provider"], row["day"]): row["visitors"] for row in rows} == {
        key: len(contacts) for key, contacts in visitors.items()
    }


def models(*names: str) -> str:
    """These models as common table expressions, behind the table that all of them begin with."""
    expressions = [f"{name} AS (\n{rendered(name)}\n)" for name in dict.fromkeys(("events", *names))]
    return "WITH " + ", ".join(expressions)


def rendered(name: str) -> str:
    template = jinja2.Template((DBT / f"models/{name}.sql").read_text(encoding="utf-8"))
    return template.render(
        var=VARIABLES.__getitem__, ref=lambda model: model, source=lambda schema, table: f"{schema}.{table}"
    )


def events_of(loaded: Loaded) -> list[dict[str, Any]]:
    """The events with a contact and a time, of each contact in their order."""
    complete = "contact_id IS NOT NULL AND created_at IS NOT NULL"
    events = loaded.query(f"{models('events')} SELECT * FROM events WHERE {complete}")
    return sorted(events, key=lambda event: (event["provider"], event["contact_id"], moment(event), event["id"]))


def moment(event: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(event["created_at"])


def expected_sessions(events: list[dict[str, Any]]) -> Iterator[tuple[str, str, str, int]]:
    gap = timedelta(minutes=VARIABLES["session_gap_minutes"])
    session: list[dict[str, Any]] = []
    for event in [*events, None]:
        same = event and session and contact_of(event) == contact_of(session[-1])
        if session and not (event and same and moment(event) - moment(session[-1]) <= gap):
            first = session[0]
            yield first["provider"], first["contact_id"], first["created_at"], len(session)
            session = []
        if event:
            session.append(event)


def expected_funnel(events: list[dict[str, Any]]) -> list[int]:
    """For each step, the contacts with an event of its type that is not before their first one of the step before."""
    reached = {contact_of(event): datetime.min for event in events}
    counts = []
    for kind in VARIABLES["funnel"]:
        step: dict[tuple[str, str], datetime] = {}
        for event in events:
            contact = contact_of(event)
            if event["type"] == kind and contact in reached and moment(event) >= reached[contact]:
                step.setdefault(contact, moment(event))
        reached = step
        counts.append(len(step))
    return counts


def contact_of(event: dict[str, Any]) -> tuple[str, str]:
    return event["provider"], event["contact_id"]

"""PyAirbyte loads the sandbox's events into real warehouses: each of them once, as they are, sync after sync."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from integration_tests.warehouse.loading import KINDS, Warehouse, marks, running
from sandbox.cloud4wi import CLIENT_KEY, CLIENT_SECRET, ORGANIZATION_ID
from sandbox.process import PROJECT, Sandbox

PROVIDER = "cloud4wi"
STREAMS = ("org_events", "contact_events")
EXAMPLE = json.loads((PROJECT / "sandbox/cloud4wi/example.json").read_text())["events"]
NEW, LATE = 120, 9

pytestmark = marks


@dataclass(frozen=True)
class Step:
    """After a sync: the records that it read, the ids in each table, and those that the sandbox has."""

    records: dict[str, int]
    ids: dict[str, list[str]]
    expected: list[str]


@dataclass(frozen=True)
class Load:
    """Two syncs, between them new events, of which some are late; `covered` is what the lookback covers."""

    warehouse: Warehouse
    first: Step
    covered: dict[str, int]
    second: Step


@pytest.fixture(scope="module", params=KINDS)
def load(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    with (
        running(request.param, tmp_path_factory.mktemp(request.param)) as warehouse,
        Sandbox(events=800) as sandbox,
    ):
        first = _step(warehouse, sandbox)
        covered = {stream: _events_of_the_last_day(warehouse, stream) for stream in STREAMS}
        _add_events(sandbox)
        yield Load(warehouse, first, covered, _step(warehouse, sandbox))


@pytest.fixture
def warehouse(load: Load) -> Warehouse:
    return load.warehouse


@pytest.mark.parametrize("stream", STREAMS)
def test_every_event_of_the_sandbox_arrives_exactly_once(load: Load, stream: str) -> None:
    assert sorted(load.first.ids[stream]) == sorted(load.first.expected)


@pytest.mark.parametrize("stream", STREAMS)
def test_new_and_late_events_are_added_and_none_is_doubled(load: Load, stream: str) -> None:
    assert len(load.second.expected) == len(load.first.expected) + NEW + LATE
    assert sorted(load.second.ids[stream]) == sorted(load.second.expected)


@pytest.mark.parametrize("stream", STREAMS)
def test_the_second_sync_reads_only_what_is_new_and_what_the_lookback_covers(load: Load, stream: str) -> None:
    assert load.second.records[stream] == load.covered[stream] + NEW + LATE


@pytest.mark.parametrize("stream", STREAMS)
def test_columns_have_the_types_that_the_schema_declares(warehouse: Warehouse, stream: str) -> None:
    types = warehouse.column_types("airbyte_events", stream)
    texts = {types[name] for name in ("id", "provider", "type", "organizationid", "contactid")}
    assert texts <= {"varchar", "character varying"}
    # PyAirbyte makes no column with a time zone, whatever a schema declares; what it writes there is UTC.
    assert types["createdat"].startswith("timestamp")
    assert {types[name] for name in ("event", "where", "when")} == {"json"}


@pytest.mark.parametrize("stream", STREAMS)
def test_the_envelope_is_complete(warehouse: Warehouse, stream: str) -> None:
    incomplete = warehouse.query(
        f"SELECT id FROM airbyte_events.{stream} WHERE id IS NULL OR provider <> '{PROVIDER}' OR provider IS NULL "
        f"OR type IS NULL OR createdat IS NULL OR organizationid <> '{ORGANIZATION_ID}' OR organizationid IS NULL "
        "OR contactid IS NULL"
    )
    assert incomplete == []


@pytest.mark.parametrize("stream", STREAMS)
def test_times_are_the_same_moments_as_in_the_api(warehouse: Warehouse, stream: str) -> None:
    published = "CAST((\"when\" ->> 'createdAt') AS TIMESTAMP)"
    wrong = warehouse.query(
        f"SELECT id FROM airbyte_events.{stream} "
        f"WHERE EXTRACT(epoch FROM createdat) <> EXTRACT(epoch FROM {published}) OR {published} IS NULL"
    )
    assert wrong == []


@pytest.mark.parametrize("stream", STREAMS)
def test_the_published_example_arrives_unchanged(warehouse: Warehouse, stream: str) -> None:
    ids = ", ".join(f"'{item['event']['id']}'" for item in EXAMPLE)
    rows = warehouse.query(
        "SELECT id, type, contactid, customerid, CAST(event AS VARCHAR) AS event, "
        'CAST("where" AS VARCHAR) AS "where", CAST("when" AS VARCHAR) AS "when" '
        f"FROM airbyte_events.{stream} WHERE id IN ({ids})"
    )
    objects = ("event", "where", "when")
    arrived = {row["id"]: {**row, **{name: json.loads(row[name]) for name in objects}} for row in rows}
    assert arrived == {
        item["event"]["id"]: {
            "id": item["event"]["id"],
            "type": item["event"]["type"],
            "contactid": item["customerId"],
            "customerid": item["customerId"],
            **{name: item[name] for name in objects},
        }
        for item in EXAMPLE
    }


def _step(warehouse: Warehouse, sandbox: Sandbox) -> Step:
    (records,) = warehouse.sync({"config": _config(sandbox.url), "streams": STREAMS, "schema": "airbyte_events"})
    ids = {
        stream: [row["id"] for row in warehouse.query(f"SELECT id FROM airbyte_events.{stream}")] for stream in STREAMS
    }
    return Step(records, ids, sandbox.control.event_ids(PROVIDER))


def _events_of_the_last_day(warehouse: Warehouse, stream: str) -> int:
    latest = f"SELECT max(createdat) - INTERVAL '1 DAY' FROM airbyte_events.{stream}"
    return warehouse.query(f"SELECT count(*) AS events FROM airbyte_events.{stream} WHERE createdat >= ({latest})")[0][
        "events"
    ]


def _add_events(sandbox: Sandbox) -> None:
    sandbox.control.add_events(PROVIDER, generate=NEW, start="2024-03-01T00:00:01Z", end="2024-03-20T00:00:00Z")
    sandbox.control.add_events(PROVIDER, generate=LATE, start="2024-02-29T06:00:00Z", end="2024-02-29T20:00:00Z")


def _config(url: str) -> dict[str, Any]:
    return {
        "provider": {
            "provider_type": PROVIDER,
            "organization_id": ORGANIZATION_ID,
            "client_key": CLIENT_KEY,
            "client_secret": CLIENT_SECRET,
            "api_url": url,
        },
        "start_date": "2022-06-01T00:00:00Z",
        "end_date": "2024-04-01T00:00:00Z",
    }

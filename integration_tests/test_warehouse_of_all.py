"""PyAirbyte loads all four systems into one warehouse: every table is complete, and their events can be stacked."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from integration_tests import carecloud, swipe_one
from integration_tests.connector import Json
from integration_tests.systems import STREAMS, config
from integration_tests.warehouse.loading import KINDS, Warehouse, marks, running
from sandbox.carecloud.generator import customer_id
from sandbox.process import Sandbox

EVENTS, UNDATED = 300, 3
EVENT_STREAMS = [
    (provider, stream) for provider, streams in STREAMS.items() for stream in streams if stream.endswith("_events")
]
NOT_IN_POSTGRES = {("swipe_one", "contacts"), ("carecloud", "property_records")}
"""PyAirbyte cannot write an object into a column of several types there, as `phone` and `property_value` are."""
ENVELOPE = ("id", "provider", "type", "createdat", "organizationid", "contactid")

pytestmark = marks


@dataclass(frozen=True)
class Load:
    """One sync of each system: the records that were read of each stream."""

    warehouse: Warehouse
    sandbox: Sandbox
    records: dict[str, dict[str, int]]


@pytest.fixture(scope="module", params=KINDS)
def load(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    postgres = request.param == "postgres"
    with (
        running(request.param, tmp_path_factory.mktemp(request.param)) as warehouse,
        Sandbox(events=0, contacts=10, no_example=True) as sandbox,
    ):
        for provider in STREAMS:
            given = {"events": _with_texts_only()} if postgres and provider == "carecloud" else {"generate": EVENTS}
            sandbox.control.add_events(provider, **given)
        records = warehouse.sync(
            *(
                {
                    "config": config(provider, sandbox),
                    "streams": [name for name in streams if not postgres or (provider, name) not in NOT_IN_POSTGRES],
                    "schema": provider,
                }
                for provider, streams in STREAMS.items()
            )
        )
        yield Load(warehouse, sandbox, dict(zip(STREAMS, records, strict=True)))


def _with_texts_only() -> list[Json]:
    """CareCloud's events with `data` as the documentation shows it, which may be objects and arrays as well."""
    return [
        carecloud.event(
            number,
            None if number % 100 == 99 else f"2024-02-{1 + number % 28:02d} {number % 24:02d}:30:00",
            customer_id(number % 10),
            data=json.dumps({"number": number}),
        )
        for number in range(EVENTS)
    ]


def test_each_record_that_was_read_is_a_row(load: Load) -> None:
    counts = " UNION ALL ".join(
        f"SELECT '{provider}' AS provider, '{stream}' AS stream, count(*) AS number FROM {provider}.{stream}"
        for provider, counted in load.records.items()
        for stream in counted
    )
    rows: dict[str, dict[str, int]] = {provider: {} for provider in STREAMS}
    for row in load.warehouse.query(counts):
        rows[row["provider"]][row["stream"]] = row["number"]
    assert rows == load.records
    assert {rows[provider][stream] for provider, stream in EVENT_STREAMS} == {EVENTS}
    assert min(number for counted in rows.values() for number in counted.values()) > 0


@pytest.mark.parametrize(
    ("provider", "stream"), [(provider, stream) for provider, stream in EVENT_STREAMS if provider != "swipe_one"]
)
def test_the_ids_are_those_of_the_sandbox(load: Load, provider: str, stream: str) -> None:
    rows = load.warehouse.query(f"SELECT id FROM {provider}.{stream}")
    assert sorted(row["id"] for row in rows) == sorted(load.sandbox.control.event_ids(provider))


def test_swipe_ones_events_which_have_no_ids_are_those_of_the_sandbox(load: Load) -> None:
    rows = load.warehouse.query(
        "SELECT contactid, type, createdat, CAST(properties AS VARCHAR) AS properties, "
        "CAST(createdby AS VARCHAR) AS createdby FROM swipe_one.contact_events"
    )
    found = swipe_one.contents(map(_swipe_one_record, rows))
    assert _rounded(found.elements()) == _rounded(load.sandbox.control.event_ids("swipe_one"))


def _rounded(contents: Iterable[str]) -> Counter[str]:
    """On its way to PostgreSQL, PyAirbyte makes 0.30000000000000004 of 0.3."""
    return Counter(json.dumps(json.loads(each, parse_float=lambda text: round(float(text), 6))) for each in contents)


def _swipe_one_record(row: Json) -> Json:
    time = datetime.fromisoformat(row["createdat"]).isoformat(timespec="milliseconds")
    author = json.loads(row["createdby"]) if row["createdby"] else None
    return {
        "contactId": row["contactid"],
        "type": row["type"],
        "createdAt": f"{time}Z",
        "properties": json.loads(row["properties"]),
        "createdBy": author,
    }


def test_carecloud_local_times_are_moments_in_utc_and_a_missing_one_is_null(load: Load) -> None:
    rows = load.warehouse.query("SELECT id, createdat FROM carecloud.org_events")
    found = {row["id"]: row["createdat"] and f"{row['createdat'].replace(' ', 'T')}Z" for row in rows}
    assert found == carecloud.instants(load.sandbox.url)
    assert list(found.values()).count(None) == UNDATED


@pytest.mark.parametrize(("provider", "stream"), EVENT_STREAMS)
def test_the_envelope_has_the_same_types_everywhere(load: Load, provider: str, stream: str) -> None:
    types = load.warehouse.column_types(provider, stream)
    texts = {types[name] for name in ENVELOPE if name != "createdat"}
    assert texts <= {"varchar", "character varying"}
    assert types["createdat"].startswith("timestamp")


def test_the_events_of_all_systems_can_be_stacked(load: Load) -> None:
    columns = ", ".join(ENVELOPE)
    feeds = {name: "org_events" if "org_events" in streams else "contact_events" for name, streams in STREAMS.items()}
    parts = (f"SELECT {columns} FROM {provider}.{stream}" for provider, stream in feeds.items())
    rows: list[dict[str, Any]] = load.warehouse.query(
        "SELECT provider, count(*) AS events, count(DISTINCT id) AS ids, count(type) AS types, "
        "count(createdat) AS times, count(organizationid) AS organizations, count(contactid) AS contacts "
        f"FROM ({' UNION ALL '.join(parts)}) AS stacked GROUP BY provider"
    )
    complete = dict.fromkeys(("events", "ids", "types", "times", "organizations", "contacts"), EVENTS)
    expected = dict.fromkeys(STREAMS, complete) | {"carecloud": {**complete, "times": EVENTS - UNDATED}}
    assert {row.pop("provider"): row for row in rows} == expected

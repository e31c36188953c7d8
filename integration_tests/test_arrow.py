"""Streams of every system as Arrow, in processes of their own: the records are those of a sync."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from integration_tests.documentation.pages import PROJECT, Page, run_page
from integration_tests.systems import STREAMS
from sandbox.process import Sandbox
from sandbox.provider import descriptions
from source_events import SourceEvents, arrow
from source_events.report import ReadFailed
from source_events.settings.catalogue import catalog_of

PAGE = Page(PROJECT / "docs/arrow.md")
EACH = [(system, stream) for system in STREAMS for stream in STREAMS[system]]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=400) as running:
        yield running


def configurations(sandbox: Sandbox) -> dict[str, Any]:
    return {name: description.config for name, description in descriptions(sandbox.url).items()}


def normal(value: Any) -> Any:
    """Times as instants, and numbers as numbers."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return value
        return moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value.replace(tzinfo=value.tzinfo or timezone.utc) if isinstance(value, datetime) else value


def as_record(row: dict[str, Any], schema: pa.Schema) -> dict[str, Any]:
    """A row without nulls, JSON decoded and the unknown fields in their places."""
    found = {
        name: json.loads(value) if schema.field(name).type == pa.json_() else value
        for name, value in row.items()
        if value is not None
    }
    return found | found.pop("unknownFields", {})


def compared(record: dict[str, Any]) -> str:
    values = {name: normal(value) for name, value in record.items() if value is not None and name != "unknownFields"}
    return json.dumps(values, sort_keys=True, default=str)


@pytest.mark.parametrize(("provider", "stream"), EACH)
def test_the_records_and_the_state_are_those_of_any_read(sandbox: Sandbox, provider: str, stream: str) -> None:
    config = configurations(sandbox)[provider]
    config.setdefault("end_date", "2026-01-01T00:00:00Z")
    with arrow.read(config, stream) as events:
        rows = pa.table(events).to_pylist()
    messages = list(SourceEvents().read(None, config, catalog_of(stream), []))  # type: ignore[arg-type]
    records = [message.record.data for message in messages if message.record]
    assert records
    assert sorted(compared(as_record(row, events.schema)) for row in rows) == sorted(map(compared, records))
    states = [message.state.stream for message in messages if message.state]
    assert events.state is not None
    assert states[-1] is not None
    assert events.state["stream"]["stream_state"] == vars(states[-1].stream_state)
    with arrow.read(config, stream, events.state) as again:
        number = sum(batch.num_rows for batch in again)
    assert number < len(rows) or "createdAt" not in events.state["stream"]["stream_state"]


def into_duckdb(connection: duckdb.DuckDBPyConnection, config: dict[str, Any]) -> None:
    with arrow.read(config, "org_events") as events:
        connection.register("events", events)
        connection.execute("CREATE TABLE t AS FROM events")


def test_duckdb_takes_a_stream_as_it_is(sandbox: Sandbox) -> None:
    with duckdb.connect() as connection:
        into_duckdb(connection, configurations(sandbox)["cloud4wi"])
        described = connection.execute("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 't'")
        types = dict(described.fetchall())
        assert connection.execute("SELECT count(DISTINCT id) FROM t").fetchone() == (
            len(sandbox.control.event_ids("cloud4wi")),
        )
    assert (types["createdAt"], types["when"], types["id"]) == ("TIMESTAMP WITH TIME ZONE", "JSON", "VARCHAR")


def test_duckdb_fails_with_the_error_of_a_read(sandbox: Sandbox) -> None:
    sandbox.control.add_fault(path="/organizations/", status=404, times=None)
    try:
        with duckdb.connect() as connection, pytest.raises(ReadFailed, match=r"provider\.organization_id"):
            into_duckdb(connection, configurations(sandbox)["cloud4wi"])
    finally:
        sandbox.control.clear_faults()


def test_the_page_s_programs_run(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    config = configurations(sandbox)["cloud4wi"]
    (tmp_path / "secrets/config.json").write_text(json.dumps(config), encoding="utf-8")
    outcome = run_page(PAGE, sandbox.url, tmp_path, sys.executable, {"PYTHONPATH": str(PROJECT)})
    assert outcome.status == 0, outcome.text[-4000:]
    with duckdb.connect(str(tmp_path / "events.duckdb")) as connection:
        numbers = connection.execute("SELECT count(*), count(DISTINCT id) FROM org_events").fetchone()
    events = len(sandbox.control.event_ids("cloud4wi"))
    assert numbers == (events, events)
    assert f"\n{events} events\n" in outcome.text
    assert '{"type":"LOG"' not in outcome.text

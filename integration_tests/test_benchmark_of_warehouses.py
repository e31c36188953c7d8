"""The benchmark of the way to a warehouse: what it measures, what it compares, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import psycopg2
import pytest

from benchmarks import warehouse
from benchmarks.completeness import Incomplete
from benchmarks.cost import Cost
from benchmarks.programs import Task
from benchmarks.report import judged
from benchmarks.warehouse import TARGETS, WAYS, Arrival, Place, Scale, Server, Work, arrival_of, figures_of, work_of
from integration_tests.warehouse.postgres import Unavailable, running_postgres
from sandbox.cloud4wi.streamed import StreamedFeed
from sandbox.process import Sandbox
from sandbox.provider import Options

START, END = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"
EVENTS, CONTACTS = 300, 7
OPTIONS = Options(streamed=EVENTS, contacts=CONTACTS, start=START, end=END)
OWN = [way for way in WAYS if not way.needs and not way.postgres]
ROW = Arrival("warehouse", WAYS[0].name, 1000, Cost(3.0, 1.5, 90.0), Cost(1.0, 0.5, 80.0), unit="event", server=0.25)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(streamed=EVENTS, contacts=CONTACTS, start=START, end=END) as running:
        yield running


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As DuckDB's reader gets them; here the ids are enough."""
    path = tmp_path_factory.mktemp("lines") / "lines.jsonl"
    path.write_text("".join(f'{{"id": "{each}"}}\n' for each in StreamedFeed(OPTIONS).ids_of(None)))
    return path


@pytest.mark.load
@pytest.mark.parametrize("way", OWN, ids=lambda way: way.name)
def test_all_events_arrive_by_each_way_of_the_connector_and_by_the_limits(
    way: warehouse.Way, sandbox: Sandbox, lines: Path
) -> None:
    work = work_of(way, sandbox, OPTIONS, lines, Scale())
    assert len(work.expected) == EVENTS
    run = work.run(None)
    assert run.cost.cpu > 0
    assert run.server == 0
    assert work.run(None, empty=True).cost.cpu > 0


def test_a_table_that_lacks_an_event_is_refused(sandbox: Sandbox, lines: Path, tmp_path: Path) -> None:
    way = next(way for way in OWN if way.name == warehouse.INTO_DUCKDB)
    work = work_of(way, sandbox, OPTIONS, lines, Scale())
    with duckdb.connect(str(tmp_path / warehouse.FILE)) as connection:
        connection.execute("CREATE TABLE org_events AS SELECT id FROM read_json(?) LIMIT 299", [str(lines)])
    with pytest.raises(Incomplete, match="1 of the 300 expected ones are missing"):
        work._check(Place(tmp_path))


def test_a_wrong_number_of_rows_is_refused(lines: Path, tmp_path: Path) -> None:
    way = next(way for way in OWN if way.arrived is None)
    (tmp_path / "output").write_text("299\n")
    with pytest.raises(Incomplete, match="299\n rows arrived of 300"):
        Work(way, Task("", START, END), range(300), lines)._check(Place(tmp_path))


def test_slow_programs_get_a_part_of_the_events(sandbox: Sandbox, lines: Path) -> None:
    slow = replace(OWN[0], share=0.1)
    assert len(work_of(slow, sandbox, OPTIONS, lines, Scale()).expected) == pytest.approx(30, abs=1)
    assert len(work_of(slow, sandbox, OPTIONS, lines, Scale(slow=2)).expected) == pytest.approx(60, abs=1)


def test_what_the_server_takes_is_counted() -> None:
    try:
        with running_postgres() as running:
            server = Server(f"postgresql://{running['username']}@{running['host']}:{running['port']}")
            before = server.cpu
            with server.database() as database:
                connection = psycopg2.connect(database)
                with connection.cursor() as cursor:
                    cursor.execute("SELECT sum(sqrt(number)) FROM generate_series(1, 3000000) AS numbers(number)")
                during = server.cpu - before
                connection.close()
            assert during > 0.1
            assert server.cpu - before >= during
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_a_row_comes_back_from_the_json_as_it_was() -> None:
    assert arrival_of(figures_of(ROW)) == ROW


def test_the_targets_compare_cpu_and_time_beyond_start_up() -> None:
    """A thousandth of a CPU second an event, and half of the time, is what the row has."""
    rows = [
        replace(ROW, program=name, cost=replace(ROW.cost, cpu=0.5 + times, wall=1 + 2 * times))
        for name, times in (
            (warehouse.READ, 1),
            (warehouse.INTO_MEMORY, 2),
            (warehouse.INTO_PARQUET, 2.6),
            (warehouse.INTO_DUCKDB, 3),
            (warehouse.LOAD_DUCKDB, 5),
            (warehouse.LOAD_POSTGRES, 10),
            (warehouse.PYAIRBYTE_DUCKDB, 15),
            (warehouse.PYAIRBYTE_POSTGRES, 41),
        )
    ]
    found = [(result["measured"], result["met"]) for result in judged(rows, TARGETS)]
    assert found == [
        ("2.00", True),
        ("2.60", False),
        ("90", True),
        ("90", True),
        ("5.0", True),
        (None, None),
        ("3.0", True),
        (None, None),
        ("4.1", False),
        ("4.1", True),
    ]

"""`source-events load` as people run it: into DuckDB, PostgreSQL and a folder of Parquet files."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg2
import pytest

from integration_tests.connector import COMMAND, Json, changed, once, run
from integration_tests.systems import config
from integration_tests.warehouse.postgres import Unavailable, running_postgres
from sandbox.process import Sandbox
from source_events import providers

SYSTEM = "cloud4wi"
EVENTS = 1500
PASSWORD = "fake-pass:word"
IN_A_URL = "fake-pass%3Aword"
WAREHOUSES = ("duckdb", "postgres", "parquet")
KILLS = 4


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=EVENTS, contacts=60, no_example=True) as running:
        yield running


@pytest.fixture(scope="module")
def server() -> Iterator[Json]:
    try:
        with running_postgres() as running:
            yield running
    except Unavailable as reason:
        pytest.skip(str(reason))


@dataclass
class Warehouse:
    """One to load into, and what can be asked of it."""

    to: str
    ask: Callable[[str], list[tuple[Any, ...]]]
    folder: Path | None = None

    def table(self, name: str, dataset: str = "events") -> str:
        return f"read_parquet('{self.folder}/{dataset}/{name}/*.parquet')" if self.folder else f"{dataset}.{name}"

    def ids(self, name: str, dataset: str = "events", key: str = "id") -> Counter[str]:
        return Counter(row[0] for row in self.ask(f"SELECT {key} FROM {self.table(name, dataset)}"))


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    if request.param == "postgres":
        server = request.getfixturevalue("server")
        address = f"127.0.0.1:{server['port']}"
        name = f"test_{tmp_path.name}".lower().replace("-", "_")
        url = f"postgresql://{server['username']}:{IN_A_URL}@{address}"
        ask_postgres(f"{url}/postgres", f'CREATE DATABASE "{name}"')
        return Warehouse(f"{url}/{name}", lambda question: ask_postgres(f"{url}/{name}", question))
    file = str(tmp_path / "warehouse.duckdb") if request.param == "duckdb" else ":memory:"

    def ask(question: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(file, read_only=file != ":memory:") as connection:
            return connection.execute(question).fetchall()

    if request.param == "duckdb":
        return Warehouse(f"duckdb:{file}", ask)
    return Warehouse(f"parquet:{tmp_path / 'parquet'}", ask, tmp_path / "parquet")


pytestmark = pytest.mark.load
every_warehouse = pytest.mark.parametrize("warehouse", WAREHOUSES, indirect=True)


def ask_postgres(url: str, question: str) -> list[tuple[Any, ...]]:
    connection = psycopg2.connect(url)
    try:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


@dataclass
class Loader:
    """Runs the command, with dlt's working folder in a folder of the test."""

    folder: Path
    settings: Json

    @property
    def working_folder(self) -> Path:
        return self.folder / "dlt"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "DLT_DATA_DIR": str(self.working_folder), "COLUMNS": "80"}

    def configuration(self) -> str:
        path = self.folder / "config.json"
        path.write_text(json.dumps(self.settings), encoding="utf-8")
        return str(path)

    def arguments(self, *options: str) -> list[str]:
        return [*COMMAND, "load", "--config", self.configuration(), "--dataset", "events", *options]

    def run(self, to: str, *options: str) -> subprocess.CompletedProcess[str]:
        arguments = self.arguments("--to", to, *options)
        return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False, env=self.environment)

    def killed(self, to: str, moment: float) -> int:
        """Run it, and kill it when so many seconds have passed; the exit status."""
        process = subprocess.Popen(
            self.arguments("--to", to), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.environment
        )
        try:
            return process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            return process.wait(60)


@pytest.fixture
def loader(sandbox: Sandbox, tmp_path: Path) -> Loader:
    return Loader(tmp_path, config(SYSTEM, sandbox))


@every_warehouse
def test_a_second_load_brings_what_is_new_alone(warehouse: Warehouse, loader: Loader, sandbox: Sandbox) -> None:
    every = once(sandbox.control.event_ids(SYSTEM))
    whole = loader.settings
    loader.settings = {**whole, "end_date": "2024-02-10T00:00:00Z"}
    first = loader.run(warehouse.to, "--stream", "org_events")
    assert (first.returncode, first.stderr) == (0, "")
    some = warehouse.ids("org_events")
    assert some
    assert some < every
    loader.settings = whole
    shutil.rmtree(loader.working_folder)
    second = loader.run(warehouse.to)
    assert (second.returncode, second.stderr) == (0, "")
    assert (warehouse.ids("org_events"), warehouse.ids("contact_events")) == (every, every)
    line, other, *_ = second.stdout.splitlines()
    new = EVENTS - len(some)
    read = int(line.split()[1].replace(",", ""))
    assert new < read < new + 100
    assert line.startswith(f"org_events      {read:,} read, {new:,} new, {read - new:,} again, createdAt 2024-02-")
    assert other.startswith("contact_events  1,500 read, 1,500 new, 0 again, createdAt 2024-01-")


@pytest.mark.parametrize("system", providers.names())
def test_every_stream_is_loaded_whole(system: str, sandbox: Sandbox, tmp_path: Path) -> None:
    loader = Loader(tmp_path, config(system, sandbox))
    printed = subprocess.run(
        [*COMMAND, "catalog", "--config", loader.configuration()], capture_output=True, check=True, timeout=60
    )
    catalog = json.loads(printed.stdout)
    read = run("read", config=loader.settings, catalog=catalog)
    file = tmp_path / "warehouse.duckdb"
    done = loader.run(f"duckdb:{file}")
    assert "error" not in done.stderr
    assert done.returncode == 0
    with duckdb.connect(str(file), read_only=True) as connection:
        for stream in (entry["stream"] for entry in catalog["streams"]):
            [[key]] = stream["source_defined_primary_key"]
            rows = connection.execute(f"SELECT {key} FROM events.{stream['name']}").fetchall()
            assert Counter(row[0] for row in rows) == once(record[key] for record in read.records(stream["name"]))


@every_warehouse
def test_killed_at_any_moment_it_loses_and_repeats_nothing(
    warehouse: Warehouse, loader: Loader, sandbox: Sandbox
) -> None:
    moments = random.Random(13)
    began = time.monotonic()
    assert loader.run("duckdb:" + str(loader.folder / "undisturbed.duckdb")).returncode == 0
    longest = time.monotonic() - began
    statuses = []
    for number in range(KILLS):
        # The first second and a half are imports.
        statuses.append(loader.killed(warehouse.to, moments.uniform(0.3, 1) * longest))
        if number % 2:
            shutil.rmtree(loader.working_folder, ignore_errors=True)
    assert -signal.SIGKILL in statuses
    done = loader.run(warehouse.to)
    assert (done.returncode, done.stderr) == (0, "")
    every = once(sandbox.control.event_ids(SYSTEM))
    assert (warehouse.ids("org_events"), warehouse.ids("contact_events")) == (every, every)


@every_warehouse
def test_a_full_refresh_replaces(warehouse: Warehouse, loader: Loader, sandbox: Sandbox) -> None:
    assert loader.run(warehouse.to, "--stream", "org_events").returncode == 0
    loader.settings = {**loader.settings, "end_date": "2024-01-31T23:59:59Z"}
    done = loader.run(warehouse.to, "--stream", "org_events", "--full-refresh")
    assert (done.returncode, done.stderr) == (0, "")
    found = warehouse.ids("org_events")
    assert found < once(sandbox.control.event_ids(SYSTEM))
    assert done.stdout.startswith(f"org_events  {len(found)} read, {len(found)} new, 0 again, createdAt 2024-01-")


@pytest.mark.parametrize("warehouse", ["duckdb"], indirect=True)
def test_an_older_duckdb_can_read_the_file(warehouse: Warehouse, loader: Loader) -> None:
    """dbt and PyAirbyte have older versions than a load is made with, which cannot read what the newest writes."""
    assert loader.run(warehouse.to, "--stream", "org_events").returncode == 0
    [(tags,)] = warehouse.ask("SELECT tags FROM duckdb_databases() WHERE path LIKE '%warehouse.duckdb'")
    assert tags["storage_version"].startswith("v1.2")


@every_warehouse
def test_a_list_that_is_read_as_a_whole_takes_the_place_of_its_table(
    warehouse: Warehouse, loader: Loader, sandbox: Sandbox
) -> None:
    loader.settings = config("swipe_one", sandbox)
    assert loader.run(warehouse.to, "--stream", "contacts").returncode == 0
    before = warehouse.ids("contacts")
    gone = min(before)
    sandbox.control.delete_contact("swipe_one", gone)
    # The list ends with the last rows of a page that fails: what has come so far must not be all that is left.
    sandbox.control.add_fault(path="/contacts$", skip=1, times=None, status=403)
    sandbox.control.behaviour("swipe_one", limit_cap=20)
    try:
        failed = loader.run(warehouse.to, "--stream", "contacts")
        assert (failed.returncode, warehouse.ids("contacts")) == (1, before)
        sandbox.control.clear_faults()
        done = loader.run(warehouse.to, "--stream", "contacts")
    finally:
        sandbox.control.reset()
    assert (done.returncode, done.stderr) == (0, "")
    assert warehouse.ids("contacts") == once(before.keys() - {gone})


@every_warehouse
def test_a_list_with_changes_has_the_last_version_of_each_row(
    warehouse: Warehouse, loader: Loader, sandbox: Sandbox
) -> None:
    loader.settings = config("carecloud", sandbox)
    assert loader.run(warehouse.to, "--stream", "contacts").returncode == 0
    before = warehouse.ids("contacts")
    changed_one = min(before)
    later = {"customer_id": changed_one, "last_change": "2024-03-20 12:00:00", "state": 2}
    sandbox.control.add_events("carecloud", customers=[later])
    done = loader.run(warehouse.to, "--stream", "contacts")
    assert (done.returncode, done.stderr) == (0, "")
    assert warehouse.ids("contacts") == before == once(before)
    table = warehouse.table("contacts")
    assert warehouse.ask(f"SELECT state FROM {table} WHERE id = '{changed_one}'") == [(2,)]


@every_warehouse
def test_a_stream_that_fails_leaves_the_others_loaded(warehouse: Warehouse, loader: Loader, sandbox: Sandbox) -> None:
    loader.settings = config("swipe_one", sandbox)
    assert loader.run(warehouse.to, "--stream", "contacts").returncode == 0
    sandbox.control.add_fault(path="/contacts/[^/]+/events$", times=None, status=403)
    try:
        done = loader.run(warehouse.to)
    finally:
        sandbox.control.clear_faults()
    assert done.returncode == 1
    [error] = done.stderr.splitlines()
    assert error.startswith("source-events: error: contact_events: ")
    contacts, events, *_ = done.stdout.splitlines()
    assert contacts.startswith("contacts           60 read, 0 new, 60 again")
    assert events.endswith(", failed")
    assert len(warehouse.ids("contacts")) == 60
    again = loader.run(warehouse.to)
    assert (again.returncode, again.stderr) == (0, "")
    found = warehouse.ids("contact_events")
    assert (len(found), set(found.values())) == (EVENTS, {1})


class TestErrors:
    def test_a_password_is_in_no_output(self, loader: Loader) -> None:
        """Nothing listens on the port."""
        done = loader.run(f"postgresql://someone:{IN_A_URL}@127.0.0.1:9/events", "--stream", "org_events")
        assert done.returncode == 1
        assert "connection to server" in done.stderr
        for form in (PASSWORD, IN_A_URL):
            assert form not in done.stderr + done.stdout

    def test_the_destination_may_come_from_the_environment(
        self, loader: Loader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SOURCE_EVENTS_LOAD_TO", f"duckdb:{loader.folder / 'warehouse.duckdb'}")
        arguments = loader.arguments("--stream", "org_events")
        done = subprocess.run(arguments, capture_output=True, text=True, env=loader.environment, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        monkeypatch.delenv("SOURCE_EVENTS_LOAD_TO")
        done = subprocess.run(arguments, capture_output=True, text=True, env=loader.environment, timeout=60)
        assert done.returncode == 2
        assert done.stderr.endswith(
            "say where to: --to DESTINATION, or the environment variable SOURCE_EVENTS_LOAD_TO\n"
        )

    @pytest.mark.parametrize(
        ("to", "words"),
        [
            ("sqlite:events.db", "There is no destination `sqlite:events.db`; it is duckdb:PATH, "),
            ("fakewarehouse", "dlt has no destination `fakewarehouse`."),
            ("duckdb:events.duckdb", "DuckDB calls the file events.duckdb `events`, as the dataset in it is called."),
        ],
    )
    def test_a_destination_that_there_is_not_is_one_sentence(self, to: str, words: str, loader: Loader) -> None:
        done = loader.run(to)
        assert (done.returncode, done.stdout) == (1, "")
        [line] = done.stderr.splitlines()
        assert line.startswith(f"source-events: error: {words}")

    def test_wrong_credentials_leave_what_was_loaded(self, loader: Loader, sandbox: Sandbox) -> None:
        to = f"duckdb:{loader.folder / 'warehouse.duckdb'}"
        assert loader.run(to, "--stream", "org_events").returncode == 0
        loader.settings = changed(loader.settings, {"client_secret": "a-wrong-secret-that-is-none"})
        done = loader.run(to, "--stream", "org_events", "--full-refresh")
        assert done.returncode == 1
        with duckdb.connect(str(loader.folder / "warehouse.duckdb"), read_only=True) as connection:
            assert connection.execute("SELECT count(*) FROM events.org_events").fetchall() == [(EVENTS,)]

    def test_a_second_load_at_the_same_time_is_refused(self, loader: Loader) -> None:
        to = f"duckdb:{loader.folder / 'warehouse.duckdb'}"
        assert loader.run(to, "--stream", "org_events").returncode == 0
        [path] = loader.working_folder.rglob("*.lock")
        with path.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            done = loader.run(to)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "source-events: error: Another load into this dataset is running. Wait for its end.\n"

"""`source-events load` as people run it: into DuckDB, PostgreSQL and a folder of Parquet files."""

from __future__ import annotations

import fcntl
import json
import os
import random
import re
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
import pyarrow.parquet as pq
import pytest

from integration_tests.connector import COMMAND, STREAMS, Json, changed, once, run
from integration_tests.systems import config
from integration_tests.warehouse.postgres import Unavailable, running_postgres
from integration_tests.warehouse.postgres import ask as ask_postgres
from sandbox.cloud4wi import EMPTY_ORGANIZATION_ID, ORGANIZATION_ID
from sandbox.process import Sandbox
from source_events import providers
from source_events.process.sparkline import BARS
from unit_tests.process.terminals import read_all, running, seen
from unit_tests.process.terminals import run as run_at_terminal

SYSTEM = "cloud4wi"
EVENTS = 1500
PASSWORD = "fake-pass:word"
IN_A_URL = "fake-pass%3Aword"
WAREHOUSES = ("duckdb", "postgres", "parquet")
KILLS, KILLS_OF_A_ROUND = 20, 4


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

    def count(self, name: str, dataset: str) -> int:
        """The rows of a table, which may be none; of Parquet files, those of loads that came to their end."""
        if self.folder:
            notes = (self.folder / dataset / "_dlt_loads").glob(f"source_events_{name}__*.jsonl")
            ended = {note.stem.rpartition("__")[2] for note in notes}
            files = (self.folder / dataset / name).glob("*.parquet")
            return sum(pq.read_metadata(file).num_rows for file in files if file.name.rsplit(".", 2)[0] in ended)
        try:
            return int(self.ask(f"SELECT count(*) FROM {dataset}.{name}")[0][0])
        except (duckdb.CatalogException, psycopg2.errors.UndefinedTable):
            return 0

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


@dataclass
class Loader:
    """Runs the command, with dlt's working folder in a folder of the test."""

    folder: Path
    settings: Json
    dataset: str = "events"

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
        return [*COMMAND, "load", "--config", self.configuration(), "--dataset", self.dataset, *options]

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


def summed_up(summary: str, stream: str) -> tuple[int, int, int]:
    """Records read of a stream, and how many of them were new and again there."""
    found = re.search(rf"^{stream} +([0-9,]+) read, ([0-9,]+) new, ([0-9,]+) again", summary, re.MULTILINE)
    assert found, summary
    read, new, again = (int(number.replace(",", "")) for number in found.groups())
    return read, new, again


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


@pytest.mark.timeout(900)
@every_warehouse
def test_killed_at_twenty_random_moments_it_loses_and_repeats_nothing(
    warehouse: Warehouse, loader: Loader, sandbox: Sandbox
) -> None:
    """Of every second load that is killed, dlt's working folder is lost, too."""
    every = once(sandbox.control.event_ids(SYSTEM))
    moments = random.Random(13)
    loader.dataset = "undisturbed"
    began = time.monotonic()
    assert loader.run(warehouse.to).returncode == 0
    longest = time.monotonic() - began
    kills, rounds = 0, 0
    while kills < KILLS:
        rounds += 1
        loader.dataset = f"round_{rounds}"
        for _ in range(KILLS_OF_A_ROUND):
            # What is before are imports.
            killed = loader.killed(warehouse.to, moments.uniform(0.3, 1) * longest) == -signal.SIGKILL
            kills += killed
            if killed and kills % 2:
                shutil.rmtree(loader.working_folder, ignore_errors=True)
        there = [warehouse.count(stream, loader.dataset) for stream in STREAMS]
        done = loader.run(warehouse.to)
        assert (done.returncode, done.stderr) == (0, ""), f"after {kills} kills"
        assert [warehouse.ids(stream, loader.dataset) for stream in STREAMS] == [every, every], f"after {kills} kills"
        new = [summed_up(done.stdout, stream)[1] for stream in STREAMS]
        assert new == [len(every) - rows for rows in there], f"after {kills} kills"


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


@every_warehouse
def test_another_account_is_refused(warehouse: Warehouse, loader: Loader, sandbox: Sandbox) -> None:
    """It would go on from the state of the first, and a full refresh would replace what is there."""
    assert loader.run(warehouse.to, "--stream", "org_events").returncode == 0
    renewed = changed(loader.settings, {"client_key": "another-key-of-the-same-account"})
    loader.settings = changed(loader.settings, {"organization_id": EMPTY_ORGANIZATION_ID})
    for options in ([], ["--full-refresh"]):
        done = loader.run(warehouse.to, "--stream", "org_events", *options)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"source-events: error: The dataset `events` has the data of another account: of cloud4wi "
            f"{ORGANIZATION_ID}, and not of cloud4wi {EMPTY_ORGANIZATION_ID}. Choose a dataset of its own with "
            "--dataset NAME.\n"
        )
    assert warehouse.ids("org_events") == once(sandbox.control.event_ids(SYSTEM))
    loader.settings = renewed
    done = loader.run(warehouse.to, "--stream", "org_events")
    assert "does not accept the credentials" in done.stderr


@pytest.mark.parametrize("warehouse", ["postgres"], indirect=True)
def test_an_address_may_leave_the_password_to_postgres_and_have_its_short_scheme(
    warehouse: Warehouse, loader: Loader, sandbox: Sandbox
) -> None:
    """As Airflow writes that of a connection."""
    to = warehouse.to.replace("postgresql:", "postgres:").replace(f":{IN_A_URL}@", "@")
    assert "@" in to
    done = loader.run(to, "--stream", "org_events")
    assert (done.returncode, done.stderr) == (0, "")
    assert warehouse.ids("org_events") == once(sandbox.control.event_ids(SYSTEM))


def test_what_a_bucket_is_given_again_is_not_called_new(
    loader: Loader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DESTINATION__FILESYSTEM__BUCKET_URL", (tmp_path / "bucket").as_uri())
    for read in ("1,500", r"\d+"):
        done = loader.run("filesystem", "--stream", "org_events")
        assert (done.returncode, done.stderr) == (0, "")
        assert re.match(
            rf"org_events  {read} read, added to what is there, also if it is there, createdAt ", done.stdout
        )


class TestPeople:
    """What is seen at a terminal."""

    @pytest.fixture
    def slow(self, loader: Loader, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """The arguments of a load from an API that takes its time."""
        for name, value in loader.environment.items():
            monkeypatch.setenv(name, value)
        sandbox.control.add_fault(path="/events$", delay=0.2, times=None)
        yield loader.arguments("--to", f"duckdb:{loader.folder / 'warehouse.duckdb'}")[1:]
        sandbox.control.clear_faults()

    def test_a_bar_shows_how_far_each_stream_is_and_the_summary_what_there_is(
        self, slow: list[str], tmp_path: Path
    ) -> None:
        with (tmp_path / "summary").open("wb") as file:
            status, written = run_at_terminal(slow, file)
        assert (status, seen(written)) == (0, [])
        assert re.search(r"━.* \d+% 2/4 contact_events: \d+ of 60 contacts, [\d,]+ records\r", written)
        assert " 1/4 org_events: 1,500 records read, loading them" in written
        lines = (tmp_path / "summary").read_text(encoding="utf-8").splitlines()
        place = lines.index("What was read of org_events, by type, 2024-01-01 to 2024-02-29")
        head, rule, *rows = lines[place + 1 : lines.index("", place)]
        assert re.split("  +", head.strip()) == ["type", "9 bars of a week", "events"]
        assert set(rule) == {"─"}
        assert sum(int(row.split()[-1]) for row in rows) == EVENTS
        assert all(set(row[16:25]) <= set(BARS) for row in rows)
        assert lines[-1].startswith("To go on: duckdb /")

    @pytest.mark.parametrize("moment", ["asking the warehouse", "announced so far", "loading them"])
    def test_ctrl_c_is_answered_with_what_to_do(self, moment: str, slow: list[str]) -> None:
        # Drawn so often that no moment is missed.
        hurry = "from source_events.process import progress; progress.DRAW_EVERY = 0.01; "
        with running(
            ["-c", f"{hurry}from source_events import cli; cli.run()", *slow[2:]], stdout=subprocess.DEVNULL
        ) as (process, terminal):
            written = ""
            while moment not in written:
                written += os.read(terminal, 1 << 16).decode()
            process.send_signal(signal.SIGINT)
            written += read_all(terminal)
            assert process.wait(10) == -signal.SIGINT
        assert seen(written) == ["source-events: stopped; load again: it goes on from what the warehouse has."]


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
            (
                "postgresql://127.0.0.1/events",
                "There is no destination `postgresql://127.0.0.1/events`; it is duckdb:PATH",
            ),
            ("parquet:a[b]/events", "dlt finds no file below a folder with one of * ? [ in its name: a[b]/events."),
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

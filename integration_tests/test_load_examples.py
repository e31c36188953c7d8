"""The recipes of examples/load, and README's way to a warehouse: run where they can be run."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from integration_tests.documentation.pages import PROJECT, Outcome, Page, run_commands, run_page
from integration_tests.documentation.pages import addresses as addresses_of
from integration_tests.warehouse.loading import DEMO_PYTHON
from integration_tests.warehouse.postgres import Unavailable, running_postgres
from sandbox.process import Sandbox

pytestmark = pytest.mark.load

FOLDER = PROJECT / "examples/load"
EVENTS = 300


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=EVENTS, no_example=True) as running:
        yield running


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    try:
        with running_postgres() as running:
            yield f"postgresql://{running['username']}@{running['host']}:{running['port']}/{running['database']}"
    except Unavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"DLT_DATA_DIR": str(tmp_path / "dlt"), "COLUMNS": "80"}


def rows(file: Path, table: str) -> int:
    with duckdb.connect(str(file), read_only=True) as connection:
        [[number]] = connection.execute(f"SELECT count(DISTINCT id) FROM {table}").fetchall()
        return int(number)


def run(commands: list[str], sandbox: Sandbox, folder: Path, environment: dict[str, str]) -> Outcome:
    return run_commands(commands, addresses_of(sandbox.url), folder, environment=environment)


def test_the_readmes_way_to_a_warehouse_is_three_lines(
    sandbox: Sandbox, tmp_path: Path, environment: dict[str, str]
) -> None:
    page = Page(PROJECT / "README.md")
    [block] = [block for block in page.blocks("sh") if "source-events load" in block.text]
    install, *others = block.text.splitlines()
    assert install == "pip install '.[load]'"
    assert len(others) == 2
    # The page before it has made the configuration.
    made = ["mkdir -p secrets", "cp examples/cloud4wi/config.json secrets/"]
    outcome = run([*made, *others], sandbox, tmp_path, environment)
    assert outcome.status == 0, outcome.text
    assert rows(tmp_path / "events.duckdb", "cloud4wi.org_events") == EVENTS
    assert "geo_visit" in outcome.text.rpartition("To go on: ")[2]


def test_the_page_s_commands_run(sandbox: Sandbox, database: str, tmp_path: Path, environment: dict[str, str]) -> None:
    given = {**environment, "SOURCE_EVENTS_LOAD_TO": database}
    outcome = run_page(Page(FOLDER / "README.md"), sandbox.url, tmp_path, environment=given)
    assert outcome.status == 0, outcome.text
    assert rows(tmp_path / "events.duckdb", "cloud4wi.org_events") == EVENTS
    assert f"org_events      {EVENTS} read, {EVENTS} new, 0 again" in outcome.text
    assert "The newest event of cloud4wi.org_events is of 2024-02-29 " in outcome.text


def test_the_notebook_s_cells_run_one_after_the_other(
    sandbox: Sandbox, tmp_path: Path, environment: dict[str, str]
) -> None:
    """As a notebook runs them, the value of a cell's last expression is shown."""
    notebook = json.loads((FOLDER / "events.ipynb").read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")] == []
    program = f"""
import ast, json, sys
names = {{}}
for cell in json.loads({json.dumps(json.dumps(cells))}):
    *statements, last = ast.parse(cell).body
    exec(compile(ast.Module(statements, []), "cell", "exec"), names)
    if isinstance(last, ast.Expr):
        print(eval(compile(ast.Expression(last.value), "cell", "eval"), names))
    else:
        exec(compile(ast.Module([last], []), "cell", "exec"), names)
print(names["weeks"]["events"].sum(), names["places"].height, "in all")
"""
    (tmp_path / "cells.py").write_text(program, encoding="utf-8")
    outcome = run(["python cells.py"], sandbox, tmp_path, environment)
    assert outcome.status == 0, outcome.text
    total, places, *_ = outcome.text.splitlines()[-1].split()
    assert int(total) == EVENTS
    assert int(places) > 1


class TestScript:
    """`load.sh` with a program in the connector's place, whose statuses it is given one after the other."""

    def run(self, folder: Path, *statuses: int) -> tuple[int, list[str]]:
        """The script's status, and how each call was made."""
        program = folder / "program"
        program.write_text(
            '#!/bin/sh\necho "$SOURCE_EVENTS_LOAD_TO $*" >> calls\nstatus=$(head -1 statuses)\nsed -i 1d statuses\n'
            "exit $status\n",
            encoding="utf-8",
        )
        program.chmod(0o755)
        (folder / "statuses").write_text("".join(f"{status}\n" for status in statuses), encoding="utf-8")
        (folder / "secrets").mkdir(exist_ok=True)
        shutil.copy(FOLDER / "load.env", folder / "secrets/load.env")
        given = {**os.environ, "PROGRAM": str(program), "PAUSE": "0"}
        command = [FOLDER / "load.sh", "secrets/config.json", "--stream", "org_events"]
        done = subprocess.run(command, cwd=folder, env=given, timeout=60)
        return done.returncode, (folder / "calls").read_text(encoding="utf-8").splitlines()

    @pytest.mark.parametrize(
        ("statuses", "status", "calls"),
        [((0,), 0, 1), ((1, 0), 0, 2), ((1, 1, 1), 1, 3), ((2,), 2, 1), ((143,), 143, 1)],
        ids=["loaded", "mended by time", "failed", "called wrongly", "stopped"],
    )
    def test_what_time_may_mend_is_tried_again(
        self, statuses: tuple[int, ...], status: int, calls: int, tmp_path: Path
    ) -> None:
        found, made = self.run(tmp_path, *statuses)
        assert (found, len(made)) == (status, calls)
        address = (FOLDER / "load.env").read_text(encoding="utf-8").strip().partition("=")[2]
        assert set(made) == {f"{address} load --config secrets/config.json --stream org_events"}

    def test_it_loads(self, sandbox: Sandbox, tmp_path: Path, environment: dict[str, str]) -> None:
        to = f"duckdb:{tmp_path / 'events.duckdb'}"
        command = "examples/load/load.sh examples/cloud4wi/config.json --stream org_events"
        outcome = run([command], sandbox, tmp_path, {**environment, "SOURCE_EVENTS_LOAD_TO": to})
        assert outcome.status == 0, outcome.text
        assert rows(tmp_path / "events.duckdb", "cloud4wi.org_events") == EVENTS


def test_old_events_are_told_by_the_status(sandbox: Sandbox, tmp_path: Path, environment: dict[str, str]) -> None:
    load = "source-events load --config examples/cloud4wi/config.json --to duckdb:events.duckdb"
    newest = "python examples/load/newest.py duckdb:events.duckdb cloud4wi.org_events"
    outcome = run([load, f"{newest} --hours 24 && exit 3 || exit $?"], sandbox, tmp_path, environment)
    assert outcome.status == 1
    assert "is of 2024-02-29 " in outcome.text


@pytest.mark.skipif(not Path(DEMO_PYTHON).is_file(), reason="DEMO_PYTHON names no environment with PyAirbyte")
def test_the_demo_loads_into_one_s_own_database_too(tmp_path: Path, environment: dict[str, str]) -> None:
    to = tmp_path / "mine.duckdb"
    given = {**environment, "DEMO_FOLDER": str(tmp_path / "demo"), "SOURCE_EVENTS_LOAD_TO": f"duckdb:{to}"}
    done = subprocess.run(
        [DEMO_PYTHON, "-m", "demo", "--events=120", "--new=20", "--contacts=5", "--provider=cloud4wi"],
        cwd=PROJECT,
        env={**os.environ, **given, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "org_events      140 read, 140 new, 0 again" in done.stdout.partition("dataset demo_cloud4wi, ")[2]
    assert rows(to, "demo_cloud4wi.org_events") == 140


def unit(name: str) -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=False, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read(FOLDER / name)
    return found


def test_the_service_makes_a_call_that_the_program_understands() -> None:
    program, command, *options = unit("source-events.service")["Service"]["ExecStart"].split()
    assert (program, command) == ("/opt/source-events/.venv/bin/source-events", "load")
    assert understood([command, *options], {"SOURCE_EVENTS_LOAD_TO": "duckdb:events.duckdb"})


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_the_units_are_as_systemd_wants_them(tmp_path: Path) -> None:
    for name in ("source-events.service", "source-events.timer"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        # The program is looked for, and it is not there.
        (tmp_path / name).write_text(text.replace("/opt/source-events/.venv/bin/source-events", "/bin/true"))
    command = ["systemd-analyze", "verify", tmp_path / "source-events.service", tmp_path / "source-events.timer"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    own = [line for line in done.stderr.splitlines() if "source-events" in line]
    assert (done.returncode, own) == (0, [])


def test_the_crontab_calls_the_script() -> None:
    [block] = [block for block in Page(FOLDER / "README.md").blocks("") if "MAILTO" in block.text]
    settings, line = block.text.splitlines()
    assert settings.startswith("MAILTO=")
    *times, script, config, _, _ = line.split()
    assert times == ["7", "*", "*", "*", "*"]
    assert Path(script).relative_to("/opt/source-events") == FOLDER.relative_to(PROJECT) / "load.sh"
    assert config.endswith("/config.json")


class TestWorkflow:
    workflow = yaml.safe_load((FOLDER / "github-actions.yml").read_text(encoding="utf-8"))

    def run(self, sandbox: Sandbox, folder: Path, environment: dict[str, str], **config: Any) -> Outcome:
        """Its steps, as far as they are commands and install nothing."""
        document = json.loads((PROJECT / "examples/cloud4wi/config.json").read_text(encoding="utf-8"))
        document["provider"] |= config
        secrets = {
            "secrets.EVENTS_CONFIG": json.dumps(document),
            "secrets.EVENTS_WAREHOUSE": f"duckdb:{folder / 'events.duckdb'}",
        }
        steps = [step for step in self.workflow["jobs"]["load"]["steps"] if "pip" not in step.get("run", "pip")]
        given = {name: secrets[value.strip("${ }")] for step in steps for name, value in step["env"].items()}
        (folder / "summary.md").touch()
        runner = {"RUNNER_TEMP": str(folder), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
        commands = ["sleep() { :; }", *(step["run"] for step in steps)]
        return run(commands, sandbox, folder, {**environment, **given, **runner})

    def test_it_loads_and_leaves_the_summary(
        self, sandbox: Sandbox, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        outcome = self.run(sandbox, tmp_path, environment)
        assert outcome.status == 0, outcome.text
        assert rows(tmp_path / "events.duckdb", "cloud4wi.org_events") == EVENTS
        assert "What was read of org_events" in (tmp_path / "summary.md").read_text(encoding="utf-8")

    def test_it_fails_with_the_status_of_the_load(
        self, sandbox: Sandbox, tmp_path: Path, environment: dict[str, str]
    ) -> None:
        outcome = self.run(sandbox, tmp_path, environment, client_secret="a-wrong-secret-that-is-none")
        assert outcome.status == 1
        assert outcome.text.count("source-events: error: org_events: Cloud4Wi does not accept the credentials") == 3


def test_the_dag_makes_a_call_that_the_program_understands(tmp_path: Path) -> None:
    """With what the DAG takes of Airflow in its place, since Airflow itself needs an environment of its own."""
    places = {
        "airflow/sdk.py": "class DAG:\n"
        "    def __init__(self, *names, **settings): print(names, sorted(settings))\n"
        "    def __enter__(self): return self\n"
        "    def __exit__(self, *error): pass\n",
        "airflow/providers/standard/operators/bash.py": "import json\n"
        "def BashOperator(*, task_id, bash_command, env, append_env, execution_timeout):\n"
        "    print(json.dumps([bash_command, env]))\n",
    }
    for name, text in places.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, FOLDER / "airflow_dag.py"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    command, environment = json.loads(done.stdout.splitlines()[-1])
    word, program, *arguments = command.replace("{{ var.value.events_config }}", "config.json").split()
    assert (word, program) == ("exec", "/opt/source-events/.venv/bin/source-events")
    assert understood(arguments, dict.fromkeys(environment, "postgresql://a:b@c/d"))


def understood(arguments: list[str], environment: dict[str, str]) -> bool:
    """Whether the program takes these arguments; it does nothing with them."""
    code = f"from source_events.cli import check_usage; print(check_usage({arguments!r}).to)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, timeout=60
    )
    return done.returncode == 0

"""The demo as a process, with few events: it succeeds, is readable, and leaves behind what it announces."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from demo.providers import PROVIDERS
from integration_tests.warehouse.loading import DEMO_PYTHON, Warehouse, marks, said
from sandbox.process import PROJECT

EVENTS, NEW = 120, 20
TITLES = {provider.name: provider.title for provider in PROVIDERS}
ENVELOPE = ["id", "provider", "type", "createdAt", "organizationId", "contactId"]

pytestmark = marks


@dataclass(frozen=True)
class Demo:
    """What the demo has written, with its output in a pipe, and how it ended."""

    status: int
    text: str
    folder: Path

    @property
    def warehouse(self) -> Warehouse:
        return Warehouse({"db_path": str(self.folder / "events.duckdb")}, self.folder)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    (folder / "kept.txt").write_text("not the demo's")
    done = subprocess.run(
        [DEMO_PYTHON, "-m", "demo", f"--events={EVENTS}", f"--new={NEW}", "--contacts=5"],
        cwd=PROJECT,
        env={**os.environ, "DEMO_FOLDER": str(folder), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=240,
    )
    return Demo(done.returncode, done.stdout + done.stderr, folder)


def test_it_succeeds_and_finds_nothing_wrong(demo: Demo) -> None:
    assert demo.status == 0, demo.text
    assert "FAILED" not in demo.text
    assert demo.text.count("each once") == 2 * len(TITLES) + 1


def test_every_system_occurs_and_every_line_fits_into_a_terminal_without_colour(demo: Demo) -> None:
    for provider, title in TITLES.items():
        assert f"{title}: first sync" in demo.text
        assert f"{title}: second sync" in demo.text
        assert provider in demo.text
    report = demo.text.partition("A question to go on with")[0]
    assert max(map(len, report.splitlines())) <= 80
    assert "\x1b" not in demo.text


def test_the_view_has_the_events_of_all_systems(demo: Demo) -> None:
    rows = demo.warehouse.query("SELECT provider, count(*) AS events FROM all_events GROUP BY provider")
    assert {row["provider"]: row["events"] for row in rows} == dict.fromkeys(TITLES, EVENTS + NEW)
    assert list(demo.warehouse.query("SELECT * FROM all_events LIMIT 1")[0]) == ENVELOPE


def test_the_question_to_go_on_with_can_be_asked(demo: Demo) -> None:
    rows = demo.warehouse.query((demo.folder / "query.sql").read_text())
    (undated,) = demo.warehouse.query('SELECT count(*) AS events FROM all_events WHERE "createdAt" IS NULL')
    totals = {provider: sum(row[provider] for row in rows) for provider in TITLES}
    # Some of CareCloud's have no time, and so no week.
    assert totals == {**dict.fromkeys(TITLES, EVENTS + NEW), "carecloud": EVENTS + NEW - undated["events"]}


def test_nothing_looks_broken_in_what_it_says_and_logs(demo: Demo) -> None:
    logs = (demo.folder / "pyairbyte.log").read_text(encoding="utf-8") + said(demo.folder / "logs")
    assert "org_events" in logs
    for ugly in ("Traceback", "Exit Code", "exit_code"):
        assert ugly not in demo.text + logs


def test_what_else_is_in_its_folder_stays(demo: Demo) -> None:
    assert (demo.folder / "kept.txt").read_text() == "not the demo's"

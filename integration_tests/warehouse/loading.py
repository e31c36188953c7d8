"""Warehouses that PyAirbyte loads into: its interpreter, and what it is asked to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration_tests.warehouse.postgres import Unavailable, running_postgres

SCRIPTS = Path(__file__).resolve().parent
GIVEN = os.environ.get("DEMO_PYTHON", "")
DEMO_PYTHON = GIVEN and str(Path(GIVEN).absolute())
KINDS = ("duckdb", "postgres")

marks = [
    pytest.mark.warehouse,
    pytest.mark.skipif(
        not os.access(DEMO_PYTHON or "/", os.X_OK) or not Path(DEMO_PYTHON).is_file(),
        reason="DEMO_PYTHON does not name the interpreter of an environment with PyAirbyte",
    ),
]
"""Of tests that need PyAirbyte."""


@dataclass(frozen=True)
class Warehouse:
    """A warehouse as the scripts that PyAirbyte's interpreter runs know it, and a folder for their files."""

    cache: dict[str, Any]
    folder: Path

    def sync(self, *syncs: Mapping[str, Any]) -> list[dict[str, int]]:
        """Syncs one after the other: each a `config`, `streams` and the `schema` of their tables.

        Returns, for each sync, the records that were read of each stream.
        """
        file = self.folder / "syncs.json"
        file.write_text(json.dumps(syncs))
        counts: list[dict[str, int]] = self._run(
            "sync.py",
            f"--connector={Path(sys.executable).with_name('source-events')}",
            f"--cache={json.dumps(self.cache)}",
            f"--files={self.folder / 'files'}",
            str(file),
        )
        return counts

    def query(self, sql: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._run("query.py", json.dumps(self.cache), sql)
        return rows

    def column_types(self, schema: str, table: str) -> dict[str, str]:
        columns = self.query(
            "SELECT column_name, lower(data_type) AS data_type FROM information_schema.columns "
            f"WHERE table_schema = '{schema}' AND table_name = '{table}'"
        )
        return {column["column_name"]: column["data_type"] for column in columns}

    def _run(self, script: str, *arguments: str) -> Any:
        # Far from UTC, so that a time that is taken for a local one shows.
        environment = {**os.environ, "TZ": "Asia/Kathmandu", "AIRBYTE_LOGGING_ROOT": str(self.folder / "logs")}
        done = subprocess.run(
            [DEMO_PYTHON, str(SCRIPTS / script), *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-5000:]
        return json.loads(done.stdout.splitlines()[-1])


def said(logs: Path) -> str:
    """What PyAirbyte has written to files in a folder, the connector's own log lines too."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(logs.rglob("*")) if path.is_file())


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Warehouse]:
    """An empty warehouse of one of the `KINDS`; the test is skipped where there is none."""
    if kind == "duckdb":
        yield Warehouse({"db_path": str(folder / "events.duckdb")}, folder)
        return
    try:
        with running_postgres() as cache:
            yield Warehouse(cache, folder)
    except Unavailable as reason:
        pytest.skip(str(reason))

"""dbt in an environment of its own: a copy of a project of the examples, and what it builds in a warehouse."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from integration_tests.documentation.pages import Page
from integration_tests.warehouse.loading import Warehouse
from sandbox.process import PROJECT

GIVEN = os.environ.get("DBT", "")
DBT = GIVEN and str(Path(GIVEN).absolute())
TIME_ZONE = "Asia/Kathmandu"
"""Of the sessions: far from UTC, so that a time that is taken for a local one shows."""

marks = [
    pytest.mark.dbt,
    pytest.mark.skipif(not shutil.which(DBT or "/"), reason="DBT does not name the program of an environment with dbt"),
]
"""Of tests that need dbt."""


def environment(warehouse: Warehouse) -> dict[str, str]:
    """What the examples' profiles read, and where they find the programs that they name."""
    cache = warehouse.cache
    if "db_path" in cache:
        place = {"EVENTS_DATABASE": cache["db_path"]}
    else:
        place = {
            "PGHOST": cache["host"],
            "PGPORT": str(cache["port"]),
            "PGUSER": cache["username"],
            "PGDATABASE": cache["database"],
        }
    return {
        **place,
        "DBT_TARGET": "duckdb" if "db_path" in cache else "postgres",
        "PATH": f"{Path(DBT).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TZ": TIME_ZONE,
        "PGTZ": TIME_ZONE,
        "DO_NOT_TRACK": "1",
        "NO_COLOR": "1",
    }


@dataclass(frozen=True)
class Project:
    """A copy of a project of the examples beside one of the package, for one warehouse."""

    folder: Path
    warehouse: Warehouse

    @classmethod
    def copied(cls, name: str, warehouse: Warehouse) -> Project:
        built = shutil.ignore_patterns("target", "logs", "dbt_packages", "package-lock.yml", "*.duckdb")
        folder = warehouse.folder / "examples" / name
        shutil.copytree(PROJECT / "dbt", warehouse.folder / "dbt", ignore=built, dirs_exist_ok=True)
        shutil.copytree(PROJECT / "examples" / name, folder, ignore=built)
        return cls(folder, warehouse)

    def run_page(self) -> str:
        """Run the commands of the project's page; what they wrote."""
        return self._run(
            ["bash", "-eux", "-c", "\n".join(Page(self.folder / "README.md").commands)], self.warehouse.folder
        )

    def run(self, *arguments: str, fails: bool = False) -> str:
        """Run a command of dbt; what it wrote."""
        return self._run([DBT, *arguments], self.folder, fails)

    def rows(self, *models: str) -> dict[str, list[dict[str, Any]]]:
        """All rows of each of the models."""
        parts = (
            f"SELECT '{model}' AS model, CAST(to_json({model}) AS VARCHAR) AS content FROM analytics.{model}"
            for model in models
        )
        found: dict[str, list[dict[str, Any]]] = {model: [] for model in models}
        for row in self.warehouse.query(" UNION ALL ".join(parts)):
            found[row["model"]].append(json.loads(row["content"]))
        return found

    def _run(self, command: list[str], folder: Path, fails: bool = False) -> str:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **environment(self.warehouse)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        assert (done.returncode != 0) is fails, done.stdout[-6000:]
        return done.stdout

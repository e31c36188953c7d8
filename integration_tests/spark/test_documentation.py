"""The pages' programs, and the cells of the notebook, run as they stand there."""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pytest

from integration_tests.documentation.pages import PROJECT, Page, run_page
from integration_tests.spark.conftest import configuration
from sandbox.process import Sandbox

pytestmark = pytest.mark.spark

NOTEBOOK = PROJECT / "examples/spark/notebook.py"


@pytest.fixture
def folder(sandbox: Sandbox, tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    config = configuration(sandbox, "cloud4wi")
    (tmp_path / "secrets/config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path


def run(page: str, sandbox: Sandbox, folder: Path) -> str:
    environment = {"PYTHONPATH": str(PROJECT), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    kept = {name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ}
    outcome = run_page(Page(PROJECT / page), sandbox.url, folder, sys.executable, {**kept, **environment})
    assert outcome.status == 0, outcome.text[-4000:]
    return outcome.text


def ids(folder: Path) -> Counter[str]:
    return Counter(pyarrow.dataset.dataset(folder, exclude_invalid_files=True).to_table(["id"])["id"].to_pylist())


def test_the_page_s_programs_run(sandbox: Sandbox, folder: Path) -> None:
    text = run("docs/spark.md", sandbox, folder)
    assert "PushedFilters: [IsNotNull(createdAt), IsNotNull(type), GreaterThanOrEqual(createdAt," in text
    assert ids(folder / "stream/events") == Counter(dict.fromkeys(sandbox.control.event_ids("cloud4wi"), 1))


def test_the_examples_run(sandbox: Sandbox, folder: Path) -> None:
    run("examples/spark/README.md", sandbox, folder)
    every = Counter(dict.fromkeys(sandbox.control.event_ids("cloud4wi"), 1))
    assert ids(folder / "events") == every
    assert ids(folder / "stream/events") == every


def test_the_cells_of_the_notebook_run(sandbox: Sandbox, spark: Any, tmp_path: Path) -> None:
    """All but the merge, which needs a table that can be changed: what is merged is collected."""
    config, merged = json.dumps(configuration(sandbox, "cloud4wi")), Counter[str]()

    class Secrets:
        def get(self, scope: str, key: str) -> str:
            return {("source-events", "config"): config}[scope, key]

    class Utilities:
        secrets = Secrets()

    def merge(batch: Any, number: int) -> None:
        merged.update(row.id for row in batch.select("id").collect())

    shown: list[Any] = []
    names: dict[str, Any] = {
        "spark": spark,
        "dbutils": Utilities(),
        "display": lambda frame: shown.extend(frame.collect()),
    }
    for cell in cells():
        if "saveAsTable" in cell:
            cell = cell.partition("\n")[2]
        cell = cell.replace("/Volumes/main/default/source_events", str(tmp_path / "checkpoint"))
        exec(compile(cell, str(NOTEBOOK), "exec"), names)
        if "def merge" in cell:
            names["merge"] = merge
    assert shown
    assert merged == Counter(dict.fromkeys(sandbox.control.event_ids("cloud4wi"), 1))


def cells() -> Iterator[str]:
    for cell in NOTEBOOK.read_text(encoding="utf-8").split("# COMMAND ----------\n"):
        yield "\n".join(line for line in cell.strip().split("\n") if not line.startswith("# MAGIC"))

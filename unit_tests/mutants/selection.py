"""A pytest plugin: notes how long each test takes, or runs those that a list names, in its order."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

NOTE, LIST = "MUTANTS_NOTE", "MUTANTS_LIST"
"""Variables of the environment with the file to write, or to read."""
seconds: dict[str, float] = {}
failed: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    seconds[report.nodeid] = round(seconds.get(report.nodeid, 0.0) + report.duration, 3)
    if report.failed:
        failed.append(report.nodeid)


def pytest_sessionfinish() -> None:
    if path := os.environ.get(NOTE):
        Path(path).write_text(json.dumps({"seconds": seconds, "failed": failed}), encoding="utf-8")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not (path := os.environ.get(LIST)):
        return
    listed: dict[str, list[str]] = json.loads(Path(path).read_text(encoding="utf-8"))
    # Tests that have been written since, nobody knows: they come first.
    places = {name: place for place, name in enumerate(listed["tests"])}
    left_out = set(listed["others"])
    config.hook.pytest_deselected(items=[item for item in items if item.nodeid in left_out])
    items[:] = sorted(
        (item for item in items if item.nodeid not in left_out), key=lambda item: places.get(item.nodeid, -1)
    )

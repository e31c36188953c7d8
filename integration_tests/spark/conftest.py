"""Spark in this process, on two threads, and a sandbox."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from sandbox.process import Sandbox
from sandbox.provider import descriptions

# `make spark-test` has an environment with Spark.
collect_ignore_glob = [] if find_spec("pyspark") else ["test_*.py"]

CONFIDENTIAL = {"client_secret", "api_key", "api_secret", "password"}
Frame = Callable[..., Any]


def configuration(sandbox: Sandbox, provider: str, **fields: Any) -> dict[str, Any]:
    return {"end_date": "2026-01-01", **descriptions(sandbox.url)[provider].config, **fields}


@pytest.fixture(scope="session", autouse=True)
def environment() -> None:
    """Executors are to run the Python that runs this, and nothing is to listen to the network."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")


@pytest.fixture(scope="session")
def event_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where Spark writes all that its pages show."""
    return tmp_path_factory.mktemp("event-log")


@pytest.fixture(scope="session")
def spark(environment: None, event_log: Path) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    from source_events.spark import EventsDataSource

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.eventLog.enabled", "true")
        .config("spark.eventLog.compress", "false")
        .config("spark.eventLog.dir", event_log.as_uri())
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.sql.python.filterPushdown.enabled", "true")
        .getOrCreate()
    )
    session.dataSource.register(EventsDataSource)
    yield session
    session.stop()


@pytest.fixture(scope="session")
def frame(spark: Any) -> Frame:
    def frame(config: dict[str, Any], stream: str = "org_events", schema: str | None = None, **options: Any) -> Any:
        reader = spark.read.format("source_events").options(config=json.dumps(config), stream=stream, **options)
        return (reader.schema(schema) if schema else reader).load()

    return frame


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=400) as running:
        yield running


@pytest.fixture(autouse=True)
def as_at_the_start(request: pytest.FixtureRequest) -> None:
    if "sandbox" in request.fixturenames:
        request.getfixturevalue("sandbox").control.reset()

"""A stream as a stream: what each micro-batch reads, and what becomes of it when the driver is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from integration_tests.documentation.pages import PROJECT
from integration_tests.spark.conftest import configuration
from sandbox.process import Sandbox

pytestmark = pytest.mark.spark


def streamed(spark: Any, config: dict[str, Any], stream: str = "org_events", **options: Any) -> Any:
    reader = spark.readStream.format("source_events").options(config=json.dumps(config), stream=stream, **options)
    return reader.load()


def into(frame: Any, folder: Path, **trigger: Any) -> Any:
    writer = frame.writeStream.format("parquet").option("checkpointLocation", str(folder / "checkpoint"))
    return writer.trigger(**trigger).start(str(folder / "events"))


def read_all(frame: Any, folder: Path) -> list[dict[str, Any]]:
    """A run that reads what there is; what it says of its batches."""
    query = into(frame, folder, availableNow=True)
    query.awaitTermination()
    return list(query.recentProgress)


def written(spark: Any, folder: Path) -> Counter[str]:
    return Counter(row.id for row in spark.read.parquet(str(folder / "events")).select("id").collect())


def once(ids: Any) -> Counter[str]:
    return Counter(dict.fromkeys(ids, 1))


def since_now(**difference: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(**difference)).strftime("%Y-%m-%dT%H:%M:%SZ")


def until(condition: Callable[[], Any], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


@pytest.fixture
def own() -> Any:
    """A sandbox to which events are added."""
    with Sandbox(events=300) as running:
        yield running


def recent(sandbox: Sandbox, **fields: Any) -> dict[str, Any]:
    """A configuration that reads to the present."""
    config = configuration(sandbox, "cloud4wi", **fields)
    del config["end_date"]
    return config


def test_each_run_reads_what_is_new_and_the_lookback(own: Sandbox, spark: Any, tmp_path: Path) -> None:
    config = recent(own, lookback_window="PT1H")
    frame = streamed(spark, config)
    read_all(frame, tmp_path)
    before = own.control.event_ids("cloud4wi")
    assert written(spark, tmp_path) == once(before)
    own.control.add_events("cloud4wi", generate=5, seed=2, start=since_now(minutes=-20), end=since_now(minutes=-10))
    time.sleep(1)
    own.control.clear_requests()
    read_all(frame, tmp_path)
    late = set(own.control.event_ids("cloud4wi")) - set(before)
    assert len(late) == 5
    assert written(spark, tmp_path) == once([*before, *late])
    asked = [each["query"]["dateStart"] for each in own.control.requests() if each["method"] == "GET"]
    assert all(since_now(hours=-1, minutes=-2) < start < since_now(minutes=-59) for start in asked)
    assert len(own.control.requests()) <= 5
    read_all(frame, tmp_path)
    assert written(spark, tmp_path) == once(before) + Counter(dict.fromkeys(late, 2))


def test_what_comes_again_is_dropped_within_the_watermark(own: Sandbox, spark: Any, tmp_path: Path) -> None:
    config = recent(own, start_date=since_now(days=-30))
    own.control.add_events("cloud4wi", generate=20, seed=2, start=since_now(hours=-5), end=since_now(hours=-1))
    frame = streamed(spark, config).withWatermark("createdAt", "1 day").dropDuplicatesWithinWatermark(["id"])
    for _ in range(3):
        read_all(frame, tmp_path)
        time.sleep(1)
    own.control.add_events("cloud4wi", generate=3, seed=3, start=since_now(hours=-5), end=since_now(hours=-4))
    read_all(frame, tmp_path)
    found = written(spark, tmp_path)
    assert len(found) == 23
    assert set(found.values()) == {1}


def test_a_query_at_intervals_reads_what_comes_meanwhile(own: Sandbox, spark: Any, tmp_path: Path) -> None:
    frame = streamed(spark, recent(own, lookback_window="PT10M"), step="PT2S")
    query = into(frame, tmp_path, processingTime="1 second")
    try:
        until(lambda: query.lastProgress and query.lastProgress["batchId"] >= 1)
        own.control.add_events("cloud4wi", generate=4, seed=5, start=since_now(minutes=-2), end=since_now(minutes=-1))
        every = own.control.event_ids("cloud4wi")
        until(lambda: query.exception() or set(written(spark, tmp_path)) == set(every))
        assert query.exception() is None
    finally:
        query.stop()
    ends = [each["sources"][0]["endOffset"] for each in query.recentProgress if each["numInputRows"]]
    seconds = [int((json.loads(end) if isinstance(end, str) else end)["createdAt"][17:19]) for end in ends]
    assert not [second for second in seconds if second % 2]


def test_nothing_new_is_no_batch(own: Sandbox, spark: Any, tmp_path: Path) -> None:
    frame = streamed(spark, configuration(own, "cloud4wi"))
    read_all(frame, tmp_path)
    own.control.clear_requests()
    read_all(frame, tmp_path)
    assert not own.control.requests()
    assert written(spark, tmp_path) == once(own.control.event_ids("cloud4wi"))


@pytest.mark.parametrize(("provider", "stream"), [("swipe_one", "contact_events"), ("carecloud", "property_records")])
def test_other_streams_are_read_as_a_whole_too(
    own: Sandbox, spark: Any, tmp_path: Path, provider: str, stream: str
) -> None:
    config = configuration(own, provider)
    read_all(streamed(spark, config, stream), tmp_path)
    batch = spark.read.format("source_events").options(config=json.dumps(config), stream=stream).load()
    assert written(spark, tmp_path) == Counter(row.id for row in batch.select("id").collect())


DRIVER = """
import sys
from pyspark.sql import SparkSession
from source_events.spark import EventsDataSource
config, folder = sys.argv[1:]
builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
spark = builder.config("spark.sql.python.filterPushdown.enabled", "true").getOrCreate()
spark.dataSource.register(EventsDataSource)
frame = spark.readStream.format("source_events").options(config_path=config, stream="org_events").load()
writer = frame.writeStream.format("parquet").option("checkpointLocation", folder + "/checkpoint")
writer.trigger(availableNow=True).start(folder + "/events").awaitTermination()
"""


def test_a_driver_that_is_killed_goes_on_from_its_checkpoint(own: Sandbox, spark: Any, tmp_path: Path) -> None:
    config = configuration(own, "cloud4wi", end_date="2026-01-01")
    own.control.behaviour("cloud4wi", page_cap=20)
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "config.json"), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    own.control.add_fault(path="/events", delay=0.5, times=None)
    driver = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    until(lambda: own.control.counts()["rows"] > 60)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert (tmp_path / "checkpoint/offsets/0").exists()
    assert not (tmp_path / "checkpoint/commits/0").exists()
    own.control.clear_faults()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == 0, done.stderr[-3000:]
    assert written(spark, tmp_path) == once(own.control.event_ids("cloud4wi"))


def test_the_same_offsets_give_the_same_rows(own: Sandbox, spark: Any) -> None:
    from source_events.spark import EventsDataSource

    source = EventsDataSource({"config": json.dumps(recent(own)), "stream": "org_events"})
    reader = source.streamReader(source.schema())
    start, end = {"createdAt": "2024-02-10T00:00:00Z"}, {"createdAt": "2024-02-20T00:00:00Z"}

    def rows() -> list[Any]:
        portions = reader.partitions(start, end)
        return sorted(row["id"] for each in portions for batch in reader.read(each) for row in batch.to_pylist())

    first = rows()
    assert first
    own.control.add_events("cloud4wi", generate=5, seed=9, start="2024-02-21T00:00:00Z", end="2024-02-22T00:00:00Z")
    assert rows() == first
    assert reader.partitions(end, end) == []


def test_wrong_credentials_end_the_query_with_one_clear_error(own: Sandbox, spark: Any, tmp_path: Path) -> None:
    config = recent(own)
    config["provider"]["client_secret"] = "fake-and-wrong"
    query = into(streamed(spark, config), tmp_path, availableNow=True)
    with pytest.raises(Exception, match=r"Cloud4Wi does not accept the credentials") as raised:
        query.awaitTermination()
    assert "fake-and-wrong" not in str(raised.value)

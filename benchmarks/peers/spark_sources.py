"""Spark programs that are compared: `python -m benchmarks.peers.spark_sources SOURCE CONFIG MASTER PARTITIONS REPEATS`.

SOURCE is `arrow`, this connector's data source; `tuples`, the same with a Python tuple for each record; `community`,
the least data source that does its work as the community's connectors do: one partition, `requests`, and a `Row` for
each record and for each object in it, made by a function that asks for the type of each value; or `texts`, that one
with objects as JSON text, as this connector has them. Each reads Cloud4Wi's `org_events`, and Spark looks at every
value. What is said of each repeat: how many records there were, the seconds, and those of CPU of the whole tree of
processes. That is this one, Java, which it starts, and the Python workers, which Java starts; of those that have ended
the parent knows. Linux only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import requests
from pyspark.sql import Row, SparkSession
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition
from pyspark.sql.functions import xxhash64
from pyspark.sql.types import DataType, DoubleType, LongType, StringType, StructField, StructType, TimestampType

from source_events import providers
from source_events.spark import EventsDataSource

SCHEMA = providers.FOLDER / "cloud4wi/schemas/events.json"


class TuplesReader(DataSourceReader):
    def __init__(self, reader: Any) -> None:
        self._reader = reader

    def partitions(self) -> Any:
        return self._reader.partitions()

    def read(self, partition: InputPartition) -> Iterator[tuple[Any, ...]]:
        for batch in self._reader.read(partition):
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


class TuplesDataSource(EventsDataSource):
    @classmethod
    def name(cls) -> str:
        return "tuples"

    def reader(self, schema: StructType) -> Any:
        return TuplesReader(super().reader(schema))


def parse(value: Any, type: DataType) -> Any:
    if value is None:
        return None
    if isinstance(type, StructType):
        return Row(**{field.name: parse(value.get(field.name), field.dataType) for field in type.fields})
    if isinstance(type, StringType):
        return value if isinstance(value, str) else json.dumps(value)
    if isinstance(type, LongType):
        return int(value)
    if isinstance(type, DoubleType):
        return float(value)
    if isinstance(type, TimestampType):
        return datetime.fromisoformat(value)
    raise ValueError(f"a value of type {type}")


class CommunityReader(DataSourceReader):
    def __init__(self, config: dict[str, Any], schema: StructType) -> None:
        self._config = config
        self._schema = schema

    def read(self, partition: InputPartition) -> Iterator[Row]:
        for record in self._records():
            yield parse(record, self._schema)

    def _records(self) -> Iterator[dict[str, Any]]:
        provider, session = self._config["provider"], requests.Session()
        login = {"clientKey": provider["client_key"], "clientSecret": provider["client_secret"]}
        answer = session.post(f"{provider['api_url']}/v1/sts/login/services", json=login, timeout=60)
        answer.raise_for_status()
        session.headers["Authorization"] = f"Bearer {answer.json()['token']}"
        parameters = {
            "dateStart": self._config["start_date"],
            "dateEnd": self._config["end_date"],
            "size": "10000",
            "sortBy": "utcTime",
            "enableScroll": "true",
        }
        while True:
            url = f"{provider['api_url']}/v1/organizations/{provider['organization_id']}/events"
            answer = session.get(url, params=parameters, timeout=60)
            answer.raise_for_status()
            found = answer.json()
            for row in found["events"]:
                yield {
                    **row,
                    "id": row["event"]["id"],
                    "provider": "cloud4wi",
                    "type": row["event"]["type"],
                    "createdAt": row["when"]["createdAt"],
                    "contactId": row["customerId"],
                }
            if not found["events"] or not found.get("scrollId"):
                return
            parameters["scrollId"] = found["scrollId"]


def type_of(json_schema: dict[str, Any]) -> DataType:
    """What a community's connector declares: a struct for each object whose fields are known."""
    if "properties" in json_schema:
        return StructType([StructField(name, type_of(each)) for name, each in json_schema["properties"].items()])
    if json_schema.get("airbyte_type") == "timestamp_with_timezone":
        return TimestampType()
    return {"integer": LongType(), "number": DoubleType()}.get(json_schema["type"][-1], StringType())


class CommunityDataSource(DataSource):
    @classmethod
    def name(cls) -> str:
        return "community"

    def schema(self) -> StructType:
        declared = type_of(json.loads(SCHEMA.read_text(encoding="utf-8")))
        assert isinstance(declared, StructType)
        return declared

    def reader(self, schema: StructType) -> CommunityReader:
        return CommunityReader(json.loads(self.options["config"]), schema)


class TextsDataSource(CommunityDataSource):
    @classmethod
    def name(cls) -> str:
        return "texts"

    def schema(self) -> StructType:
        return EventsDataSource({"config": self.options["config"], "stream": "org_events"}).schema()


FORMATS: dict[str, Any] = {
    "arrow": EventsDataSource,
    "tuples": TuplesDataSource,
    "community": CommunityDataSource,
    "texts": TextsDataSource,
}


def cpu_of_tree() -> float:
    """Seconds that this process and all below it have taken, with those that have ended and been waited for."""
    parents, seconds = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            parents[int(path.parent.name)] = int(fields[1])
            seconds[int(path.parent.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")

    def is_below(process: int) -> bool:
        while process not in (os.getpid(), 0):
            process = parents.get(process, 0)
        return process != 0

    return sum(taken for process, taken in seconds.items() if is_below(process))


def main(source: str, path: str, master: str, partitions: str, repeats: str) -> None:
    builder = SparkSession.builder.master(master)
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.python.filterPushdown.enabled": "true",
        "spark.sql.session.timeZone": "UTC",
        "spark.driver.memory": "1g",
    }.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    data_source = FORMATS[source]
    spark.dataSource.register(data_source)
    options = {"config": Path(path).read_text(encoding="utf-8"), "stream": "org_events", "partitions": partitions}
    events = spark.read.format(data_source.name()).options(**options).load()
    # Every value is looked at. What has been planned is run again, all of it: no shuffle is there to be kept.
    hashes = events.select(xxhash64(*events.columns))._jdf.queryExecution().toRdd()
    for _ in range(int(repeats)):
        began, before = time.perf_counter(), cpu_of_tree()
        said = {"records": hashes.count(), "seconds": time.perf_counter() - began}
        print(json.dumps({**said, "cpu": cpu_of_tree() - before}), flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The connector's Arrow batches into one of three places: `python -m benchmarks.arrow_ways WAY CONFIG [FILE]`.

`memory` takes each batch and lets it go; `parquet` and `duckdb` write a file, as docs/arrow.md shows it. With
`json` the file is made of lines of JSON instead of a read: DuckDB's own reader is the limit of that way.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path


def memory(config: str) -> None:
    from source_events import arrow

    with arrow.read(json.loads(Path(config).read_text(encoding="utf-8")), "org_events") as events:
        print(sum(batch.num_rows for batch in events))


def parquet(config: str, file: str) -> None:
    import pyarrow.parquet as pq

    from source_events import arrow

    with (
        arrow.read(json.loads(Path(config).read_text(encoding="utf-8")), "org_events", plain_json=True) as events,
        pq.ParquetWriter(file, events.schema, compression="zstd") as writer,
    ):
        for batch in events:
            writer.write_batch(batch)


def duckdb(config: str, file: str) -> None:
    import duckdb

    from source_events import arrow

    settings = json.loads(Path(config).read_text(encoding="utf-8"))
    with duckdb.connect(file) as connection, arrow.read(settings, "org_events") as events:
        connection.register("events", events)
        connection.execute("CREATE TABLE org_events AS FROM events")


def json_lines(lines: str, file: str) -> None:
    import duckdb

    with duckdb.connect(file) as connection:
        connection.execute("CREATE TABLE org_events AS FROM read_json(?, format = 'newline_delimited')", [lines])


WAYS: dict[str, Callable[..., None]] = {"memory": memory, "parquet": parquet, "duckdb": duckdb, "json": json_lines}

if __name__ == "__main__":
    WAYS[sys.argv[1]](*sys.argv[2:])

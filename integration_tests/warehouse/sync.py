"""Syncs of the connector with PyAirbyte, one after the other; run by the interpreter that has it.

Prints the records read of each stream, a JSON object for each sync, as an array on the last line.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.update(AIRBYTE_OFFLINE_MODE="1", DO_NOT_TRACK="1", NO_LIVE_PROGRESS="1")

import airbyte


def main() -> None:
    arguments = _parser().parse_args()
    description = json.loads(arguments.cache)
    syncs = json.loads(arguments.syncs.read_text())
    print(json.dumps([_sync(arguments.connector, description, arguments.files, **sync) for sync in syncs]))


def _sync(
    connector: Path, description: dict[str, Any], files: Path, config: dict[str, Any], streams: list[str], schema: str
) -> dict[str, int]:
    source = airbyte.get_source("source-events", config=config, local_executable=connector)
    source.select_streams(streams)
    with _cache(description, schema, files) as cache:
        result = source.read(cache, write_strategy="merge")
    # The public result has the total of all streams only.
    counts = result._progress_tracker.stream_read_counts
    return {stream: counts.get(stream, 0) for stream in streams}


def _cache(description: dict[str, Any], schema: str, files: Path) -> airbyte.caches.CacheBase:
    if "db_path" in description:
        return airbyte.caches.DuckDBCache(**description, schema_name=schema, cache_dir=files)
    return airbyte.caches.PostgresCache(**description, password="", schema_name=schema, cache_dir=files)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connector", type=Path, required=True, help="the connector's executable")
    parser.add_argument(
        "--cache",
        required=True,
        help='JSON: {"db_path": ...} or {"host": ..., "port": ..., "database": ..., "username": ...}',
    )
    parser.add_argument("--files", type=Path, required=True, help="a folder for what PyAirbyte keeps on the way")
    parser.add_argument("syncs", type=Path, help='JSON: [{"config": {...}, "streams": [...], "schema": ...}]')
    return parser


if __name__ == "__main__":
    main()

"""One sync of the connector with PyAirbyte; run by the interpreter that has it.

Prints the records read of each stream as JSON on the last line.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ.update(AIRBYTE_OFFLINE_MODE="1", DO_NOT_TRACK="1", NO_LIVE_PROGRESS="1")

import airbyte

SCHEMA = "airbyte_events"


def main() -> None:
    arguments = _parser().parse_args()
    source = airbyte.get_source(
        "source-events", config=json.loads(arguments.config.read_text()), local_executable=arguments.connector
    )
    source.select_streams(arguments.streams)
    with _cache(json.loads(arguments.cache), arguments.files) as cache:
        result = source.read(cache, write_strategy="merge")
    # The public result has the total of all streams only.
    counts = result._progress_tracker.stream_read_counts
    print(json.dumps({stream: counts.get(stream, 0) for stream in arguments.streams}))


def _cache(description: dict[str, Any], files: Path) -> airbyte.caches.CacheBase:
    if "db_path" in description:
        return airbyte.caches.DuckDBCache(**description, schema_name=SCHEMA, cache_dir=files)
    return airbyte.caches.PostgresCache(**description, password="", schema_name=SCHEMA, cache_dir=files)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the connector's configuration")
    parser.add_argument("--connector", type=Path, required=True, help="the connector's executable")
    parser.add_argument(
        "--cache",
        required=True,
        help='JSON: {"db_path": ...} or {"host": ..., "port": ..., "database": ..., "username": ...}',
    )
    parser.add_argument("--files", type=Path, required=True, help="a folder for what PyAirbyte keeps on the way")
    parser.add_argument("streams", nargs="+")
    return parser


if __name__ == "__main__":
    main()

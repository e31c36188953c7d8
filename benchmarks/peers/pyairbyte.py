"""PyAirbyte with the connector, merging: `python -m benchmarks.peers.pyairbyte CONNECTOR CONFIG FOLDER [DATABASE]`.

Without the URL of a PostgreSQL database it loads into a DuckDB file.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from urllib.parse import urlsplit


def main(connector: str, config: str, folder: str, database: str = "") -> None:
    os.environ.update(AIRBYTE_OFFLINE_MODE="1", DO_NOT_TRACK="1", NO_LIVE_PROGRESS="1")
    warnings.simplefilter("ignore", FutureWarning)
    import airbyte

    settings = json.loads(Path(config).read_text(encoding="utf-8"))
    source = airbyte.get_source("source-events", config=settings, local_executable=Path(connector))
    source.select_streams(["org_events"])
    files = Path(folder) / "cache"
    if database:
        url = urlsplit(database)
        cache = airbyte.caches.PostgresCache(
            host=url.hostname,
            port=url.port,
            username=url.username,
            password="",
            database=url.path.removeprefix("/"),
            schema_name="events",
            cache_dir=files,
        )
    else:
        path = Path(folder) / "warehouse.duckdb"
        cache = airbyte.caches.DuckDBCache(db_path=path, schema_name="events", cache_dir=files)
    with cache:
        source.read(cache, write_strategy="merge")


if __name__ == "__main__":
    main(*sys.argv[1:])

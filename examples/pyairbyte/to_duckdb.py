"""Sync every stream of one or more configurations into a DuckDB file: to_duckdb.py DATABASE CONFIG..."""

import json
import sys
from pathlib import Path

import airbyte

database, *configs = sys.argv[1:]
for path in configs:
    config = json.loads(Path(path).read_text(encoding="utf-8"))
    source = airbyte.get_source("source-events", config=config, local_executable="source-events")
    source.select_all_streams()
    with airbyte.caches.DuckDBCache(db_path=database, schema_name=config["provider"]["provider_type"]) as cache:
        result = source.read(cache, write_strategy="merge")
    print(f"{path}: {result.processed_records} records")

"""Sync every stream of one or more configurations into Postgres: to_postgres.py CONFIG..."""

import json
import os
import sys
from pathlib import Path

import airbyte

for path in sys.argv[1:]:
    config = json.loads(Path(path).read_text(encoding="utf-8"))
    source = airbyte.get_source("source-events", config=config, local_executable="source-events")
    source.select_all_streams()
    cache = airbyte.caches.PostgresCache(
        host=os.environ.get("PGHOST", "localhost"),
        port=int(os.environ.get("PGPORT", "5432")),
        username=os.environ.get("PGUSER", "postgres"),
        password=os.environ.get("PGPASSWORD", ""),
        database=os.environ.get("PGDATABASE", "postgres"),
        schema_name=config["provider"]["provider_type"],
    )
    with cache:
        result = source.read(cache, write_strategy="merge")
    print(f"{path}: {result.processed_records} records")

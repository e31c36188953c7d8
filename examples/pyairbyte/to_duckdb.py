"""Sync every stream of one or more configurations into a DuckDB file: to_duckdb.py DATABASE CONFIG..."""

import sys

import airbyte
from source import checked_source

database, *configs = sys.argv[1:]
for path, source in [(path, checked_source(path)) for path in configs]:
    source.select_all_streams()
    schema = source.get_config()["provider"]["provider_type"]
    with airbyte.caches.DuckDBCache(db_path=database, schema_name=schema) as cache:
        result = source.read(cache, write_strategy="merge")
    print(f"{path}: {result.processed_records} records")

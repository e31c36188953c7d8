"""Sync one or more configurations into Postgres: to_postgres.py CONFIG... [--stream NAME]..."""

import argparse
import os

import airbyte
from source import checked_source

parser = argparse.ArgumentParser(description="Sync one or more configurations into Postgres, each into its own schema.")
parser.add_argument("configs", nargs="+", metavar="CONFIG", help="JSON, as the connector takes it")
parser.add_argument("--stream", action="append", metavar="NAME", help="only this stream; may be repeated")
arguments = parser.parse_args()

sources = [(path, checked_source(path)) for path in arguments.configs]
known = {name for _, source in sources for name in source.get_available_streams()}
if unknown := {*(arguments.stream or [])} - known:
    parser.error(f"no stream is named {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")

for path, source in sources:
    available = source.get_available_streams()
    streams = [name for name in arguments.stream or available if name in available]
    if left_out := {*(arguments.stream or [])} - {*streams}:
        print(f"{path}: left out, because the system does not have it: {', '.join(sorted(left_out))}")
    if not streams:
        continue
    source.select_streams(streams)
    cache = airbyte.caches.PostgresCache(
        host=os.environ.get("PGHOST", "localhost"),
        port=int(os.environ.get("PGPORT", "5432")),
        username=os.environ.get("PGUSER", "postgres"),
        password=os.environ.get("PGPASSWORD", ""),
        database=os.environ.get("PGDATABASE", "postgres"),
        schema_name=source.get_config()["provider"]["provider_type"],
    )
    with cache:
        result = source.read(cache, write_strategy="merge")
    print(f"{path}: {result.processed_records} records")

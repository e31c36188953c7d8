"""Tells whether there are new events: python newest.py DESTINATION TABLE [--hours N]. Ends with 1 if there are not.

DESTINATION is one that `source-events load` takes: duckdb:PATH or postgresql://...; TABLE is DATASET.STREAM.
"""

import argparse
import sys
from contextlib import closing
from datetime import datetime, timedelta, timezone


def connect(destination: str):
    if destination.startswith("duckdb:"):
        import duckdb

        return duckdb.connect(destination.removeprefix("duckdb:"), read_only=True)
    import psycopg2

    return psycopg2.connect(destination)


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("destination")
parser.add_argument("table")
parser.add_argument("--hours", type=float, default=24, help="how old the newest event may be")
arguments = parser.parse_args()
with closing(connect(arguments.destination)) as connection, closing(connection.cursor()) as cursor:
    cursor.execute(f"SELECT extract(epoch FROM max(createdat)) FROM {arguments.table}")
    [seconds] = cursor.fetchone()
newest = datetime.fromtimestamp(float(seconds), timezone.utc) if seconds is not None else None
print(f"The newest event of {arguments.table} is of {newest:%Y-%m-%d %H:%M:%S} UTC." if newest else "There is none.")
if newest is None or datetime.now(timezone.utc) - newest > timedelta(hours=arguments.hours):
    sys.exit(1)

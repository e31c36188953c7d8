"""Prints the rows of a SQL query as JSON objects; run by the interpreter that has PyAirbyte's database drivers."""

import argparse
import json
from typing import Any

import duckdb
import psycopg


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cache", help="JSON, as for sync.py")
    parser.add_argument("sql")
    arguments = parser.parse_args()
    print(json.dumps(_rows(json.loads(arguments.cache), arguments.sql), default=str))


def _rows(cache: dict[str, Any], sql: str) -> list[dict[str, Any]]:
    with _connection(cache) as connection:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _connection(cache: dict[str, Any]) -> Any:
    if "db_path" in cache:
        return duckdb.connect(cache["db_path"], read_only=True)
    return psycopg.connect(
        host=cache["host"], port=cache["port"], dbname=cache["database"], user=cache["username"], password=""
    )


if __name__ == "__main__":
    main()

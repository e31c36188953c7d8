"""Print how many rows each table of a DuckDB file has: count.py DATABASE"""

import sys

import duckdb

TABLES = """
    SELECT table_schema, table_name FROM information_schema.tables
    WHERE table_name NOT LIKE '\\_airbyte%' ESCAPE '\\' ORDER BY ALL
"""

with duckdb.connect(sys.argv[1], read_only=True) as database:
    for schema, table in database.sql(TABLES).fetchall():
        (rows,) = database.sql(f'SELECT count(*) FROM "{schema}"."{table}"').fetchone()
        print(f"{schema}.{table}: {rows}")

"""Looks into the streams of the connector as a person at a prompt does; run by the interpreter that has PyAirbyte.

Takes the first records of each stream and stops there, which ends the connector before it has read everything.
"""

import json
import sys
from itertools import islice
from pathlib import Path

import airbyte

way, config = sys.argv[1:]
source = airbyte.get_source(
    "source-events", config=json.loads(Path(config).read_text(encoding="utf-8")), local_executable="source-events"
)
source.select_all_streams()
if way == "print_samples":
    source.print_samples()
else:
    print(len([*islice(source.get_records("org_events"), 3)]), "records, then no more")
    print(len([*source.get_records("org_events", limit=3)]), "records, the limit")

"""CareCloud's property records without any framework: `python -m benchmarks.carecloud CONFIG`, decoded and encoded.

The same records, by their ids, are what the outputs of the programs are compared with.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import requests

from benchmarks.completeness import Incomplete

PAGE = 1000


def property_records(config: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All property records, each with its event's id."""
    session = requests.Session()
    body = {
        "user_external_application_id": config["external_application_id"],
        "login": config["login"],
        "password": config["password"],
    }
    answer = session.post(f"{config['url']}/users/actions/login", json=body, timeout=60).json()
    session.headers["Authorization"] = f"Bearer {answer['data']['bearer_token']}"
    offset = 0
    while True:
        params: dict[str, str | int] = {"count": PAGE, "offset": offset, "sort_field": "created_at"}
        params["include_property_records"] = "true"
        events = orjson.loads(session.get(f"{config['url']}/events", params=params, timeout=60).content)["data"][
            "events"
        ]
        if not events:
            return
        for event in events:
            for record in event["property_records"]:
                yield {**record, "eventId": event["event_id"], "createdAt": event["created_at"]}
        offset += len(events)


def ids(output: Path) -> list[str]:
    """The ids of the property records in an output, whether they are records of their own or lie in their events."""
    found: list[str] = []
    with output.open("rb") as file:
        for line in file:
            message = orjson.loads(line)
            if message["type"] != "RECORD":
                continue
            data = message["record"]["data"]
            records = [data] if "property_record_id" in data else data["property_records"]
            found += [record["property_record_id"] for record in records]
    return found


def check(output: Path, expected: frozenset[str]) -> None:
    """
    :raises Incomplete: if the output does not have each expected property record once
    """
    read = ids(output)
    if len(read) != len(expected) or set(read) != expected:
        raise Incomplete(f"{len(read)} records with {len(set(read))} ids were read; there are {len(expected)}.")


def main(config_file: str) -> None:
    for record in property_records(json.loads(Path(config_file).read_text(encoding="utf-8"))):
        message = {"type": "RECORD", "record": {"stream": "property_records", "data": record}}
        sys.stdout.buffer.write(orjson.dumps(message) + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

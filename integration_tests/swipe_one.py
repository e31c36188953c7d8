"""Builders of Swipe One's configuration and events, for tests against the sandbox."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from integration_tests.connector import Json
from sandbox.process import Sandbox
from sandbox.swipe_one import API_KEY, WORKSPACE_ID

CONTACT = "0" * 23 + "1"


def config(sandbox: Sandbox, **fields: Any) -> Json:
    provider = {
        "provider_type": "swipe_one",
        "workspace_id": WORKSPACE_ID,
        "api_key": API_KEY,
        "api_url": f"{sandbox.url}/api",
    }
    return {"provider": provider, "start_date": "2024-01-01T00:00:00Z", "end_date": "2024-03-31T23:59:59Z", **fields}


def event(number: int, time: str | None, contact: str = CONTACT, kind: str = "link_clicked") -> Json:
    return {"contactId": contact, "type": kind, "timestamp": time, "properties": {"number": number}}


def contents(records: Iterable[Json]) -> Counter[str]:
    """The records in the form in which the sandbox tells its events, which have no ids."""
    return Counter(
        json.dumps(
            [record["contactId"], record["type"], record["createdAt"], record["properties"], record.get("createdBy")],
            sort_keys=True,
        )
        for record in records
    )


def numbers(records: Iterable[Json]) -> list[int]:
    """Which of the events made by `event` the records are."""
    return sorted(record["properties"]["number"] for record in records)

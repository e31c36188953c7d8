"""Builders of Swipe One's configuration and events, for tests against the sandbox."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from integration_tests.cases import Account, Connection, Faults, Moving, zulu
from integration_tests.connector import Json
from sandbox.process import Sandbox
from sandbox.swipe_one import API_KEY, WORKSPACE_ID

CONTACT = "0" * 23 + "1"


def config(sandbox: Sandbox, **fields: Any) -> Json:
    return config_at(sandbox.url, **fields)


def config_at(url: str, **fields: Any) -> Json:
    provider = {
        "provider_type": "swipe_one",
        "workspace_id": WORKSPACE_ID,
        "api_key": API_KEY,
        "api_url": f"{url}/api",
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


def content_of(record: Json) -> str:
    [content] = contents([record])
    return content


FAULTS = Faults(
    "swipe_one",
    "contact_events",
    "/events$",
    config,
    {"limit_cap": 20},
    {
        400: ("system_error", "parameters"),
        401: ("config_error", "`provider.api_key`"),
        403: ("config_error", "`provider.workspace_id`"),
    },
    contents=lambda output, stream: contents(output.records(stream)),
    refused={"status": "fail", "message": "quota spent"},
)
MOVING = Moving(
    "swipe_one",
    "contact_events",
    "/contacts/[^/]+/events$",
    "limit_cap",
    config,
    lambda number, moment, contact: event(number, zulu(moment, "milliseconds"), contact),
    tuple(f"{number:024x}" for number in range(4)),
    contents=contents,
    told=lambda event: content_of({**event, "createdAt": event["timestamp"]}),
)


def connections(url: str) -> dict[str, Connection]:
    return {"swipe_one": (config_at(url), "contacts")}


def account(scale: float, others: float) -> Account:
    return Account(
        ("contact_events",),
        int(60_000 * others),
        int(1500 * others),
        config,
        {"limit_cap": 20},
        content=content_of,
    )

"""Builders of Cloud4Wi's configuration and events, for tests against the sandbox."""

from __future__ import annotations

from collections import Counter
from typing import Any

from integration_tests.cases import Account, Connection, Faults, Moving, zulu
from integration_tests.connector import Output
from sandbox.cloud4wi import CLIENT_KEY, CLIENT_SECRET, ORGANIZATION_ID

CONTACT = "0" * 31 + "1"
TOKEN_LIFETIME = 5
"""Seconds, in the account that is endured."""


def config(url: str, **fields: Any) -> dict[str, Any]:
    provider = {
        "provider_type": "cloud4wi",
        "organization_id": ORGANIZATION_ID,
        "client_key": CLIENT_KEY,
        "client_secret": CLIENT_SECRET,
        "api_url": url,
    }
    return {"provider": provider, "start_date": "2024-01-01T00:00:00Z", "end_date": "2024-03-31T23:59:59Z", **fields}


def event(number: int, created_at: str, contact: str = CONTACT, kind: str = "login") -> dict[str, Any]:
    return {
        "organizationId": ORGANIZATION_ID,
        "customerId": contact,
        "event": {"type": kind, "id": f"{number:032x}l"},
        "where": {"locationId": "f" * 32, "locationName": 'Café "Ünïcode"', "hotspotId": "e" * 32},
        "when": {"createdAt": created_at, "createdAtLocal": created_at, "timezone": "Europe/Rome"},
    }


def event_id(number: int) -> str:
    return f"{number:032x}l"


def each_once(output: Output, stream: str) -> Counter[str]:
    """A scroll that a broken connection may have moved on is read again from its start."""
    return Counter(set(output.ids(stream)))


FAULTS = Faults(
    "cloud4wi",
    "org_events",
    "/events$",
    lambda sandbox: config(sandbox.url, window_size="P99D"),
    # Its count lies, so that paging always goes on to the answer without events.
    {"page_cap": 60, "count": "plus_one"},
    {
        400: ("system_error", "parameters"),
        401: ("config_error", "`provider.client_secret`"),
        403: ("config_error", "events_read"),
        404: ("config_error", "`provider.organization_id`"),
        410: ("system_error", "removed this endpoint"),
    },
    contents=each_once,
    refused={"status": "KO", "message": "quota spent"},
    token_status=403,
)
MOVING = Moving(
    "cloud4wi",
    "org_events",
    "/organizations/[^/]+/events$",
    "page_cap",
    lambda sandbox, **fields: config(sandbox.url, **fields),
    lambda number, moment, contact: event(number, zulu(moment), contact),
    tuple(f"{number:032x}" for number in range(4)),
    contact_path="/customers/[^/]+/events$",
    told=lambda event: str(event["event"]["id"]),
)


def connections(url: str) -> dict[str, Connection]:
    return {"cloud4wi": (config(url), "org_events")}


def account(scale: float, others: float) -> Account:
    return Account(
        ("org_events",),
        int(2_000_000 * scale),
        1000,
        lambda sandbox, **fields: config(sandbox.url, **fields),
        {"page_cap": 500 if scale == 1 else 100, "token_lifetime_seconds": TOKEN_LIFETIME},
        streamed=True,
    )

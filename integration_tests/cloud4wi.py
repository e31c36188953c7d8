"""Builders of Cloud4Wi's configuration and events, for tests against the sandbox."""

from __future__ import annotations

from typing import Any

from sandbox.cloud4wi import CLIENT_KEY, CLIENT_SECRET, ORGANIZATION_ID

CONTACT = "0" * 31 + "1"


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

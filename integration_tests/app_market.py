"""Builders of App Market's configuration and events, and a client of its API, for tests against the sandbox."""

from __future__ import annotations

import time
from typing import Any

import jwt
import requests

from integration_tests.cases import Account, Connection, Faults, Moving, zulu
from sandbox.app_market import API_SECRET, BASE, INSTANCE_ID
from sandbox.app_market.generator import contact_id

CONTACT = contact_id(0)


def config(url: str, **fields: Any) -> dict[str, Any]:
    provider = {
        "provider_type": "app_market",
        "instance_id": INSTANCE_ID,
        "api_secret": API_SECRET,
        "api_url": f"{url}{BASE}",
    }
    return {"provider": provider, "start_date": "2024-01-01T00:00:00Z", "end_date": "2024-03-31T23:59:59Z", **fields}


def event(
    number: int, created_on: str, contact: str | None = CONTACT, kind: str = "new_order", **content: Any
) -> dict[str, Any]:
    named = {} if contact is None else {"contact_id": contact}
    return {"id": event_id(number), "event_type": kind, "content": content, "created_on": created_on, **named}


def event_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def token(secret: str = API_SECRET, *, issued: float = 0, lifetime: float = 3600, **claims: Any) -> str:
    """A token that is valid unless the arguments make it invalid; `issued` is in seconds from now."""
    now = int(time.time() + issued)
    named = claims or {"instanceId": INSTANCE_ID}
    return jwt.encode({**named, "iat": now, "exp": int(now + lifetime)}, secret, algorithm="HS256")


def get(url: str, path: str = "/events/get", header: str | None = None, **parameters: Any) -> requests.Response:
    """Ask the API itself; parameters that are not given are those of a request for everything, null leaves one out."""
    default = {"scope": "app", "offset": 0, "limit": 100}
    if path == "/events/get":
        default |= {"since": 0, "until": 2**42, "contactId": "", "eventTypes": ""}
    headers = {"instance-jwt": token() if header is None else header}
    return requests.get(f"{url}{BASE}{path}", params={**default, **parameters}, headers=headers, timeout=10)


def post(url: str, path: str, content: Any) -> requests.Response:
    return requests.post(f"{url}{BASE}{path}", json=content, headers={"instance-jwt": token()}, timeout=10)


FAULTS = Faults(
    "app_market",
    "org_events",
    "/events/get$",
    lambda sandbox: config(sandbox.url, window_size="P99D"),
    {"limit_cap": 60},
    {
        400: ("system_error", "parameters"),
        401: ("config_error", "`provider.api_secret`"),
        403: ("config_error", "`provider.api_secret`"),
        404: ("config_error", "`provider.events_path`"),
    },
    refused={"error": "quota spent"},
)
MOVING = Moving(
    "app_market",
    "org_events",
    "/events/get$",
    "limit_cap",
    lambda sandbox, **fields: config(sandbox.url, **fields),
    lambda number, moment, contact: event(number, zulu(moment), contact),
    tuple(map(contact_id, range(4))),
    contact_path="/events/get$",
)


def connections(url: str) -> dict[str, Connection]:
    return {"app_market": (config(url), "org_events")}


def account(scale: float, others: float) -> Account:
    return Account(
        ("org_events", "contact_events"),
        int(20_000 * others),
        int(200 * others),
        lambda sandbox, **fields: config(sandbox.url, **fields),
        {"limit_cap": 20},
        "/events/get$",
    )

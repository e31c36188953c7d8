"""Builders of CareCloud's configuration and events, for tests against the sandbox."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import requests

from integration_tests.cases import Account, Connection, Faults, Moving
from sandbox.carecloud import BASE, EXTERNAL_APPLICATION_ID, LOGIN, PASSWORD
from sandbox.carecloud.catalogue import EVENT_TYPES
from sandbox.carecloud.generator import customer_id

CUSTOMER = customer_id(0)
TOKEN_LIFETIME = 5
"""Seconds, in the account that is endured."""
PURCHASE, COMPLAINT = (kind["event_type_id"] for kind in EVENT_TYPES[:2])


def config(url: str, auth_type: str = "bearer", **fields: Any) -> dict[str, Any]:
    credentials = {"auth_type": auth_type, "login": LOGIN, "password": PASSWORD}
    if auth_type == "bearer":
        credentials["external_application_id"] = EXTERNAL_APPLICATION_ID
    provider = {
        "provider_type": "carecloud",
        "api_url": url + BASE,
        "time_zone": "Europe/Prague",
        "credentials": credentials,
    }
    return {"provider": provider, "start_date": "2024-01-01T00:00:00Z", "end_date": "2024-03-31T23:59:59Z", **fields}


def event(number: int, created_at: str | None, customer: str = CUSTOMER, **fields: Any) -> dict[str, Any]:
    return {"event_id": event_id(number), "customer_id": customer, "created_at": created_at, **fields}


def event_id(number: int) -> str:
    return f"{number:026x}"


def instants(url: str) -> dict[str, str | None]:
    """When each event was created, in UTC, by its id."""
    found: dict[str, str | None] = requests.get(f"{url}/control/carecloud/events/instants", timeout=60).json()[
        "instants"
    ]
    return found


class Client:
    """A caller that is logged in and does nothing by itself."""

    def __init__(self, url: str) -> None:
        self.url = url + BASE
        body = {"user_external_application_id": EXTERNAL_APPLICATION_ID, "login": LOGIN, "password": PASSWORD}
        answer = requests.post(f"{self.url}/users/actions/login", json=body, timeout=10).json()
        self.headers = {"Authorization": f"Bearer {answer['data']['bearer_token']}"}

    def get(self, path: str, **params: Any) -> requests.Response:
        return requests.get(self.url + path, params=params, headers=self.headers, timeout=10)

    def post(self, path: str, body: Any) -> requests.Response:
        return requests.post(self.url + path, json=body, headers=self.headers, timeout=10)


def on_the_clock_of_prague(moment: datetime) -> str:
    """In winter."""
    return (moment.astimezone(timezone.utc) + timedelta(hours=1)).replace(tzinfo=None).isoformat(" ", "seconds")


FAULTS = Faults(
    "carecloud",
    "org_events",
    "/events$",
    lambda sandbox: config(sandbox.url, window_size="P99D"),
    {"count_cap": 60},
    {
        400: ("system_error", "parameters"),
        401: ("config_error", "`provider.credentials.password`"),
        403: ("config_error", "user group"),
        404: ("config_error", "`provider.api_url`"),
    },
    refused={"error": {"title": "Error", "detail": "quota spent"}},
    token_status=401,
)
MOVING = Moving(
    "carecloud",
    "org_events",
    "/v1.0/events$",
    "count_cap",
    lambda sandbox, **fields: config(sandbox.url, **fields),
    lambda number, moment, contact: event(number, on_the_clock_of_prague(moment), contact),
    tuple(map(customer_id, range(4))),
    contact_path="/customers/[^/]+/events$",
    told=lambda event: str(event["event_id"]),
)


def connections(url: str) -> dict[str, Connection]:
    return {
        "carecloud with a bearer": (config(url), "org_events"),
        "carecloud with basic authentication": (config(url, "basic"), "org_events"),
    }


def account(scale: float, others: float) -> Account:
    return Account(
        ("org_events", "contact_events"),
        int(60_000 * others),
        int(1500 * others),
        lambda sandbox, **fields: config(sandbox.url, **fields),
        {"count_cap": 40, "token_lifetime_seconds": TOKEN_LIFETIME},
    )

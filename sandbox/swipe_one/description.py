"""What the sandbox's page says about Swipe One."""

from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.provider import Description, Endpoint, Options
from sandbox.swipe_one import API_KEY, EMPTY_WORKSPACE_ID, FOREIGN_API_KEY, WORKSPACE_ID
from sandbox.swipe_one.generator import contact_id

ENDPOINTS = (
    Endpoint("GET", "/api/workspaces/{id}/contacts", "all contacts, page by page with searchAfter"),
    Endpoint("GET", "/api/contacts/{id}/events", "one contact's events, newest first, page by page with page"),
    Endpoint("GET", "/api/workspaces/{id}/event-definitions", "the predefined types of events, all in one answer"),
    Endpoint("POST", "/api/workspaces/{id}/events", "create an event, which can be read a little later"),
)


def describe(url: str, options: Options, contacts: Sequence[Mapping[str, Any]]) -> Description:
    return Description(
        title="Swipe One",
        facts={"contacts": f"{len(contacts):,}"},
        endpoints=ENDPOINTS,
        credentials={
            "workspace id": WORKSPACE_ID,
            "API key": API_KEY,
            "empty workspace id": EMPTY_WORKSPACE_ID,
            "API key of another workspace": FOREIGN_API_KEY,
        },
        config={
            "provider": {
                "provider_type": "swipe_one",
                "workspace_id": WORKSPACE_ID,
                "api_key": API_KEY,
                "api_url": f"{url}/api",
            },
            "start_date": options.start,
        },
        seed={"contact_ids": [contact_id(0), contact_id(1)], "event_types": ["order_placed"]},
        examples={
            "First contacts": (
                f"curl -s '{url}/api/workspaces/{WORKSPACE_ID}/contacts?limit=5&sort=createdAt&order=1' \\\n"
                f"  -H 'x-api-key: {API_KEY}'"
            ),
            **({"Create an event": _create_event(url, contacts[0]["_id"])} if contacts else {}),
        },
    )


def _create_event(url: str, contact: str) -> str:
    event = f'{{"contact": {{"id": "{contact}"}}, "type": "UserLoggedIn", "properties": {{"device": "mobile"}}}}'
    return (
        f"curl -s {url}/api/workspaces/{WORKSPACE_ID}/events -H 'x-api-key: {API_KEY}' \\\n"
        f"  -H 'Content-Type: application/json' \\\n  -d '{event}'"
    )

"""What the sandbox's page says about Cloud4Wi."""

from sandbox.cloud4wi import (
    CLIENT_KEY,
    CLIENT_SECRET,
    EMPTY_ORGANIZATION_ID,
    ORGANIZATION_ID,
    UNSCOPED_CLIENT_KEY,
    UNSCOPED_CLIENT_SECRET,
)
from sandbox.cloud4wi.feed import Feed
from sandbox.cloud4wi.streamed import StreamedFeed
from sandbox.cloud4wi.times import SECOND, format_time
from sandbox.provider import Description, Endpoint

ENDPOINTS = (
    Endpoint("POST", "/v1/sts/login/services", "key and secret against a token"),
    Endpoint("POST", "/v1/sts/logout", "revoke the token"),
    Endpoint("GET", "/v1/organizations/{cid}/events", "all events, page by page with a scroll"),
    Endpoint("GET", "/v1/organizations/{cid}/customers/{id}/events", "one contact's events, 10,000 at most"),
    Endpoint("GET", "/v1/organizations/{cid}/locations", "all locations, in one answer"),
    Endpoint("GET", "/v2/customers/organizations/{cid}", "all contacts, page by page with a scroll"),
)


def describe(url: str, feed: Feed | StreamedFeed, contacts: int) -> Description:
    times = feed.time_range()
    return Description(
        title="Cloud4Wi",
        facts={"contacts": f"{contacts:,}"},
        endpoints=ENDPOINTS,
        credentials={
            "organization id": ORGANIZATION_ID,
            "client key": CLIENT_KEY,
            "client secret": CLIENT_SECRET,
            "empty organization id": EMPTY_ORGANIZATION_ID,
            "client key without events_read": UNSCOPED_CLIENT_KEY,
            "its client secret": UNSCOPED_CLIENT_SECRET,
        },
        config={
            "provider": {
                "provider_type": "cloud4wi",
                "organization_id": ORGANIZATION_ID,
                "client_key": CLIENT_KEY,
                "client_secret": CLIENT_SECRET,
                "api_url": url,
            },
            "start_date": format_time(times[0] // SECOND) if times else "2024-01-01T00:00:00Z",
        },
        examples={"First page of events": f"{_login(url)}\n{_first_page(url)}"},
    )


def _login(url: str) -> str:
    body = f'{{"clientKey": "{CLIENT_KEY}", "clientSecret": "{CLIENT_SECRET}"}}'
    return (
        f"TOKEN=$(curl -s {url}/v1/sts/login/services -H 'Content-Type: application/json' \\\n"
        f"  -d '{body}' \\\n"
        """  | sed 's/.*"token": *"\\([^"]*\\)".*/\\1/')"""
    )


def _first_page(url: str) -> str:
    query = "size=10&sortBy=utcTime&enableScroll=true"
    return (
        f"curl -s '{url}/v1/organizations/{ORGANIZATION_ID}/events?{query}' \\\n  -H \"Authorization: Bearer $TOKEN\""
    )

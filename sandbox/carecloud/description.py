"""What the sandbox's page says about CareCloud."""

from sandbox.carecloud import BASE, EXTERNAL_APPLICATION_ID, LOGIN, OTHER_LOGIN, OTHER_PASSWORD, PASSWORD
from sandbox.carecloud.clock import ZERO
from sandbox.carecloud.feed import Feed
from sandbox.provider import Description, Endpoint

ENDPOINTS = (
    Endpoint("POST", f"{BASE}/users/actions/login", "login and password against a token"),
    Endpoint("GET", f"{BASE}/events", "all events, by offset"),
    Endpoint("POST", f"{BASE}/events", "create an event with its property records"),
    Endpoint("GET", f"{BASE}/events/{{id}}", "one event"),
    Endpoint("GET", f"{BASE}/events/{{id}}/property-records", "its property records"),
    Endpoint("GET", f"{BASE}/customers/{{id}}/events", "one customer's events"),
    Endpoint("GET", f"{BASE}/event-types", "types of events"),
    Endpoint("GET", f"{BASE}/event-groups", "groups of types"),
    Endpoint("GET", f"{BASE}/event-properties", "properties of events"),
    Endpoint("GET", "/control/carecloud/events/instants", "when each event was created, in UTC"),
)


def describe(url: str, feed: Feed, customers: int, time_zone: str) -> Description:
    times = [row.created_at for row in feed.rows if row.created_at != ZERO]
    first, last = (times[0], times[-1]) if times else ("none", "none")
    return Description(
        title="CRM CareCloud",
        facts={
            "events": f"{len(feed.rows):,}",
            "customers": f"{customers:,}",
            "time zone": time_zone,
            "first event (local)": first,
            "last event (local)": last,
        },
        endpoints=ENDPOINTS,
        credentials={
            "login": LOGIN,
            "password": PASSWORD,
            "external application id": EXTERNAL_APPLICATION_ID,
            "login outside the group webservice": OTHER_LOGIN,
            "its password": OTHER_PASSWORD,
        },
        config={
            "provider": {
                "provider_type": "carecloud",
                "api_url": url + BASE,
                "time_zone": time_zone,
                "credentials": {
                    "auth_type": "bearer",
                    "login": LOGIN,
                    "password": PASSWORD,
                    "external_application_id": EXTERNAL_APPLICATION_ID,
                },
            },
            "start_date": "2024-01-01T00:00:00Z",
        },
        examples={"Log in": _login(url), "First page of events": _first_page(url)},
    )


def _login(url: str) -> str:
    body = (
        f'{{"user_external_application_id": "{EXTERNAL_APPLICATION_ID}", "login": "{LOGIN}", "password": "{PASSWORD}"}}'
    )
    return (
        f"TOKEN=$(curl -s {url}{BASE}/users/actions/login -H 'Content-Type: application/json' \\\n"
        f"  -d '{body}' \\\n"
        """  | sed 's/.*"bearer_token": *"\\([^"]*\\)".*/\\1/')"""
    )


def _first_page(url: str) -> str:
    query = "count=10&sort_field=created_at&sort_direction=ASC"
    return f"curl -s '{url}{BASE}/events?{query}' \\\n  -H \"Authorization: Bearer $TOKEN\""

"""What the sandbox's page says about CareCloud."""

from sandbox.carecloud import BASE, EXTERNAL_APPLICATION_ID, LOGIN, OTHER_LOGIN, OTHER_PASSWORD, PASSWORD
from sandbox.carecloud.catalogue import EVENT_TYPES
from sandbox.carecloud.customers import customer_id
from sandbox.carecloud.feed import Feed
from sandbox.provider import Description, Endpoint

ENDPOINTS = (
    Endpoint("POST", f"{BASE}/users/actions/login", "login and password against a token"),
    Endpoint("GET", f"{BASE}/events", "all events, by offset"),
    Endpoint("POST", f"{BASE}/events", "create an event with its property records"),
    Endpoint("GET", f"{BASE}/events/{{id}}", "one event"),
    Endpoint("GET", f"{BASE}/events/{{id}}/property-records", "its property records"),
    Endpoint("GET", f"{BASE}/customers/{{id}}/events", "one customer's events"),
    Endpoint("GET", f"{BASE}/customers", "all customers, by offset"),
    Endpoint("GET", f"{BASE}/event-types", "types of events"),
    Endpoint("GET", f"{BASE}/event-types/{{id}}/event-properties", "the properties of a type's events"),
    Endpoint("GET", f"{BASE}/event-groups", "groups of types"),
    Endpoint("GET", f"{BASE}/event-properties", "properties of events"),
    Endpoint("GET", "/control/carecloud/events/instants", "when each event was created, in UTC"),
)


def describe(url: str, start: str, feed: Feed, customers: int, time_zone: str) -> Description:
    return Description(
        title="CRM CareCloud",
        facts={
            "customers": f"{customers:,}",
            "time zone": time_zone,
            "events without a time": f"{len(feed.rows) - sum(feed.by_day().values()):,}",
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
            "start_date": start,
        },
        seed={"contact_ids": [customer_id(0)], "event_types": [kind["event_type_id"] for kind in EVENT_TYPES[:2]]},
        examples={"First page of events": f"{_login(url)}\n{_first_page(url)}"},
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

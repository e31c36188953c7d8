"""What the sandbox's page says about App Market."""

import shlex
import sys

from sandbox.app_market import API_SECRET, BASE, EMPTY_INSTANCE_ID, INSTANCE_ID, RENDER_SECRET
from sandbox.app_market.generator import contact_id
from sandbox.provider import Description, Endpoint, Options

ENDPOINTS = (
    Endpoint("GET", f"{BASE}/events/get", "events of the instance or of one contact, by offset"),
    Endpoint("GET", f"{BASE}/contacts/get", "contacts, by offset"),
    Endpoint("POST", f"{BASE}/events/post", "post an event"),
    Endpoint("POST", f"{BASE}/contacts/post", "post a contact, or update the one with the same e-mail address"),
)


def describe(url: str, options: Options, contacts: int) -> Description:
    return Description(
        title="App Market / Builder",
        facts={"contacts": f"{contacts:,}"},
        endpoints=ENDPOINTS,
        credentials={
            "instance id": INSTANCE_ID,
            "API secret": API_SECRET,
            "empty instance id": EMPTY_INSTANCE_ID,
            "render secret (not accepted)": RENDER_SECRET,
        },
        config={
            "provider": {
                "provider_type": "app_market",
                "instance_id": INSTANCE_ID,
                "api_secret": API_SECRET,
                "api_url": f"{url}{BASE}",
            },
            "start_date": options.start,
        },
        seed={"contact_ids": [contact_id(0)], "event_types": ["store_purchase", "new_order"]},
        examples={"First page of events": _first_page(url)},
    )


def _first_page(url: str) -> str:
    claims = f'{{"instanceId": "{INSTANCE_ID}", "iat": int(time.time()), "exp": int(time.time()) + 3600}}'
    query = "since=0&until=4102444800000&contactId=&scope=app&eventTypes=&offset=0&limit=10"
    return (
        f"JWT=$({shlex.quote(sys.executable)} -c 'import jwt, time; print(jwt.encode({claims}, \"{API_SECRET}\"))')\n"
        f"curl -s '{url}{BASE}/events/get?{query}' -H \"instance-jwt: $JWT\""
    )

"""Invented contacts and events in the published form: the same arguments always give the same ones.

One event in sixteen has a twin: an event of the same contact that is alike in every field, to the millisecond.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from sandbox.swipe_one import EVENT_TYPES, WORKSPACE_ID
from sandbox.swipe_one.times import MILLISECOND, format_time, parse_time

ONE_TWIN_IN = 16
FIRST_NAMES = ("Ada", "Zoë", "Nguyễn", "O'Neil", "愛", 'Bob "the\\builder"')


def contact_id(number: int) -> str:
    """The id of a generated contact; the same for every seed, so that later events belong to the same people."""
    return hashlib.md5(f"swipe one contact {number}".encode(), usedforsecurity=False).hexdigest()[:24]


def generate_contacts(contacts: int, start: str, end: str) -> Iterator[dict[str, Any]]:
    """Contacts that were created one after the other, in the first half of the time from start to end."""
    first, last = _range(start, end)
    for number in range(contacts):
        created = format_time(first + (last - first) * number // (2 * contacts))
        name = FIRST_NAMES[number % len(FIRST_NAMES)]
        yield {
            "_id": contact_id(number),
            "firstName": name,
            "lastName": f"No. {number}",
            "fullName": f"{name} No. {number}",
            "email": f"contact-{number}@example.com",
            "phone": {"countryCode": "+1", "number": f"555{number:07d}"},
            "createdAt": created,
            "updatedAt": created,
            "lastActivityDate": created,
            "status": "active",
            "tags": [{"name": "vip"}] if number % 5 == 0 else [],
            "createdBy": {"id": "admin123", "name": "Admin", "type": "user"},
            "workspaceId": WORKSPACE_ID,
            "ordersCount": number % 7,
            "customerLifetimeValue": number % 7 * 19.9,
        }


def generate_events(
    events: int, contacts: int, seed: int, start: str, end: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events with the contact of each, in ascending order of time, evenly spread over the time from start to end."""
    first, last = _range(start, end)
    if events < 0 or contacts < 1:
        raise ValueError("events must be at least 0 and contacts at least 1")
    random = Random(seed)
    contact, event = contact_id(0), dict[str, Any]()
    for number in range(events):
        if number % ONE_TWIN_IN != ONE_TWIN_IN - 1:
            contact = contact_id(int(random.random() * contacts))
            time = first + int((number + random.random()) * (last - first) / events)
            event = _event(random, time - time % MILLISECOND)
        yield contact, event


def _range(start: str, end: str) -> tuple[int, int]:
    first, last = parse_time(start), parse_time(end)
    if first > last:
        raise ValueError("start must not be after end")
    return first, last


def _event(random: Random, time: int) -> dict[str, Any]:
    kind = random.choice(EVENT_TYPES)
    event = {"type": kind, "timestamp": format_time(time), "properties": PROPERTIES.get(kind, _device)(random)}
    if random.random() < 0.5:
        event["createdBy"] = {"id": "admin123", "name": "Admin", "type": random.choice(("user", "automation"))}
    return event


def _device(random: Random) -> Mapping[str, Any]:
    return {
        "device": random.choice(("mobile", "desktop")),
        "location": random.choice(("New York", "São Paulo", "東京")),
    }


def _email(random: Random) -> Mapping[str, Any]:
    return {
        "email_subject": 'Welcome to "SwipeOne" \u2028 ☀',
        "device": "Mobile",
        "campaign": {"id": random.randrange(9)},
    }


def _tags(random: Random) -> Mapping[str, Any]:
    return {"tags": {"from": [], "to": [random.choice(("vip", "lead")), None]}, "bulk": random.random() < 0.1}


def _order(random: Random) -> Mapping[str, Any]:
    items = [{"sku": f"A-{random.randrange(99)}", "price": random.randrange(1000) / 10} for _ in range(3)]
    return {"order": {"id": random.randrange(10**12), "items": items, "discount": None}}


PROPERTIES: Mapping[str, Callable[[Random], Mapping[str, Any]]] = {
    "email_opened": _email,
    "tag_updated": _tags,
    "order_placed": _order,
}

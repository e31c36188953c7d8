"""Invented contacts and events: the same arguments always give the same."""

import uuid
from collections.abc import Iterator
from random import Random
from typing import Any

from sandbox.app_market.records import Contact, Event, microseconds

DAY = 86_400_000_000
TWIN_EVERY = 50
NAMES = ("Zoë O'Neill", 'Jørgen "JJ" Ångström', "渡辺 さくら", "Ana\u2028María", "Émile D\\'Arc")
CITIES = (("Groningen", "GR", "NL"), ("Boston", "MA", "US"), ("São Paulo", "SP", "BR"))
TYPES = ("store_purchase", "new_order", "new_contact", "coupon_used", "form_submitted")


def contact_id(number: int) -> str:
    """The same for every seed, so that later events belong to the same people."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"contact {number}"))


def contacts(number: int, start: str) -> Iterator[Contact]:
    """Contacts that were there before the first event."""
    created = microseconds(start) - DAY
    for index in range(number):
        city, state, country = CITIES[index % len(CITIES)]
        address = {
            "address": f"Main Street {index}",
            "address2": None,
            "city": city,
            "state_code": state,
            "state": state,
            "postal_code": f"{9700 + index} AB",
            "country_code": country,
        }
        fields = {
            "name": NAMES[index % len(NAMES)],
            "phone": f"+3150{index:07d}",
            "company": None if index % 3 else "Example & Sons",
            "email": f"contact-{index}@example.com",
            "addresses": [address] * (index % 3),
        }
        yield Contact(contact_id(index), fields, created + index, created + index)


def events(number: int, contacts: int, seed: int, start: str, end: str) -> Iterator[Event]:
    """Events in ascending order of their times. Every fiftieth is equal to the one before it in all but its id."""
    first, last = microseconds(start), microseconds(end)
    if number < 0 or (number and contacts < 1) or first > last:
        raise ValueError("events must be at least 0, contacts at least 1 for events, and start not after end")
    random = Random(seed)
    step = (last - first + 1) / max(number, 1)
    previous: Event | None = None
    for index in range(number):
        event_id = str(uuid.UUID(int=random.getrandbits(128), version=4))
        if previous is not None and index % TWIN_EVERY == TWIN_EVERY - 1:
            yield Event(event_id, previous.type, previous.contact, previous.created, previous.content)
            continue
        created = min(last, first + int((index + random.random()) * step))
        # A third of the times are whole seconds, and some of those borders of windows.
        created -= created % 1_000_000 if index % 3 == 0 else 0
        kind = TYPES[int(random.random() * len(TYPES))]
        contact = contact_id(int(random.random() * contacts))
        previous = Event(event_id, kind, contact, created, _content(kind, event_id, random))
        yield previous


def _content(kind: str, reference: str, random: Random) -> dict[str, Any]:
    amount = round(random.random() * 100, 2)
    return {
        "reference": reference,
        "store_id": "appmachine",
        "card_id": f"{random.getrandbits(40):014d}",
        "note": NAMES[int(random.random() * len(NAMES))],
        "lines": [{"sku": f"{kind}-{line}", "amount": amount, "tags": []} for line in range(int(amount) % 3)],
        "total": {"amount": amount, "currency": "EUR", "paid": amount > 50, "coupon": None},
    }

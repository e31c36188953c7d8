"""Invented events: the same arguments always give the same events.

Among them are what breaks careless clients: every form of `data`, deleted events, events without a time, and events in
the hours around a clock change.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.carecloud.catalogue import EVENT_PROPERTIES, EVENT_TYPES, ITEMS
from sandbox.carecloud.clock import clock_changes, utc_seconds
from sandbox.carecloud.customers import customer_id

WITHOUT_TIME, AROUND_A_CLOCK_CHANGE, DELETED = 97, 31, 23
"""One event in so many."""

DATA: tuple[Any, ...] = (
    '{"test":10,"test2":20}',
    '{"note":"Žluťoučký kůň — \\"10 %\\" \\u2028 sleva","nested":{"a":[1,2,{"b":null}]}}',
    ["one", "two"],
    {"source": "pokladna", "items": [{"ean": "8590000000001", "price": 12.50}]},
    '{"broken": [1, 2',
    "",
    None,
)


@dataclass
class Event:
    """An event as it is stored: `instant` in seconds, or `created_at` as it was given; neither for no time."""

    id: str
    type: str
    customer: str
    external_id: str
    secondary_external_id: str | None = None
    data: Any = None
    state: int = 1
    instant: int | None = None
    created_at: str | None = None
    records: list[dict[str, Any]] = field(default_factory=list)


def generate(events: int, contacts: int, seed: int, start: str, end: str, zone: ZoneInfo) -> Iterator[Event]:
    """Generate events, spread over the time between start and end (UTC) inclusive."""
    first, last = utc_seconds(start), utc_seconds(end)
    if events < 0 or contacts < 1 or first > last:
        raise ValueError("events must be at least 0, contacts at least 1, and start not after end")
    random = Random(seed)
    changes = clock_changes(first, last, zone)
    step = (last - first + 1) / max(events, 1)
    for number in range(events):
        moment: int | None = min(last, first + int((number + random.random()) * step))
        if changes and number % AROUND_A_CLOCK_CHANGE == 0:
            near = random.choice(changes) + int((random.random() - 0.5) * 4 * 3600)
            moment = min(last, max(first, near))
        if number % WITHOUT_TIME == WITHOUT_TIME - 1:
            moment = None
        yield _event(random, number, customer_id(int(random.random() * contacts)), moment)


def _event(random: Random, number: int, customer: str, moment: int | None) -> Event:
    event_id = f"{random.getrandbits(104):026x}"
    return Event(
        id=event_id,
        type=EVENT_TYPES[int(random.random() * len(EVENT_TYPES))]["event_type_id"],
        customer=customer,
        external_id=f"ext-{event_id[:8]}-{number}",
        secondary_external_id=None if number % 3 else f"second-{number}",
        data=DATA[number % len(DATA)],
        state=0 if number % DELETED == 0 else 1,
        instant=moment,
        records=[_record(random, event_id, position) for position in range(int(random.random() * 4))],
    )


def _record(random: Random, event_id: str, position: int) -> dict[str, Any]:
    chosen = EVENT_PROPERTIES[(int(random.random() * 2) + 2 * position) % len(EVENT_PROPERTIES)]
    return property_record(event_id, chosen["property_id"], _value(random, chosen["property_id"]))


def property_record(event_id: str, property_id: str, value: Any) -> dict[str, Any]:
    names = {known["property_id"]: known["name"] for known in EVENT_PROPERTIES}
    return {
        "property_record_id": f"{property_id}:{event_id}",
        "property_id": property_id,
        "property_name": names.get(property_id),
        "property_value": value,
        "last_change": "2024-01-02 03:04:05",
    }


def _value(random: Random, property_id: str) -> Any:
    values: dict[str, Any] = {
        "has_purchase": random.random() < 0.5,
        "amount": round(random.random() * 1000, 2),
        "items_count": int(random.random() * 20),
        "delivered": f"2024-02-{1 + int(random.random() * 28):02d}",
        "colour": random.sample(ITEMS, 1 + int(random.random() * 2)),
        "basket": json.dumps({"total": int(random.random() * 100)}),
        "receipt": f"receipt {random.getrandbits(32):08x}",
    }
    return values[property_id]

"""The project's data: events that can be added, and customers that can be deleted."""

import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.carecloud.catalogue import EVENT_TYPES
from sandbox.carecloud.clock import instant, local, readable, utc_seconds, utc_text
from sandbox.carecloud.customers import customer, customer_id
from sandbox.carecloud.errors import Refusal, invalid
from sandbox.carecloud.feed import Feed
from sandbox.carecloud.generator import Event, generate, property_record
from sandbox.provider import Options

POSTED = frozenset(
    {
        "event_type_id",
        "customer_id",
        "external_id",
        "data",
        "created_at",
        "secondary_external_id",
        "state",
        "customer_identifier_type",
        "customer_identifier_value",
    }
)
MOST_RECORDS = 1000


class Project:
    """Events and customers. Events keep what they are when the project's time zone changes; only their texts change."""

    def __init__(self, options: Options, zone: ZoneInfo) -> None:
        self._options = options
        self._zone = zone
        self._customers = [customer_id(number) for number in range(options.contacts)]
        self._deleted: set[str] = set()
        self._changed: dict[str, Mapping[str, Any]] = {}
        self._events = list(generate(options.events, options.contacts, options.seed, options.start, options.end, zone))
        self.feed = Feed(self._events, zone)

    @property
    def customers(self) -> Sequence[str]:
        return self._customers

    def change_zone(self, zone: ZoneInfo) -> None:
        if zone != self._zone:
            self._zone = zone
            self.feed = Feed(self._events, zone)

    def customer_list(self) -> list[dict[str, Any]]:
        """The customers that are there, changed two at a time in the time of the events; or as they have been given."""
        options, zone = self._options, self._zone
        first, last = utc_seconds(options.start), utc_seconds(options.end)
        step = (last - first) // max(options.contacts, 1)
        return [
            {
                **customer(key, number, local(first + step * (number // 2 * 2), zone)),
                **self._changed.get(key, {}),
            }
            for number, key in enumerate(self._customers)
            if key not in self._deleted
        ]

    def has_customer(self, customer: str) -> bool:
        return customer in self._customers and customer not in self._deleted

    def delete_customer(self, customer: str) -> bool:
        found = self.has_customer(customer)
        self._deleted.add(customer)
        return found

    def restore_customers(self) -> None:
        self._deleted.clear()

    def instants(self) -> dict[str, str | None]:
        """When each event was created, in UTC: the earlier moment where the project's clock shows a time twice."""
        moments = {row.event.id: instant(row.created_at, self._zone) for row in self.feed.rows}
        return {name: None if moment is None else utc_text(moment) for name, moment in moments.items()}

    def delete_events(self, ids: Collection[str]) -> int:
        before = len(self._events)
        self._events = [event for event in self._events if event.id not in ids]
        self.feed = Feed(self._events, self._zone)
        return before - len(self._events)

    def add(self, request: Mapping[str, Any]) -> int:
        """Add the events of a control request: given as the API has them, or generated."""
        if set(request) == {"customers"} and isinstance(request["customers"], list):
            return self._change(request["customers"])
        if set(request) == {"events"} and isinstance(request["events"], list):
            added = [_given(item) for item in request["events"]]
        else:
            added = self._generated(request)
        ids = [event.id for event in added]
        if len(set(ids)) < len(ids) or set(ids) & self.feed.by_id.keys():
            raise ValueError("event ids must be new and unique")
        self._append(added)
        return len(added)

    def _change(self, customers: Sequence[Mapping[str, Any]]) -> int:
        """Customers as the API has them, of which only the id is needed: new ones, and what has changed of others."""
        for given in customers:
            key = given["customer_id"]
            self._changed[key] = {**self._changed.get(key, {}), **given}
            if key not in self._customers:
                self._customers.append(key)
        return 0

    def post(self, content: Mapping[str, Any]) -> str:
        """Create an event as the API does; returns its id."""
        fields, records = content.get("event"), content.get("property_records")
        if not isinstance(fields, Mapping):
            raise invalid("event", None, "required", "is missing")
        event = self._posted(fields)
        self._check_unique(event)
        event.records = _posted_records(event.id, [] if records is None else records)
        self._append([event])
        return event.id

    def _append(self, events: Sequence[Event]) -> None:
        self._events += events
        self._customers += sorted({event.customer for event in events} - set(self._customers))
        self.feed = Feed(self._events, self._zone)

    def _generated(self, request: Mapping[str, Any]) -> list[Event]:
        options, wanted = self._options, dict(request)
        events = wanted.pop("generate", None)
        contacts = wanted.pop("contacts", options.contacts)
        seed = wanted.pop("seed", options.seed + len(self._events))
        start, end = wanted.pop("start", options.start), wanted.pop("end", options.end)
        if wanted or not isinstance(events, int):
            raise ValueError('expected {"events": [...]} or {"generate": 100} with contacts, seed, start and end')
        return list(generate(events, contacts, seed, start, end, self._zone))

    def _posted(self, fields: Mapping[str, Any]) -> Event:
        for name in fields:
            if name not in POSTED:
                raise invalid(f"event.{name}", fields[name], "not_allowed_value", "is not a field of an event")
        for name in ("event_type_id", "external_id"):
            if not isinstance(fields.get(name), str) or not fields[name]:
                raise invalid(f"event.{name}", fields.get(name), "required", "is missing")
        if fields["event_type_id"] not in {known["event_type_id"] for known in EVENT_TYPES}:
            raise invalid("event.event_type_id", fields["event_type_id"], "not_found", "does not exist")
        created_at = fields.get("created_at")
        if created_at is not None and not readable(created_at):
            raise invalid("event.created_at", created_at, "invalid_value_format", "must be YYYY-MM-DD HH:MM:SS")
        return Event(
            id=secrets.token_hex(13),
            type=fields["event_type_id"],
            customer=self._customer_of(fields),
            external_id=fields["external_id"],
            secondary_external_id=fields.get("secondary_external_id"),
            data=fields.get("data"),
            state=fields.get("state", 1),
            created_at=created_at.replace("T", " ") if created_at else _now(self._zone),
        )

    def _customer_of(self, fields: Mapping[str, Any]) -> str:
        """The customer by its id, or by an identifier: one of them, and not both."""
        identified = "customer_identifier_type" in fields or "customer_identifier_value" in fields
        if "customer_id" in fields and identified:
            raise invalid("event.customer_id", fields["customer_id"], "not_allowed_value", "excludes an identifier")
        if not identified:
            customer = fields.get("customer_id")
            if not customer or not self.has_customer(customer):
                reason = "not_found" if customer else "required"
                raise invalid("event.customer_id", customer, reason, "is not a customer")
            return str(customer)
        kind, value = fields.get("customer_identifier_type"), fields.get("customer_identifier_value")
        if kind not in ("email", "phone", "external_id"):
            raise invalid("event.customer_identifier_type", kind, "not_allowed_value", "must be email, phone, ...")
        found = {_identifier(kind, number): customer for number, customer in enumerate(self._customers)}
        wanted = value.get("external_id") if isinstance(value, Mapping) else value
        if wanted not in found:
            raise invalid("event.customer_identifier_value", value, "not_found", "is not a customer's")
        return found[wanted]

    def _check_unique(self, event: Event) -> None:
        """Event type, customer and the two external ids are unique together."""
        key = _key(event)
        if any(_key(other) == key for other in self._events):
            problem = {
                "name": "event.external_id",
                "reason": "relation_already_exists",
                "value": event.external_id,
                "message": "The relation already exists",
            }
            raise Refusal(400, "The event already exists", {"invalid_params": [problem]})


def _key(event: Event) -> tuple[str, str, str, str | None]:
    return event.type, event.customer, event.external_id, event.secondary_external_id


def _identifier(kind: str, number: int) -> str:
    return {"email": f"contact-{number}@example.com", "phone": f"+420555{number:06d}"}.get(kind, f"customer-{number}")


def _now(zone: ZoneInfo) -> str:
    return local(int(time.time()), zone)


def _posted_records(event_id: str, records: object) -> list[dict[str, Any]]:
    if not isinstance(records, list) or len(records) > MOST_RECORDS:
        raise invalid("property_records", None, "not_allowed_value", f"must be a list of at most {MOST_RECORDS}")
    for record in records:
        if not isinstance(record, Mapping) or not isinstance(record.get("property_id"), str):
            raise invalid("property_records.property_id", None, "required", "is missing")
    return [property_record(event_id, record["property_id"], record.get("property_value")) for record in records]


def _given(item: object) -> Event:
    """An event in the API's own form, of which only the id is needed. Its time may be one that cannot be read."""
    if not isinstance(item, Mapping) or not isinstance(item.get("event_id"), str):
        raise ValueError("an event needs a text 'event_id'")
    return Event(
        id=item["event_id"],
        type=item.get("event_type_id", EVENT_TYPES[0]["event_type_id"]),
        customer=item.get("customer_id", customer_id(0)),
        external_id=item.get("external_id", item["event_id"]),
        secondary_external_id=item.get("secondary_external_id"),
        data=item.get("data"),
        state=item.get("state", 1),
        created_at=item.get("created_at"),
        instant=item.get("instant"),
        records=item.get("property_records") or [],
    )

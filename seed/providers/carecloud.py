"""CareCloud: `POST /events`, which refuses an event of the same type, customer and external ids."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from seed import account
from seed.account import Json, decoded_json, decoded_text
from seed.events import Event
from source_events.components.zones import zone_of
from source_events.records.times import UnreadableTime, local_time, normalize_time
from source_events.transport.network import Reply

ALREADY_THERE = "relation_already_exists"


class Account(account.Account):
    optional_fields = frozenset({"created_at", "property_records"})
    looks_first = False
    streams_of_parts = frozenset({"property_records"})
    advice: ClassVar[Mapping[int, str]] = {
        400: "Check the type (`seed.event_types`, ids of event types), the customer (`seed.contact_ids`), and the "
        "event's `created_at` and `property_records`.",
        401: "Check `provider.credentials.login` and `provider.credentials.password`.",
        403: "The user of `provider.credentials.login` must be in the user group webservice and have the right to "
        "create events.",
    }

    def post(self, event: Event) -> bool:
        fields = {
            "event_type_id": event.type,
            "customer_id": event.contact_id,
            "external_id": event.key,
            "data": json.dumps(event.marked_content, ensure_ascii=False),
        }
        if event.created_at is not None:
            fields["created_at"] = event.created_at
        body: Json = {"event": fields}
        if event.property_records is not None:
            body["property_records"] = msgspec.to_builtins(event.property_records)
        reply = self.create(f"{self.provider['api_url']}/events", body)
        if reply.status == 400 and any(entry.get("reason") == ALREADY_THERE for entry in _invalid(reply)):
            return False
        self.check_accepted(reply)
        return True

    def words(self, reply: Reply) -> str:
        """The fields that the API names are often all that it says."""
        named = (f"{entry.get('name')} {entry.get('reason')}" for entry in _invalid(reply))
        return "; ".join(filter(None, [super().words(reply), *named]))

    def content_of(self, record: Json) -> Any:
        return decoded_text(record.get("data"))

    def is_record_of(self, event: Event, record: Json) -> bool:
        """An external id is only unique together with the type and the customer."""
        named = (record.get("external_id"), record.get("type"), record.get("contactId"))
        return named == (event.key, event.type, event.contact_id)

    def differences(self, event: Event, record: Json) -> list[str]:
        wrong = super().differences(event, record)
        if event.created_at is not None and record.get("createdAt") != self._utc(event.created_at):
            wrong.append("createdAt")
        return wrong

    def _utc(self, created_at: str) -> str | None:
        try:
            return normalize_time(local_time(created_at, zone_of(self.config)))
        except UnreadableTime:
            return None

    def problems(self, event: Event, records: Mapping[str, Sequence[Json]]) -> list[str]:
        return [*super().problems(event, records), *self._problems_of_parts(event, records)]

    def _problems_of_parts(self, event: Event, records: Mapping[str, Sequence[Json]]) -> Iterator[str]:
        ids = {row["id"] for rows in records.values() for row in rows if self.is_record_of(event, row)}
        read = [row for row in records.get("property_records", ()) if row.get("eventId") in ids]
        for posted in event.property_records or ():
            matching = [row for row in read if row.get("property_id") == posted.property_id]
            if len(matching) != 1:
                times = f"read {len(matching)} times" if matching else "not read"
                yield f"property_records: {posted.property_id} {times}"
            elif matching[0].get("property_value") != posted.property_value:
                yield f"property_records: {posted.property_id} has another value"


def _invalid(reply: Reply) -> list[Json]:
    """The fields that an answer complains about; none if its body is not of the documented form."""
    try:
        entries = decoded_json(reply)["error"]["error_data"]["invalid_params"]
        return [entry for entry in entries if isinstance(entry, dict)]
    except (KeyError, TypeError):
        return []

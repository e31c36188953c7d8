"""What the documentation leaves open or contradicts about App Market, as switches."""

from dataclasses import dataclass
from typing import Literal

from sandbox import behaviour


@dataclass(frozen=True)
class Behaviour(behaviour.Behaviour):
    """The answers are not documented at all; the defaults follow the few published examples of contacts.

    claim: the name of the claim with the instance's id; the published examples disagree.
    timestamp_unit: called "Unix timestamp", while the published example passes milliseconds.
    envelope: the key of the rows in the answer, or "bare" for a list alone.
    with_total: the number of all rows beside them; a bare list has no place for it.
    ids: the name of an event's id; "none" leaves it out.
    contact_ids: the same for contacts.
    id_form: ids of events as texts or as numbers.
    time_field, contact_field, type_field: the names of an event's other fields.
    time_notation: "local" is as published for contacts, seven digits and no zone; "offset" has +00:00 behind them.
    time_zone: of the times without a zone.
    order: of events; by time, or as they were added.
    limit_cap: answer with fewer rows than `limit`, without saying so.
    ignore_offset, ignore_limit, ignore_dates, ignore_contact: take no notice of these parameters.
    exclusive_until, exclusive_since: whether an event at the bound itself is left out.
    unknown_contact: the answer to a contact that does not exist.
    """

    claim: Literal["any", "instanceId", "instanceID"] = "instanceId"
    timestamp_unit: Literal["milliseconds", "seconds"] = "milliseconds"
    envelope: Literal["bare", "events", "data", "items"] = "bare"
    with_total: bool = False
    ids: Literal["none", "id", "event_id", "_id"] = "id"
    contact_ids: Literal["none", "id", "contact_id", "_id"] = "id"
    id_form: Literal["text", "number"] = "text"
    time_field: Literal["created_on", "createdAt", "created_at", "timestamp"] = "created_on"
    contact_field: Literal["contact_id", "contactId"] = "contact_id"
    type_field: Literal["event_type", "type"] = "event_type"
    time_notation: Literal["local", "offset", "seconds", "milliseconds"] = "local"
    time_zone: str = "UTC"
    order: Literal["ascending", "descending", "added"] = "descending"
    limit_cap: int | None = None
    ignore_offset: bool = False
    ignore_limit: bool = False
    ignore_dates: bool = False
    ignore_contact: bool = False
    exclusive_until: bool = False
    exclusive_since: bool = False
    unknown_contact: Literal["empty", "not_found"] = "empty"

"""What is to be posted where: the seed file, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from source_events.configuration import complete

FIELDS = {"key", "type", "contact", "content", "property_records"}


class InvalidPlan(ValueError):
    """The seed file cannot be used; the message says why."""


@dataclass(frozen=True)
class SeedEvent:
    """An event to post. `key` tells it from all other seeded events of the account, in every run."""

    key: str
    type: str
    contact: str | None = None
    content: Mapping[str, Any] = field(default_factory=dict)
    property_records: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Plan:
    """The events, and the connector's configuration for the account: as it was given, and completed.

    `write_key` is for accounts that write with another key than they read with.
    """

    connection: Mapping[str, Any]
    config: Mapping[str, Any]
    events: Sequence[SeedEvent]
    write_key: str | None = None


def load(path: Path) -> Plan:
    """
    :raises InvalidPlan: if the file is not there, is no JSON, or has other fields than are known
    :raises InvalidConfiguration: if the connector's configuration in it is wrong
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidPlan(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InvalidPlan(f"{path} is not JSON: {error}.") from None
    if not isinstance(document, dict) or not {"connection", "events"} <= set(document) <= {
        "connection",
        "events",
        "write_key",
    }:
        raise InvalidPlan(f"{path} must have `connection`, `events` and, where another key writes, `write_key`.")
    # The events are created now, whatever the range is that the connection usually reads.
    connection = {name: value for name, value in document["connection"].items() if name != "end_date"}
    config = complete(connection)
    return Plan(connection, config, _events(document["events"]), document.get("write_key"))


def _events(entries: Any) -> list[SeedEvent]:
    if not isinstance(entries, list) or not entries:
        raise InvalidPlan("`events` must be a list with at least one event.")
    for position, entry in enumerate(entries):
        if not isinstance(entry, dict) or not {"key", "type"} <= set(entry) <= FIELDS:
            raise InvalidPlan(f"`events[{position}]` must have `key` and `type`, and may have {_named(FIELDS)}.")
    events = [SeedEvent(**entry) for entry in entries]
    if len({event.key for event in events}) < len(events):
        raise InvalidPlan("Two events have the same `key`.")
    return events


def _named(fields: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(fields - {"key", "type"}))

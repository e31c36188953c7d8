"""Events and contacts as the API keeps them, and as it writes them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.app_market.behaviour import Behaviour

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Event:
    """`created` is in microseconds; `written` takes its place in answers, for times that nobody can read."""

    id: str
    type: str
    contact: str | None
    created: int
    content: dict[str, Any]
    written: str | None = None

    def as_json(self, behaviour: Behaviour) -> dict[str, Any]:
        contact: dict[str, Any] = {behaviour.contact_field: self.contact} if self.contact else {}
        return {
            **_named(behaviour.ids, number_of(self.id) if behaviour.id_form == "number" else self.id),
            behaviour.type_field: self.type,
            "content": self.content,
            **contact,
            "scope": "app",
            behaviour.time_field: written_time(self.created, behaviour) if self.written is None else self.written,
        }


@dataclass(frozen=True)
class Contact:
    id: str
    fields: dict[str, Any]
    created: int
    modified: int

    def as_json(self, behaviour: Behaviour) -> dict[str, Any]:
        return {
            **_named(behaviour.contact_ids, self.id),
            **self.fields,
            "modified_on": _local(self.modified, behaviour),
            "created_on": _local(self.created, behaviour),
        }


def _named(name: str, value: str | int) -> dict[str, Any]:
    return {} if name == "none" else {name: value}


def number_of(text: str) -> int:
    """The id as a number of 48 bits, for the form of ids that is one."""
    return int(text.replace("-", "")[:12], 16)


def written_time(moment: int, behaviour: Behaviour) -> str | int:
    if behaviour.time_notation == "seconds":
        return moment // 1_000_000
    if behaviour.time_notation == "milliseconds":
        return moment // 1000
    if behaviour.time_notation == "offset":
        return _seven_digits(EPOCH + timedelta(microseconds=moment)) + "+00:00"
    return _local(moment, behaviour)


def _local(moment: int, behaviour: Behaviour) -> str:
    return _seven_digits((EPOCH + timedelta(microseconds=moment)).astimezone(ZoneInfo(behaviour.time_zone)))


def _seven_digits(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f") + "3"


def microseconds(time: str) -> int:
    """Microseconds since 1970 of a time with an offset or a `Z`."""
    moment = datetime.fromisoformat(time)
    if moment.tzinfo is None:
        raise ValueError(f"{time!r} has no offset")
    return (moment - EPOCH) // timedelta(microseconds=1)


def now() -> int:
    return (datetime.now(UTC) - EPOCH) // timedelta(microseconds=1)

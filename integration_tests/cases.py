"""What whole syncs are tested with: `FAULTS`, `MOVING`, `connections` and `account` of each system's module here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from integration_tests.connector import Json, Output
from sandbox.process import Sandbox

Connection = tuple[Json, str]
"""A configuration, and its cheapest stream."""


def id_of(record: Json) -> str:
    name: str = record["id"]
    return name


@dataclass(frozen=True)
class Faults:
    """A stream that takes several pages, the paths of the requests for it, and what the API's refusals mean."""

    name: str
    stream: str
    feed: str
    config: Callable[[Sandbox], Json]
    cap: Mapping[str, Any]
    refusals: Mapping[int, tuple[str, str]]
    """For each documented status the kind of error, and a word that its message has."""
    contents: Callable[[Output, str], Counter[str]] = lambda output, stream: output.ids(stream)
    refused: Json = field(default_factory=dict)
    """An answer with the status 200 that says that it failed, with the words "quota spent"; if the API has such."""
    token_status: int | None = None
    """The status that refuses an expired token, where tokens expire."""


@dataclass(frozen=True)
class Moving:
    """A stream whose pages are small, and how its events are written."""

    name: str
    stream: str
    feed: str
    cap: str
    config: Callable[..., Json]
    event: Callable[..., Json]
    contacts: tuple[str, ...]
    contact_path: str = "/events$"
    contents: Callable[[Iterable[Json]], Counter[str]] = lambda records: Counter(map(id_of, records))
    """The records in the form in which the sandbox tells its events."""
    told: Callable[[Json], str] = id_of
    """An event that `event` makes, in the same form."""

    def event_at(self, number: int, moment: datetime, contact: str | None = None) -> Json:
        return self.event(number, moment, self.contacts[0] if contact is None else contact)


@dataclass(frozen=True)
class Account:
    """What is read while everything goes wrong now and then; `behaviour` are the sandbox's switches.

    They make pages so small that also the shortest test, in which `others` is 0.04, makes a hundred requests.
    """

    streams: tuple[str, ...]
    events: int
    contacts: int
    config: Callable[..., Json]
    behaviour: Mapping[str, Any]
    paths: str = "/events$"
    """Of the requests that are disturbed."""
    content: Callable[[Json], str] = id_of
    """A record in the form in which the sandbox tells its events."""
    streamed: bool = False


def zulu(moment: datetime, timespec: str = "seconds") -> str:
    return moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat(timespec=timespec) + "Z"

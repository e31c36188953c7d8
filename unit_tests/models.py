"""What small models of APIs have in common: events, and the habits in which servers differ.

They answer requests, and no more. Those of a provider are the `MODELS` of `providers/NAME/model.py`.
"""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from unit_tests.exchange import Request, Response


@dataclass(frozen=True)
class Event:
    """Two events with the same content, contact and time are twins."""

    moment: datetime
    contact: str
    content: int


@dataclass(frozen=True)
class Habits:
    """`page` is the most rows of an answer, whatever was asked for; `exclusive` are the bounds of a time filter."""

    page: int
    order: str
    exclusive: bool
    totals: bool


@dataclass
class Model(ABC):
    """One account. `stream` is what is read of it; `number` of an event is its place in the account."""

    habits: Habits
    events: list[Event] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    """The numbers of events that are not there any more."""
    stream = "org_events"
    looks_deaf = False
    """Whether its answers are, by chance, those of an API that ignores what it is asked for."""

    @property
    def ambiguous(self) -> set[str]:
        """The ids of events whose time means two instants, so that they may come once for each within a sync."""
        return set()

    @property
    @abstractmethod
    def provider(self) -> dict[str, Any]:
        """The configuration's `provider`."""

    @abstractmethod
    def answer(self, made: Request) -> Response:
        """What the API answers."""

    def normal(self, event: Event) -> Event:
        """The event as precisely as the API can tell it."""
        return event

    def content(self, record: dict[str, Any]) -> Any:
        """What a record says beside its id; equal to `expected` of its event."""
        return record["contactId"], record["createdAt"], record["content"]["n"]

    def expected(self, event: Event) -> Any:
        return event.contact, utc(event.moment), event.content

    def ordered(self, events: Sequence[tuple[int, Event]]) -> list[tuple[int, Event]]:
        by_time = sorted(events, key=lambda numbered: (numbered[1].moment, numbered[0]))
        if self.habits.order == "descending":
            return by_time[::-1]
        if self.habits.order == "shuffled":
            random.Random(len(by_time)).shuffle(by_time)
        return by_time

    def page(self, rows: Sequence[Any], offset: int) -> Sequence[Any]:
        return rows[offset : offset + self.habits.page]

    def within(self, value: Any, first: Any, last: Any) -> bool:
        return first < value < last if self.habits.exclusive else first <= value <= last


def utc(moment: datetime) -> str:
    """A time without zeros behind its fraction.

    A record's has as many digits as the API's: a model that writes others says what is `expected`.
    """
    text = moment.astimezone(timezone.utc).replace(tzinfo=None).isoformat()
    return f"{text.rstrip('0') if '.' in text else text}Z"


def answered(body: Any) -> Response:
    return Response(json.dumps(body).encode(), 200, {"Content-Type": "application/json"})

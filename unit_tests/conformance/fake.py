"""What the conformance suite needs of a provider: a class `Fake`, in `unit_tests/providers/NAME/fake.py`."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import pytest

from unit_tests.exchange import Request, Response

FOLDER = Path("unit_tests/providers")
Item = TypeVar("Item")


@dataclass(frozen=True)
class Event:
    """The id is a number, for APIs that have such.

    `fields` are further fields of its row, which the API's own come before: `{**event.fields, "event_id": ...}`.
    """

    id: str
    time: datetime
    contact: str
    type: str
    fields: Mapping[str, Any]

    @property
    def utc(self) -> str:
        """The time as records have it: without zeros behind a fraction."""
        text = self.time.astimezone(timezone.utc).replace(tzinfo=None).isoformat()
        return f"{text.rstrip('0') if '.' in text else text}Z"


NATIVE = dict.fromkeys(("provider", "createdAt", "organizationId", "contactId", "unknownFields"), "its own")
"""Fields of a row that have the names of the envelope's."""


class Fake(ABC):
    """An account with these events, behind its API: as its documentation has it, but for pages of two rows.

    Rows of lists begin with `NATIVE`, as those of events with their `fields`.
    """

    has_ids = True
    """Whether the API gives each event an id; else the connector makes one."""
    precision = timedelta(microseconds=1)
    """How precisely the API tells times."""
    not_events: Collection[str] = ()
    """Streams with slices of time whose records are not the events themselves."""
    page_size = 2
    lists: Mapping[str, Sequence[str]] = {}
    """For each stream without slices of time the primary keys of its records."""

    def __init__(self, events: Sequence[Event]) -> None:
        self.events = events
        self.turned = False
        """Whether a page behind the first one has been served."""

    @property
    @abstractmethod
    def provider(self) -> dict[str, Any]:
        """The configuration's `provider`, with secrets that say that they are fake."""

    @abstractmethod
    def answer(self, made: Request) -> Response:
        """What the API answers."""

    def is_login(self, made: Request) -> bool:
        """Whether a request is answered also where all others are refused."""
        return made.method == "POST"

    def page(self, rows: Sequence[Item], offset: int = 0) -> Sequence[Item]:
        found = rows[offset : offset + self.page_size]
        self.turned = self.turned or (offset > 0 and bool(found))
        return found

    def of_contact(self, contact: str) -> list[Event]:
        return [event for event in self.events if event.contact == contact]

    @property
    def contacts(self) -> list[str]:
        return sorted({event.contact for event in self.events})


def json_of(body: Any) -> Response:
    return Response(json.dumps(body).encode(), 200, {"Content-Type": "application/json"})


def moment_of(time: str) -> datetime:
    """A time of the form that windows have."""
    return datetime.fromisoformat(time.replace("Z", "+00:00"))


def fake_of(provider: str) -> type[Fake]:
    path = FOLDER / provider / "fake.py"
    if not path.is_file():
        pytest.fail(
            f"The provider {provider} has no fake: write {path}, with a class Fake as unit_tests/conformance/fake.py "
            "describes it.",
            pytrace=False,
        )
    kind: type[Fake] = import_module(f"unit_tests.providers.{provider}.fake").Fake
    return kind

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Raw

from source_events import providers
from source_events.components.contacts import ListedContacts
from source_events.components.selection import Selection
from source_events.components.windows import Slice
from source_events.records.page import Page
from source_events.runtime import Runtime
from unit_tests.parts import Slices
from unit_tests.providers.swipe_one.reading import CONFIG, contacts


def test_listed_contacts_carry_the_time_of_their_creation_where_it_is_one() -> None:
    rows = [
        b'{"_id":"a","createdAt":"2024-01-01T02:00:00.5+02:00"}',
        b'{"_id":"b","createdAt":"?"}',
        b'{"_id":"c"}',
        b'{"_id":"d","createdAt":5}',
    ]
    runtime = Runtime(1)

    def pages(part: Slice) -> Iterator[Page]:
        decoded: list[Any] = [contacts().row(Raw(row)) for row in rows]
        page = Selection(CONFIG, runtime.stream("contacts")).begin(part).page_of_rows(decoded)
        page.memory = runtime.memory.reserve(1)
        yield page

    listed = ListedContacts(CONFIG, runtime, Slices(pages))  # type: ignore[arg-type]
    assert not listed.by_creation
    found = [(contact.id, contact.created_at) for contact in listed.contacts("", "")]
    assert found == [("a", "2024-01-01T00:00:00.5Z"), ("b", None), ("c", None), ("d", "1970-01-01T00:00:05Z")]
    assert runtime.memory.used == 0


def test_they_are_listed_in_the_order_of_their_creation() -> None:
    [_, events, _] = providers.manifest("swipe_one")["streams"]
    contacts = events["retriever"]["contacts"]
    assert contacts["by_creation"] is True
    assert contacts["reader"]["requester"]["parameters"] == {"sort": "createdAt", "order": "1"}

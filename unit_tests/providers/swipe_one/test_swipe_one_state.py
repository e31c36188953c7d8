"""The state stays small, however many contacts a workspace has."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.sources.message import NoopMessageRepository
from airbyte_cdk.sources.types import Record

from source_events.components.contacts import Contact, ContactCursor

CONTACTS = 20_000
CONFIG = {
    "start_date": "2024-01-01T00:00:00Z",
    "end_date": "2024-12-31T00:00:00Z",
    "lookback_window": "P1D",
    "contact_ids": [],
}


class Retriever:
    def list_contacts(self, start: str, end: str) -> Iterator[Contact]:
        return (Contact(f"{number:024x}", "2023-01-01T00:00:00.000Z") for number in range(CONTACTS))


def test_the_state_of_twenty_thousand_contacts_stays_under_a_mebibyte() -> None:
    retriever: Any = Retriever()
    cursor = ContactCursor(
        "contact_events", CONFIG, retriever, NoopMessageRepository(), ConnectorStateManager(state=[])
    )
    sizes = []
    for stream_slice in cursor.stream_slices():
        cursor.observe(Record({"createdAt": "2024-06-01T00:00:00Z"}, "contact_events"))
        cursor.close_partition(SimpleNamespace(to_slice=lambda found=stream_slice: found))  # type: ignore[arg-type]
        sizes.append(len(json.dumps(cursor.state)))
    assert len(sizes) == CONTACTS / 25
    assert 2**18 < max(sizes) < 2**20
    assert cursor.state == {"createdAt": "2024-06-01T00:00:00Z"}

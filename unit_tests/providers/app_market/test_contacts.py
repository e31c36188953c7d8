from __future__ import annotations

import json
from typing import Any

from source_events.components.contacts import Contact
from source_events.components.selection import Selection
from source_events.components.windows import Slice
from source_events.providers.app_market.contacts import InstanceContacts
from source_events.providers.app_market.selection import ContactSelection, InstanceSelection
from source_events.runtime import Runtime
from unit_tests.parts import Slices
from unit_tests.providers.app_market.reading import configuration, contacts, event, events


class Instance:
    """The contacts of an instance whose list and events are these."""

    def __init__(self, listed: list[Any], happened: list[Any]) -> None:
        config = configuration(time_zone="Europe/Amsterdam")
        self.runtime = Runtime(1)
        stream = self.runtime.stream("contact_events")

        def reader(decoder: Any, selection: Selection, rows: list[Any]) -> Slices:
            def pages(part: Slice) -> Any:
                answer = decoder.decode(json.dumps(rows).encode())
                answer.memory = self.runtime.memory.reserve(1)
                yield selection.begin(part).page_of(answer, decoder)

            return Slices(pages)

        self.feed = reader(events(), InstanceSelection(config, stream), happened)
        listing = reader(contacts(time_zone="Europe/Amsterdam"), ContactSelection(config, stream), listed)
        self._contacts = InstanceContacts(config, listing, self.feed)  # type: ignore[arg-type]

    def contacts(self) -> list[Contact]:
        found = list(self._contacts.contacts("2024-01-01T00:00:00Z", "2024-01-12T00:00:00Z"))
        assert self.runtime.memory.used == 0
        return found


def test_the_list_tells_ids_and_times_of_creation() -> None:
    rows = [{"id": "a", "created_on": "2018-08-22T16:47:10.0549203"}, {"contact_id": "b"}, {"_id": 5, "createdAt": "?"}]
    instance = Instance(rows, [])
    assert instance.contacts() == [Contact("a", "2018-08-22T14:47:10.054920Z"), Contact("b"), Contact("5")]
    assert instance.feed.asked == []


def test_contacts_without_an_id_are_found_in_the_events(log: Any) -> None:
    instance = Instance([{"id": "a"}, {"email": "e@x"}], [event("1", contact_id="from the feed"), event("2")])
    assert [contact.id for contact in instance.contacts()] == ["a", "from the feed"]
    # Two windows of a week each; the event of the first one is in no other.
    assert [part.first[:10] for part in instance.feed.asked] == ["2024-01-01", "2024-01-08"]
    assert "The contact list has 1 contacts without an id; the events tell the others." in log.text

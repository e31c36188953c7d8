"""Property records, included in their events or asked for one by one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.windows import Slice
from source_events.providers.carecloud.answers import EventDecoder
from source_events.providers.carecloud.property_records import PropertyRecordSelection
from source_events.records.page import Answer
from source_events.runtime import Runtime
from unit_tests.parts import Endpoint, records
from unit_tests.providers.carecloud.project import completed, config, listed
from unit_tests.schemas import names_in

DAY = Slice("2024-02-01T00:00:00Z", "2024-02-01T23:59:59Z", undated=False)


class Events:
    """A page of events; `records` are the answers for those that came without their property records."""

    def __init__(self, *own: Any) -> None:
        self.runtime = Runtime(2)
        self.endpoint = Endpoint(listed("property_records"), own, self.runtime.memory)
        stream = self.runtime.stream("property_records")
        known = names_in("carecloud", "property_records")
        self._selection = PropertyRecordSelection(completed(), self.runtime, stream, known, self.endpoint)  # type: ignore[arg-type]

    def read(self, *events: dict[str, Any]) -> list[dict[str, Any]]:
        decoder = EventDecoder(config(), None, "data.events")
        body = json.dumps({"data": {"events": events}}).encode()
        answer: Answer = decoder.decode(body)
        answer.memory = self.runtime.memory.reserve(len(body))
        found = records([self._selection.begin(DAY).page_of(answer, decoder)])
        assert self.runtime.memory.used == 0
        return found


def event(name: str = "e", **fields: Any) -> dict[str, Any]:
    return {"event_id": name, "customer_id": "c", "created_at": "2024-02-01 12:00:00", **fields}


def test_a_record_has_what_it_needs_of_its_event() -> None:
    own = {"property_id": 7, "property_value": "v", "contactId": None}
    [record] = Events().read(event(property_records=[own]))
    assert record == {
        "property_id": 7,
        "property_value": "v",
        "id": "e:7",
        "provider": "carecloud",
        "organizationId": "project.example.com",
        "eventId": "e",
        "contactId": "c",
        "createdAt": "2024-02-01T11:00:00Z",
    }


def test_fields_that_the_schema_does_not_name_stand_there_once_more() -> None:
    rows = [{"property_id": 7, "novel": {"a": 1}, "type": "text"}, {"property_id": 8}]
    with_novel, other = Events().read(event(property_records=rows))
    assert with_novel["unknownFields"] == {"novel": {"a": 1}, "type": "text"}
    assert (with_novel["novel"], with_novel["type"]) == ({"a": 1}, "text")
    assert "unknownFields" not in other


def test_those_that_did_not_come_are_asked_for_event_by_event() -> None:
    answer = {"data": {"property_records": [{"property_record_id": 9}]}}
    events = Events(answer, None)
    found = events.read(event("a"), event("b", property_records=[]), event("c"))
    assert sorted(part.contact or "" for part in events.endpoint.slices) == ["a", "c"]
    assert [record["id"] for record in found] in (["a:9"], ["c:9"])


def test_an_event_that_is_left_out_is_not_asked_for_its_records() -> None:
    events = Events()
    assert events.read(event(created_at="2024-03-01 12:00:00")) == []
    assert events.endpoint.asked == []


@pytest.mark.parametrize("row", [{"property_value": 1}, {"property_id": ""}, 5, "text"], ids=repr)
def test_one_that_cannot_be_read_is_named_by_its_event_and_leaves_no_memory(row: Any) -> None:
    events = Events()
    with pytest.raises(AirbyteTracedException, match="A property record of event e cannot be read: ") as caught:
        events.read(event(property_records=[row]))
    assert caught.value.failure_type is not None
    assert caught.value.failure_type.value == "system_error"
    assert events.runtime.memory.used == 0

"""The properties of each event type: what the API says of one, its type, and an id of both."""

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.utils import AirbyteTracedException

from source_events.components.reader import PageReader
from source_events.components.windows import Slice
from source_events.providers.carecloud.type_properties import TypePropertyDecoder, TypePropertySelection
from source_events.runtime import Runtime
from unit_tests.parts import Endpoint, records
from unit_tests.providers.carecloud.project import completed
from unit_tests.schemas import names_in

CONFIG = completed()


def read(*properties: Any, type_id: str = "t1") -> list[dict[str, Any]]:
    runtime = Runtime(1)
    stream = runtime.stream("event_type_properties")
    decoder = TypePropertyDecoder(CONFIG, names_in("carecloud", "event_type_properties"), "data.event_properties")
    endpoint = Endpoint(decoder, [{"data": {"event_properties": list(properties)}}], runtime.memory)
    reader = PageReader(stream, endpoint, TypePropertySelection(CONFIG, stream))  # type: ignore[arg-type]
    return records(reader.read(Slice(CONFIG["start_date"], CONFIG["end_date"], type_id)))


def test_every_field_stands_in_the_record_once() -> None:
    native = {"property_id": "p1", "name": "n", "id": "own", "event_type_id": "own", "extra": [1]}
    [record] = read(native)
    envelope = {"provider": "carecloud", "organizationId": "project.example.com", "id": "t1:p1", "event_type_id": "t1"}
    assert record == {**native, **envelope, "unknownFields": {"extra": [1]}}


def test_the_same_property_of_two_types_has_two_ids() -> None:
    assert [record["id"] for type_id in ("t1", "t3") for record in read({"property_id": 2}, type_id=type_id)] == [
        "t1:2",
        "t3:2",
    ]


@pytest.mark.parametrize("native", [{"name": "n"}, {"property_id": ""}, {"property_id": None}], ids=str)
def test_a_property_without_an_id_is_an_error(native: Any) -> None:
    with pytest.raises(AirbyteTracedException, match="property_id"):
        read(native)

from __future__ import annotations

import pytest
from requests.utils import unquote

from source_events.components.windows import Slice
from source_events.source import bind
from unit_tests.exchange import Request, Response, Transport
from unit_tests.reading import read

PROVIDER = {"provider_type": "swipe_one", "workspace_id": "w1", "api_key": "1e5"}
CONFIG = {"provider": PROVIDER, "start_date": "2024-01-01", "end_date": "2024-12-31T23:59:59Z"}


def test_the_key_is_sent_as_it_is_also_if_it_looks_like_a_number(network: Transport) -> None:
    url = "https://api.swipeone.com/api/workspaces/w1/contacts"
    query = (("limit", "100"), ("order", "1"), ("sort", "createdAt"))
    network.expect(
        Request("GET", url, query, headers=(("x-api-key", "1e5"),)),
        Response(b'{"status":"success","data":{"contacts":[]}}'),
    )
    assert read("contacts", config=CONFIG).status("contacts") == "COMPLETE"


def test_definitions_are_asked_for_without_any_parameter(network: Transport) -> None:
    network.expect(
        Request("GET", "https://api.swipeone.com/api/workspaces/w1/event-definitions", headers=(("x-api-key", "1e5"),)),
        Response(b'{"status":"success","data":{"eventDefinitions":[{"name":"order_placed","novel":1}]}}'),
    )
    [record] = read("event_definitions", config=CONFIG).records()
    added = {"id": "order_placed", "provider": "swipe_one", "organizationId": "w1", "unknownFields": {"novel": 1}}
    assert record == {"name": "order_placed", "novel": 1, **added}


@pytest.mark.parametrize("contact", ["a/../b", "a?b=c#d", "ü %2F", "{{ config }}"])
def test_a_contact_id_cannot_leave_its_place_in_the_path(contact: str) -> None:
    source = bind(CONFIG)
    [stream] = [each for each in source.streams(CONFIG) if each.name == "contact_events"]
    requester = stream._stream_partition_generator.reader._events._requester  # type: ignore[attr-defined]
    request, _ = requester._request(Slice("2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z", contact), {"page": 1})
    address, _, query = request.url.partition("?")
    assert query == "limit=100&page=1"
    assert address.startswith("https://api.swipeone.com/api/contacts/")
    assert address.endswith("/events")
    assert address.count("/") == 6
    assert not set(address) & set("?#{} ")
    assert unquote(address.split("/")[5]) == contact

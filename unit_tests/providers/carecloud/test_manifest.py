from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import requests

from source_events.components.windows import Slice
from source_events.settings.configuration import InvalidConfiguration, validate
from source_events.source import bind
from unit_tests.providers.carecloud.project import config

DAY = Slice("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")


def requester_of(stream: str, settings: Mapping[str, Any]) -> Any:
    """The requester of a stream's feed."""
    source = bind(settings)
    [found] = [each for each in source.streams(settings) if each.name == stream]
    return found._stream_partition_generator.reader._pages._requester  # type: ignore[attr-defined]


def url_of(settings: Mapping[str, Any], stream: str = "org_events") -> str:
    request, _ = requester_of(stream, settings)._request(DAY, {})
    return requests.utils.unquote(str(request.url).partition("?")[2])


def test_the_parameters_are_exactly_the_documented_ones() -> None:
    assert url_of(config()) == (
        "sort_field=created_at&sort_direction=ASC&time_from=2024-01-01+00:59:59&time_to=2024-01-02+01:00:00&count=1000"
    )
    assert "&include_property_records=true" in url_of(config(), "property_records")


def test_types_are_a_bracketed_array_while_the_address_stays_short() -> None:
    assert url_of({**config(), "event_types": ["a"]}).count("&event_type_ids[]=a") == 1
    assert url_of({**config(), "event_types": ["a", "b's"]}).endswith(
        "&event_type_ids[]=a&event_type_ids[]=b's&count=1000"
    )
    assert url_of({**config(), "event_types": [str(number) for number in range(100)]}).count("event_type_ids[]") == 100
    assert "event_type_ids" not in url_of({**config(), "event_types": [str(number) for number in range(101)]})


@pytest.mark.parametrize(
    ("provider", "problem"),
    [
        ({"credentials": {"auth_type": "basic", "login": "l"}}, "`provider.credentials.password` is missing"),
        (
            {"credentials": {"auth_type": "bearer", "login": "l", "password": 7}},
            "`provider.credentials.password` must be",
        ),
        ({"credentials": {"auth_type": "token"}}, "`provider.credentials.auth_type` must be one of bearer, basic"),
        ({"credentials": "secret"}, "`provider.credentials` must be of type object"),
        ({"time_zone": ""}, "`provider.time_zone` must not be empty"),
        ({"api_url": "http://project.example.com"}, "`provider.api_url` must begin with https://"),
    ],
)
def test_a_wrong_field_is_named_also_within_the_credentials(provider: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        validate(config(**provider))
    assert problem in str(raised.value)
    assert "secret" not in str(raised.value)

"""Each request in full: what is compared is everything that Cloud4Wi is asked."""

from __future__ import annotations

import pytest

from unit_tests.exchange import Request
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import cloud4wi, configuration, read

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
ALL_FILTERABLE = "visit,signup,login,send_email,open_email,click_email,send_sms,click_sms,survey,promo"


def test_the_login_is_a_post_of_key_and_secret(network):
    network.expect(
        Request(
            "POST",
            "https://explore.cloud4wi.com/v1/sts/login/services",
            body={"clientKey": requests.CLIENT_KEY, "clientSecret": requests.CLIENT_SECRET},
            headers=(("Content-Type", "application/json"),),
        ),
        responses.token(),
    )
    network.expect(requests.feed(*DAY), responses.empty())
    read("org_events")


def test_the_first_page_and_the_next_repeat_the_filters(network):
    url = f"https://explore.cloud4wi.com/v1/organizations/{requests.ORGANIZATION}/events"
    query = (
        ("dateEnd", "2024-01-01T23:59:59Z"),
        ("dateStart", "2024-01-01T00:00:00Z"),
        ("enableScroll", "true"),
    )
    fixed = (("size", "10000"), ("sortBy", "utcTime"))
    headers = (("Authorization", "Bearer token-1"),)
    network.expect(requests.login(), responses.token())
    network.expect(
        Request("GET", url, (*query, *fixed), headers=headers), responses.page([responses.event("a")], "s+/=&1")
    )
    scrolled = (*query, ("scrollId", "s+/=&1"), *fixed)
    network.expect(Request("GET", url, scrolled, headers=headers), responses.empty())
    read("org_events")


def test_the_newest_scroll_id_is_used(network):
    network.expect(requests.login(), responses.token())
    network.expect(requests.feed(*DAY), responses.page([responses.event("a")], "s1"))
    network.expect(requests.feed(*DAY, scroll="s1"), responses.page([responses.event("b")], "s2"))
    network.expect(requests.feed(*DAY, scroll="s2"), responses.empty("s3"))
    assert read("org_events").ids() == ["a", "b"]


def test_a_contacts_events_are_asked_for_without_a_scroll(network):
    network.expect(requests.login(), responses.token())
    network.expect(
        Request(
            "GET",
            f"https://explore.cloud4wi.com/v1/organizations/{requests.ORGANIZATION}/customers/a-contact/events",
            (("dateEnd", DAY[1]), ("dateStart", DAY[0]), ("size", "10000"), ("sortBy", "utcTime")),
        ),
        responses.empty(),
    )
    read("contact_events", config=configuration(contact_ids=["a-contact"]))


@pytest.mark.parametrize(
    ("types", "parameter"),
    [
        pytest.param([], None, id="none"),
        pytest.param(["visit"], "visit", id="one that the API filters"),
        pytest.param(ALL_FILTERABLE.split(","), ALL_FILTERABLE, id="all that the API filters"),
        pytest.param(["arriving"], None, id="one that it does not"),
        pytest.param(["visit", "geo_visit"], None, id="one of each"),
        pytest.param(["Visit"], None, id="another spelling"),
        pytest.param(["visit,login"], None, id="a comma within"),
    ],
)
@pytest.mark.parametrize("stream", ["org_events", "contact_events"])
def test_types_are_passed_on_only_where_the_api_knows_them_all(network, stream, types, parameter):
    network.expect(requests.login(), responses.token())
    request = (
        requests.feed(*DAY, events=parameter)
        if stream == "org_events"
        else requests.contact("c", *DAY, events=parameter)
    )
    network.expect(request, responses.empty())
    read(stream, config=configuration(event_types=types, contact_ids=["c"]))


def test_types_that_are_not_passed_on_are_filtered_here(network):
    events = [responses.event(kind, event_type=kind) for kind in ("visit", "geo_visit", "login")]
    network.expect(requests.login(), responses.token())
    network.expect(requests.feed(*DAY), responses.page(events))
    assert read("org_events", config=configuration(event_types=["visit", "geo_visit"])).ids() == ["geo_visit", "visit"]


@pytest.mark.parametrize("address", ["https://other.example/base", "https://other.example/base/"])
def test_another_address_is_the_base_of_all_requests(network, address):
    api = "https://other.example/base"
    network.expect(requests.login(api=api), responses.token())
    network.expect(requests.feed(*DAY, api=api, organization="other_org-1"), responses.empty())
    provider = cloud4wi(api_url=address, organization_id="other_org-1")
    assert read("org_events", config=configuration(provider=provider)).status("org_events") == "COMPLETE"


def test_an_identifier_of_digits_is_a_text(network):
    network.expect(requests.login("0123", "4567"), responses.token())
    network.expect(requests.feed(*DAY, organization="0012"), responses.empty())
    provider = cloud4wi(organization_id="0012", client_key="0123", client_secret="4567")
    read("org_events", config=configuration(provider=provider))


def test_contacts_are_asked_for_by_scroll_with_nothing_but_the_size(network):
    url = f"https://explore.cloud4wi.com/v2/customers/organizations/{requests.ORGANIZATION}"
    network.expect(requests.login(), responses.token())
    first = Request("GET", url, (("size", "10000"),), headers=(("Authorization", "Bearer token-1"),))
    network.expect(first, responses.json_answer({"customers": [{"cid": "a"}], "sid": "s+/=&1", "count": 2}))
    network.expect(first.having(sid="s+/=&1"), responses.json_answer({"customers": [{"cid": "b"}], "sid": "s2"}))
    network.expect(first.having(sid="s2"), responses.json_answer({"customers": [], "sid": "s3"}))
    assert read("contacts").ids() == ["a", "b"]


def test_locations_are_asked_for_without_any_parameter(network):
    url = f"https://explore.cloud4wi.com/v1/organizations/{requests.ORGANIZATION}/locations"
    network.expect(requests.login(), responses.token())
    network.expect(Request("GET", url), responses.json_answer({"size": 100, "locations": [{"id": "a", "novel": 1}]}))
    [record] = read("locations").records()
    added = {"provider": "cloud4wi", "organizationId": requests.ORGANIZATION, "unknownFields": {"novel": 1}}
    assert record == {"id": "a", "novel": 1, **added}

from __future__ import annotations

import threading
from typing import Any

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import cloud4wi, configuration, read

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")


def day(hour: int) -> tuple[str, str]:
    return f"2024-01-01T{hour:02}:00:00Z", f"2024-01-01T{hour + 1:02}:00:00Z"


class TestLogin:
    def test_one_login_serves_all_streams_slices_and_pages(self, network):
        network.expect(requests.login(), responses.token())
        config = configuration(window_size="PT12H", contact_ids=["c"])
        for start, end in (DAY[0], "2024-01-01T12:00:00Z"), ("2024-01-01T12:00:00Z", DAY[1]):
            network.expect(requests.feed(start, end, token="token-1"), responses.page([responses.event(start)], "s"))
            network.expect(requests.feed(start, end, scroll="s", token="token-1"), responses.empty())
        network.expect(requests.contact("c", *DAY, token="token-1"), responses.empty())
        assert len(read("org_events", "contact_events", config=config).ids()) == 1

    def test_the_credentials_are_sent_as_they_are(self, network):
        secret = '{{1+1}}"\\é%20&'
        network.expect(requests.login("ck-{{2}}", secret), responses.token())
        network.expect(requests.feed(*DAY), responses.empty())
        config = configuration(provider=cloud4wi(client_key="ck-{{2}}", client_secret=secret))
        assert read("org_events", config=config).status("org_events") == "COMPLETE"

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param({}, id="none"),
            pytest.param({"token": ""}, id="an empty one"),
            pytest.param({"token": None}, id="null"),
            pytest.param({"token": 5}, id="a number"),
            pytest.param([], id="a list"),
            pytest.param("t", id="a text"),
            pytest.param(None, id="no body"),
        ],
    )
    def test_an_answer_without_a_token_is_a_clear_error(self, network, body):
        network.expect(requests.login(), responses.json_answer(body))
        error = read("org_events").error()
        assert error["failure_type"] == "transient_error"
        assert error["message"] == "org_events: The login was accepted, but the answer has no `token`."

    def test_a_login_that_is_refused_with_a_success_is_an_error_with_its_message(self, network):
        network.expect(requests.login(), responses.refused("the service is locked"))
        assert "the service is locked" in read("org_events").error()["message"]

    def test_a_login_is_tried_again_as_any_request(self, network, waits):
        network.expect(requests.login(), responses.error(503), responses.error(429), responses.token())
        network.expect(requests.feed(*DAY), responses.empty())
        assert read("org_events").status("org_events") == "COMPLETE"
        assert len(waits) == 2

    def test_the_token_is_masked_from_then_on(self, network):
        network.expect(requests.login(), responses.token("a-new-token"))
        network.expect(requests.feed(*DAY), responses.empty())
        read("org_events")
        assert filter_secrets("with a-new-token in it") == "with **** in it"

    def test_wrong_credentials_are_tried_once_however_many_slices_there_are(self, network):
        network.expect(requests.login(), responses.error(401))
        output = read("org_events", "contact_events", config=configuration(window_size="PT1H"))
        assert {error["failure_type"] for error in output.errors} == {"config_error"}


class TestExpiry:
    def test_an_expired_token_is_renewed_once(self, network):
        network.expect(requests.login(), responses.token("old"), responses.token("new"))
        network.expect(requests.feed(*DAY, token="old"), responses.page([responses.event("a")], "s"))
        network.expect(requests.feed(*DAY, scroll="s", token="old"), responses.error(403))
        network.expect(requests.feed(*DAY, scroll="s", token="new"), responses.page([responses.event("b")], "s"))
        network.expect(requests.feed(*DAY, scroll="s", token="new"), responses.empty())
        assert read("org_events").ids() == ["a", "b"]

    def test_two_requests_that_are_refused_at_once_lead_to_one_login(self, network):
        both = threading.Barrier(2, timeout=5)

        def refuse() -> Any:
            both.wait()
            return responses.error(403)

        network.expect(requests.login(), responses.token("old"), responses.token("new"))
        for hour in (0, 1):
            network.expect(requests.feed(*day(hour), token="old"), refuse)
            network.expect(requests.feed(*day(hour), token="new"), responses.page([responses.event(str(hour), DAY[0])]))
        config = configuration(window_size="PT1H", end_date="2024-01-01T02:00:00Z", num_workers=2)
        assert read("org_events", config=config).status("org_events") == "COMPLETE"

    def test_a_renewal_needs_no_second_worker(self, network):
        network.expect(requests.login(), responses.token("old"), responses.token("new"))
        network.expect(requests.feed(*DAY, token="old"), responses.error(403))
        network.expect(requests.feed(*DAY, token="new"), responses.empty())
        read("org_events", config=configuration(num_workers=1))

    def test_a_second_refusal_names_the_missing_permission(self, network):
        network.expect(requests.login(), responses.token("old"), responses.token("new"))
        network.expect(requests.feed(*DAY, token="old"), responses.error(403))
        network.expect(requests.feed(*DAY, token="new"), responses.error(403))
        error = read("org_events").error()
        assert error["failure_type"] == "config_error"
        assert "the scopes organization_read and events_read" in error["message"]

    def test_a_token_may_expire_again_later(self, network):
        network.expect(requests.login(), *[responses.token(value) for value in ("t1", "t2", "t3")])
        network.expect(requests.feed(*DAY, token="t1"), responses.error(403))
        network.expect(requests.feed(*DAY, token="t2"), responses.page([responses.event("a")], "s"))
        network.expect(requests.feed(*DAY, scroll="s", token="t2"), responses.error(403))
        network.expect(requests.feed(*DAY, scroll="s", token="t3"), responses.empty())
        assert read("org_events").ids() == ["a"]

    def test_a_repeated_request_that_fails_for_a_time_is_tried_again_with_the_new_token(self, network, waits):
        network.expect(requests.login(), responses.token("old"), responses.token("new"))
        network.expect(requests.feed(*DAY, token="old"), responses.error(403))
        network.expect(requests.feed(*DAY, token="new"), responses.error(503), responses.empty())
        assert read("org_events").status("org_events") == "COMPLETE"
        assert len(waits) == 1

    def test_a_401_does_not_renew_a_token(self, network):
        network.expect(requests.login(), responses.token())
        network.expect(requests.feed(*DAY), responses.error(401))
        assert read("org_events").error()["failure_type"] == "config_error"

from __future__ import annotations

import threading
from typing import Any

import pytest
from airbyte_cdk.models import FailureType, Status
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

from source_events.components import requester
from source_events.runtime import Runtime
from source_events.source import SourceEvents
from source_events.transport.rate import Rate
from unit_tests.exchange import Request, Response
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import LOGGER, cloud4wi, configuration, read

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
        assert error["message"] == (
            "org_events: The login was accepted, but the answer has no token. "
            "Check `provider.api_url`, or try again later."
        )

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

    def test_a_token_that_is_refused_at_once_is_renewed_again_after_a_short_wait(self, network, waits):
        """Somebody else's login may have come between ours and the request."""
        network.expect(requests.login(), *[responses.token(value) for value in ("t1", "t2", "t3")])
        for refused in ("t1", "t2"):
            network.expect(requests.feed(*DAY, token=refused), responses.error(403))
        network.expect(requests.feed(*DAY, token="t3"), responses.page([responses.event("a")]))
        assert read("org_events").ids() == ["a"]
        [wait] = waits
        assert 0.25 <= wait <= 0.75

    def test_what_five_logins_do_not_help_is_a_missing_permission(self, network, waits, monkeypatch):
        monkeypatch.setattr(requester.random, "uniform", lambda low, high: (low + high) / 2)
        tokens = ("t1", "t2", "t3", "t4", "t5")
        network.expect(requests.login(), *map(responses.token, tokens))
        for refused in tokens:
            network.expect(requests.feed(*DAY, token=refused), responses.error(403))
        error = read("org_events").error()
        assert error["failure_type"] == "config_error"
        assert "the scopes organization_read and events_read" in error["message"]
        assert waits == [0.5, 1.0, 2.0]

    def test_a_slice_that_waits_does_not_ask_again_where_another_has_found_that_out(self, network, monkeypatch):
        network.expect(requests.login(), responses.token("old"), responses.token("new"))
        for refused in ("old", "new"):
            network.expect(requests.feed(*DAY, token=refused), responses.error(403))

        def fail_meanwhile(runtime: Runtime, seconds: float) -> None:
            if seconds:
                runtime.token.drop("new")
                runtime.token.get(lambda: "of another slice")
                runtime.stream("org_events").fail("another slice says so", FailureType.config_error)

        monkeypatch.setattr(Runtime, "wait", fail_meanwhile)
        assert read("org_events").error()["message"] == "org_events: another slice says so"

    def test_a_check_believes_the_second_refusal(self, network, waits):
        network.expect(requests.login(), responses.token("old"), responses.token("new"))
        for refused in ("old", "new"):
            network.expect(requests.feed(*DAY, token=refused, size=1), responses.error(403))
        status = SourceEvents().check(LOGGER, configuration())
        assert status.status is Status.FAILED
        assert "the scopes organization_read and events_read" in (status.message or "")
        assert waits == []

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


class TestUseElsewhere:
    """A new token that is refused, where earlier ones were accepted, lacks no permission: somebody has logged in."""

    @pytest.fixture(autouse=True)
    def accepted(self, network, monkeypatch):
        monkeypatch.setattr(requester.random, "uniform", lambda low, high: 1.0)
        network.expect(requests.login(), responses.token("t1"))
        network.expect(requests.feed(*DAY, token="t1"), responses.page([responses.event("a")], "s"))

    def test_the_request_is_repeated_with_another_login_after_a_wait(self, network, waits, log):
        network.expect(requests.login(), responses.token("t2"), responses.token("t3"))
        for refused in ("t1", "t2"):
            network.expect(requests.feed(*DAY, scroll="s", token=refused), responses.error(403))
        network.expect(requests.feed(*DAY, scroll="s", token="t3"), responses.page([responses.event("b")]))
        output = read("org_events")
        assert (output.ids(), output.errors) == (["a", "b"], [])
        assert waits == [1.0]
        assert "the account is in use elsewhere" in log.text

    def test_it_is_given_up_after_growing_waits_as_an_error_that_passes(self, network, waits):
        # The first attempt has a token already, each of the others makes two.
        tokens = [f"t{number}" for number in range(2, 17)]
        network.expect(requests.login(), *map(responses.token, tokens))
        for refused in ("t1", *tokens):
            network.expect(requests.feed(*DAY, scroll="s", token=refused), responses.error(403))
        output = read("org_events")
        error = output.error()
        assert (output.ids(), error["failure_type"]) == (["a"], "transient_error")
        assert error["message"] == (
            "org_events: The API refuses the token of a new login (403), although earlier ones were accepted: the "
            "account is in use elsewhere, and each login there ends the session here (attempt 8 of 8). Give each "
            "connection an account of its own, or let them run one after the other. If nobody else uses it, check its "
            "permissions."
        )
        assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]

    def test_all_requests_slow_down_meanwhile(self, network, monkeypatch):
        refused = []
        monkeypatch.setattr(Rate, "refused", lambda rate: refused.append(rate))
        network.expect(requests.login(), responses.token("t2"), responses.token("t3"))
        for token in ("t1", "t2"):
            network.expect(requests.feed(*DAY, scroll="s", token=token), responses.error(403))
        network.expect(requests.feed(*DAY, scroll="s", token="t3"), responses.empty())
        read("org_events")
        assert len(refused) == 1

    def test_an_endpoint_that_has_answered_nothing_and_refuses_four_new_logins_lacks_the_permission(self, network):
        tokens = iter(range(1, 100))
        refused: list[str] = []

        def answer(made: Request) -> Response:
            if made.method == "POST":
                return responses.token(f"new-{next(tokens)}")
            if "/customers/" not in made.url:
                return responses.page([responses.event("a")])
            refused.append(dict(made.headers)["Authorization"])
            return responses.error(403)

        network.forget()
        network.answer = answer  # type: ignore[method-assign]
        error = read("contact_events", config=configuration(num_workers=1)).error()
        assert error["failure_type"] == "config_error"
        # Each attempt begins with a login, and makes another: it is the other's token that is counted.
        assert len(set(refused)) == 2 * 4

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from typing import Any

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from freezegun import freeze_time
from requests import exceptions
from urllib3.connectionpool import HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, ProtocolError, ProxyError, ReadTimeoutError, SSLError

from source_events.components import requester
from source_events.components.errors import Passing, Refused, excerpt, unanswered
from source_events.transport.network import Network
from unit_tests.exchange import Response
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.providers.cloud4wi.requests import ORGANIZATION
from unit_tests.reading import Output, cloud4wi, configuration, read

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
POOL = HTTPSConnectionPool("explore.cloud4wi.com")
FEED, CONTACT, LOGIN = requests.feed(*DAY), requests.contact("c", *DAY), requests.login()


REQUESTS = {"login": LOGIN, "feed": FEED, "contact": CONTACT}


def read_one(asked: str) -> Output:
    """A read in which this request is made."""
    if asked == "contact":
        return read("contact_events", config=configuration(contact_ids=["c"]))
    return read("org_events")


class TestStatuses:
    @pytest.mark.parametrize(
        ("asked", "status", "failure_type", "words"),
        [
            ("login", 400, "system_error", "Cloud4Wi does not accept the request's parameters."),
            ("login", 401, "config_error", "Check `provider.client_key` and `provider.client_secret`."),
            ("login", 403, "config_error", "Check that the service of `provider.client_key` is enabled."),
            ("login", 404, "config_error", "Check `provider.api_url`."),
            ("login", 409, "system_error", "Cloud4Wi does not accept the request's parameters."),
            ("login", 410, "system_error", "Cloud4Wi has removed this endpoint"),
            ("feed", 400, "system_error", "Cloud4Wi does not accept the request's parameters."),
            ("feed", 401, "config_error", "Check `provider.client_key` and `provider.client_secret`."),
            ("feed", 404, "config_error", "Check `provider.organization_id`."),
            ("feed", 405, "system_error", ": The API refused the request. (The API answered 405"),
            ("feed", 409, "system_error", "Cloud4Wi does not accept the request's parameters."),
            ("feed", 410, "system_error", "Cloud4Wi has removed this endpoint"),
            ("feed", 418, "system_error", ": The API refused the request. (The API answered 418"),
            ("feed", 422, "system_error", ": The API refused the request. (The API answered 422"),
            ("contact", 400, "system_error", "Cloud4Wi does not accept the request's parameters."),
            ("contact", 401, "config_error", "Check `provider.client_key` and `provider.client_secret`."),
            ("contact", 409, "system_error", "Cloud4Wi does not accept the request's parameters."),
            ("contact", 410, "system_error", "Cloud4Wi has removed this endpoint"),
        ],
    )
    def test_an_error_says_what_to_mend_in_the_apis_own_words_too(
        self, network, waits, asked, status, failure_type, words
    ):
        if asked != "login":
            network.expect(LOGIN, responses.token())
        network.expect(REQUESTS[asked], responses.error(status, "their words."))
        output = read_one(asked)
        error = output.error()
        stream = "contact_events" if asked == "contact" else "org_events"
        assert error["failure_type"] == failure_type
        assert error["message"].startswith(f"{stream}: ")
        assert words in error["message"]
        assert f"(The API answered {status}" in error["message"]
        assert error["message"].endswith(": their words.)")
        assert output.status(stream) == "INCOMPLETE"
        assert waits == []

    @pytest.mark.parametrize("asked", ["feed", "contact"])
    def test_a_403_is_a_missing_permission_only_when_a_new_token_does_not_help(self, network, asked):
        network.expect(LOGIN, *[responses.token(f"token-{number}") for number in range(5)])
        network.expect(REQUESTS[asked], *[responses.error(403)] * 5)
        error = read_one(asked).error()
        assert error["failure_type"] == "config_error"
        assert "role Organization Manager, the scopes organization_read and events_read" in error["message"]

    def test_a_contact_that_is_gone_is_skipped_with_a_line_in_the_log(self, network, log):
        network.expect(LOGIN, responses.token())
        network.expect(CONTACT, responses.error(404))
        output = read_one("contact")
        assert (output.errors, output.failure, output.status("contact_events")) == ([], None, "COMPLETE")
        assert "A contact is skipped, because Cloud4Wi does not know it (any more): c." in log.text

    @pytest.mark.parametrize(("status", "failed"), [(200, False), (299, False), (300, True)])
    def test_every_status_below_300_is_an_answer(self, network, status, failed):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, Response(responses.page([responses.event("a")]).body, status))
        output = read("org_events")
        assert output.ids() == ([] if failed else ["a"])
        assert bool(output.errors) is failed

    @pytest.mark.parametrize("status", [401, 500])
    @pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"\xff\xfe"], ids=repr)
    def test_an_error_needs_no_body_of_any_form(self, network, status, body):
        attempts = 8 if status == 500 else 1
        network.expect(LOGIN, *[Response(body, status)] * attempts)
        assert f"{status}" in read("org_events").error()["message"]

    def test_a_redirect_in_circles_names_the_address_to_mend(self, network):
        network.expect(LOGIN, *[Response(status=307, headers={"Location": "/v1/sts/login/services"})] * 31)
        error = read("org_events").error()
        assert error["failure_type"] == "config_error"
        assert "in circles" in error["message"]
        assert "`provider.api_url`" in error["message"]

    @pytest.mark.parametrize("before", [170, 190, 199])
    def test_no_part_of_a_secret_is_left_where_an_explanation_is_cut(self, network, before):
        secret = "a-secret-of-some-length"
        add_to_secrets(secret)
        network.expect(LOGIN, responses.error(401, "x" * before + secret))
        assert "a-secret" not in read("org_events").error()["message"]

    def test_a_refusal_with_a_success_is_cut_too(self, network):
        network.expect(LOGIN, responses.refused("x" * 5_000_000))
        assert len(read("org_events").error()["message"]) < 500

    def test_long_explanations_are_cut(self, network):
        network.expect(LOGIN, responses.error(401, "x" * 5000))
        assert len(read("org_events").error()["message"]) < 500

    def test_a_success_that_is_a_refusal_is_an_error_with_its_message(self, network, waits):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.refused("the organisation is suspended"))
        error = read("org_events").error()
        assert error["failure_type"] == "system_error"
        assert error["message"] == "org_events: The API refused the request: the organisation is suspended"
        assert waits == []

    def test_a_redirect_that_is_not_followed_names_the_address_to_mend(self, network):
        location = {"Location": "https://elsewhere.example/v1"}
        network.expect(LOGIN, Response(status=302, headers=location, reason="Found"))
        error = read("org_events").error()
        assert error["failure_type"] == "config_error"
        assert "(302 Found)" in error["message"]
        assert "`provider.api_url`" in error["message"]

    def test_a_redirect_without_a_target_is_one_too(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, Response(status=304))
        assert read("org_events").error()["failure_type"] == "config_error"


class TestScroll:
    @pytest.fixture(autouse=True)
    def started(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([responses.event("a", "2024-01-01T06:00:00Z")], "s"))

    @pytest.mark.parametrize("status", [400, 404, 409, 410])
    def test_an_expired_scroll_is_read_again_in_two_halves(self, network, status, log):
        network.expect(requests.feed(*DAY, scroll="s"), responses.error(status))
        noon = "2024-01-01T12:00:00Z"
        network.expect(requests.feed(DAY[0], noon), responses.page([responses.event("a", "2024-01-01T06:00:00Z")]))
        network.expect(requests.feed(noon, DAY[1]), responses.page([responses.event("b", "2024-01-01T18:00:00Z")]))
        output = read("org_events")
        assert output.ids() == ["a", "a", "b"]
        assert (output.errors, output.status("org_events")) == ([], "COMPLETE")

    def test_an_empty_scroll_id_is_no_scroll(self, network):
        network.expect(requests.feed(*DAY, scroll="s"), responses.empty(""))
        assert read("org_events").ids() == ["a"]

    def test_a_refused_token_in_a_scroll_is_no_expired_scroll(self, network):
        network.expect(requests.feed(*DAY, scroll="s"), responses.error(401))
        assert read("org_events").error()["failure_type"] == "config_error"


class TestRetries:
    @pytest.fixture(autouse=True)
    def no_jitter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(requester.random, "uniform", lambda low, high: 1.0)

    TROUBLES = (
        pytest.param(responses.error(429), "429 Too Many Requests", id="429"),
        pytest.param(Response(b"", 500), "500", id="500 without a body"),
        pytest.param(Response(b"<html>", 502), "502", id="502 with HTML"),
        pytest.param(Response(b"{}", 503), "503", id="503"),
        pytest.param(Response(b"", 599), "599", id="599"),
        pytest.param(Response(b"<html>"), "documented JSON", id="HTML with a 200"),
        pytest.param(Response(b'{"events": ['), "documented JSON", id="half a JSON"),
        pytest.param(Response(b""), "documented JSON", id="no body"),
        pytest.param(Response(b'{"events": 5, "scrollId": '), "documented JSON", id="half a JSON of another form"),
        pytest.param(Response(b'{"events": []}', truncated=True), "broke off in the middle of an answer", id="cut off"),
        pytest.param(
            Response(b"{}", headers={"Content-Encoding": "gzip"}), "not compressed as it says", id="not compressed"
        ),
        pytest.param(ProtocolError("reset", ConnectionResetError()), "cannot be made or was closed", id="reset"),
        pytest.param(
            MaxRetryError(POOL, "/secret", ConnectTimeoutError("connect")), "it does not answer", id="connect time-out"
        ),
        pytest.param(ReadTimeoutError(POOL, "/secret", "read"), "it did not answer in time", id="read time-out"),
        pytest.param(
            MaxRetryError(POOL, "/secret", SSLError(ssl.SSLEOFError(8, "EOF"))),
            "no encrypted connection",
            id="handshake",
        ),
        pytest.param(
            MaxRetryError(POOL, "/secret", ProxyError("proxy", OSError())),
            "through the proxy: it cannot be reached",
            id="proxy",
        ),
    )

    @pytest.mark.parametrize(("trouble", "words"), TROUBLES)
    def test_what_time_mends_is_tried_again(self, network, waits, trouble, words):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, trouble, trouble, responses.page([responses.event("a")]))
        assert read("org_events").ids() == ["a"]
        assert waits == [1.0, 2.0]

    def test_each_attempt_is_told_with_the_wait_before_the_next(self, network, log):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, Response(b"{}", 503), Response(b"{}", 503), responses.page([responses.event("a")]))
        read("org_events")
        told = [record.getMessage() for record in log.records if "next attempt" in record.getMessage()]
        assert told == [
            "The API answered 503 (attempt 1 of 8). The next attempt is in 1.0 s.",
            "The API answered 503 (attempt 2 of 8). The next attempt is in 2.0 s.",
        ]

    @pytest.mark.parametrize(("trouble", "words"), TROUBLES)
    def test_after_eight_attempts_the_error_says_what_was_wrong_and_no_secrets(self, network, waits, trouble, words):
        network.expect(LOGIN, responses.token("the-token"))
        network.expect(FEED, *[trouble] * 8)
        output = read("org_events")
        error = output.error()
        assert error["failure_type"] == "transient_error"
        assert words in error["message"]
        assert "attempt 8 of 8" in error["message"]
        for secret in ("the-token", "scrollId", "/v1/", "dateStart", "/secret", ORGANIZATION):
            assert secret not in error["message"] + error["internal_message"]
        assert waits == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]
        assert str(output.failure) == error["message"]

    @pytest.mark.parametrize(
        ("body", "problem"),
        [
            (b"[]", "Expected `object`, got `array`"),
            (b"null", "Expected `object`, got `null`"),
            (b'{"generated": "now"}', "Object missing required field `events`"),
            (b'\xef\xbb\xbf{"generated": "\xff"}\r\n', "Object missing required field `events`"),
            (b'{"events": 5}', "Expected `array | null`, got `int` - at `$.events`"),
        ],
    )
    def test_json_of_another_form_that_stays_is_one_error_soon(self, network, waits, body, problem):
        network.expect(LOGIN, responses.token())
        for _ in range(3):
            network.expect(FEED, Response(body))
        output = read("org_events")
        assert output.error()["failure_type"] == "system_error"
        assert output.error()["message"] == (
            "org_events: The API answered 200 OK with JSON of another form than the documented one "
            f"({problem}). Check that `provider.api_url` leads to the API. If it does, the API may have changed; "
            "please report it together with the provider's name."
        )
        assert waits == [1.0, 2.0]

    def test_json_of_another_form_may_pass(self, network, waits):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, Response(b'{"status": "success"}'))
        network.expect(FEED, responses.page([responses.event("a")]))
        assert [record["id"] for record in read("org_events").records()] == ["a"]
        assert waits == [1.0]

    @pytest.mark.parametrize("asked", ["login", "feed", "contact"])
    def test_what_no_repetition_mends_is_not_tried_again(self, network, waits, asked):
        if asked != "login":
            network.expect(LOGIN, responses.token())
        refusal = ProxyError("proxy", OSError("Tunnel connection failed: 403 Forbidden"))
        network.expect(REQUESTS[asked], MaxRetryError(POOL, "/secret", refusal))
        error = read_one(asked).error()
        assert error["failure_type"] == "config_error"
        assert error["message"].partition(": ")[2] == (
            "Cannot read from explore.cloud4wi.com through the proxy: it does not let the request through "
            "(403 Forbidden). Ask whoever runs the proxy to let the host through, or name it in `NO_PROXY`."
        )
        assert waits == []

    def test_a_server_that_is_slow_to_fail_is_given_up_after_five_minutes_in_words_for_people(self, network, log):
        with freeze_time("2024-01-02T00:00:00Z") as clock:

            def late() -> Response:
                clock.tick(60)
                raise ReadTimeoutError(POOL, "/secret", "read")

            network.expect(LOGIN, responses.token())
            network.expect(FEED, *[late] * 5)
            error = read("org_events").error()
        assert error["failure_type"] == "transient_error"
        assert "it did not answer in time (attempt 5 of 8)" in error["message"]
        assert "RetryError" not in log.text

    def test_a_login_has_eight_attempts_too(self, network, waits):
        network.expect(LOGIN, *[Response(b"", 503)] * 8)
        assert "attempt 8 of 8" in read("org_events").error()["message"]

    def test_a_connection_error_names_the_host_only(self, network):
        failure = ProtocolError("reset", ConnectionResetError())
        local = "http://localhost:8901"
        network.expect(requests.login(api=local), *[failure] * 8)
        error = read("org_events", config=configuration(provider=cloud4wi(api_url=local))).error()
        assert error["message"].startswith("org_events: Cannot read from localhost:8901: ")
        assert "`provider.api_url`" in error["message"]

    def test_a_rate_limit_names_the_field_that_helps(self, network):
        network.expect(LOGIN, *[responses.error(429)] * 8)
        assert "`requests_per_minute`" in read("org_events").error()["message"]

    def test_other_slices_do_not_try_what_has_failed_for_good(self, network):
        network.expect(LOGIN, *[Response(b"", 503)] * 8)
        output = read("org_events", config=configuration(window_size="PT1H"))
        assert len(output.errors) == 1

    @pytest.mark.parametrize("streams", [("org_events", "contact_events"), ("contact_events", "org_events")])
    def test_nor_do_other_streams_try_a_login_that_has_failed_for_good(self, network, streams):
        network.expect(LOGIN, *[Response(b"", 503)] * 8)
        output = read(*streams, config=configuration(window_size="PT1H"))
        messages = {error["message"].partition(": ")[0]: error["message"].partition(": ")[2] for error in output.errors}
        assert messages.keys() == {"org_events", "contact_events"}
        assert len(set(messages.values())) == 1

    @pytest.mark.parametrize(
        ("error", "lasting"),
        [
            (exceptions.TooManyRedirects(), True),
            (exceptions.InvalidProxyURL(), True),
            (exceptions.ConnectionError(), False),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_an_api_that_cannot_be_reached_is_that_of_all_streams(self, error, lasting):
        found = unanswered(error)
        assert found.everywhere
        assert isinstance(found, Refused) is lasting

    def test_a_fault_that_passes_is_that_of_one_endpoint(self):
        assert not Passing("The API answered 503").everywhere

    def test_another_stream_tries_by_itself_what_one_endpoint_refuses(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.error(404))
        network.expect(CONTACT, responses.page([responses.event("a", contact="c")]))
        output = read("org_events", "contact_events", config=configuration(contact_ids=["c"]))
        assert output.ids() == ["a"]
        assert (output.status("org_events"), output.status("contact_events")) == ("INCOMPLETE", "COMPLETE")
        assert output.error()["message"].startswith("org_events: Cloud4Wi does not know the organisation.")


class TestRetryAfter:
    @pytest.fixture(autouse=True)
    def no_jitter(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(requester.random, "uniform", lambda low, high: 1.0)

    @pytest.fixture
    def wait(self, network, waits) -> Callable[..., float]:
        """Seconds between a request's attempt that is answered with these headers, and the next."""

        def wait(status: int = 429, attempt: int = 1, **headers: str) -> float:
            troubles = [responses.error(503)] * (attempt - 1)
            answer = responses.error(status, **{name.replace("_", "-"): value for name, value in headers.items()})
            network.expect(LOGIN, *troubles, answer, responses.token())
            network.expect(FEED, responses.empty())
            assert read("org_events").status("org_events") == "COMPLETE"
            assert len(waits) == attempt
            return waits[-1]

        return wait

    @pytest.mark.parametrize(("value", "seconds"), [("0", 1.0), ("1", 1.0), ("7", 7.0), (" 30 ", 30.0), ("300", 300.0)])
    @pytest.mark.parametrize("status", [429, 503])
    def test_seconds_are_waited(self, wait, status, value, seconds):
        assert wait(status, Retry_After=value) == seconds

    @freeze_time("2024-01-03T00:00:00Z")
    @pytest.mark.parametrize(("ahead", "seconds"), [(40, 40.0), (0, 1.0), (-3600, 1.0)])
    def test_a_date_is_waited_for(self, wait, ahead, seconds):
        moment = datetime(2024, 1, 3, tzinfo=timezone.utc) + timedelta(seconds=ahead)
        assert wait(Retry_After=format_datetime(moment, usegmt=True)) == seconds

    @freeze_time("2024-01-03T00:00:00Z")
    def test_a_date_without_a_zone_is_utc(self, wait):
        assert wait(Retry_After="Wed, 03 Jan 2024 00:00:20 -0000") == 20

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "soon",
            "-5",
            "1.5",
            "nan",
            "1e3",
            "Mon, 99 Jan 2024 00:00:00 GMT",
            "Mon, 01 Jan 99999 00:00:00 GMT",
            pytest.param("\xb2"),
        ],
    )
    def test_what_is_neither_leaves_the_wait_as_it_is_without(self, wait, value):
        assert wait(Retry_After=value, attempt=3) == 4.0

    @pytest.mark.parametrize("value", ["301", "86400", "9" * 400, "Fri, 31 Dec 2999 23:59:59 GMT"])
    def test_a_wait_beyond_five_minutes_is_an_error_at_once(self, network, waits, value):
        network.expect(LOGIN, responses.error(429, **{"Retry-After": value}))
        error = read("org_events").error()
        assert error["failure_type"] == "transient_error"
        assert "asks to wait" in error["message"]
        assert waits == []

    def test_all_waits_of_a_request_together_take_at_most_five_minutes(self, network, monkeypatch):
        network.expect(LOGIN, *[responses.error(429, **{"Retry-After": "140"})] * 3)
        with freeze_time("2024-01-03T00:00:00Z") as clock:
            monkeypatch.setattr(Network, "wait", lambda network, seconds: clock.tick(seconds))
            error = read("org_events").error()
        assert error["failure_type"] == "transient_error"
        assert "429 Too Many Requests and asks to wait 140 seconds (attempt 3 of 8)" in error["message"]

    def test_it_is_jittered_by_a_fifth_without_retry_after(self, wait, monkeypatch):
        asked: list[Any] = []
        monkeypatch.setattr(requester.random, "uniform", lambda low, high: asked.append((low, high)) or high)
        assert wait(attempt=4) == 8 * 1.2
        assert asked == [(0.8, 1.2)] * 4

    def test_the_wait_stops_growing_at_about_a_minute(self, wait):
        assert wait(attempt=7) == 64.0


def test_of_what_an_api_says_a_line_is_told():
    assert excerpt(" a \n b " + "x" * 300) == "a b " + "x" * 196

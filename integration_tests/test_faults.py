"""Every fault against every provider: all that is there comes out, or one clear error says why not, soon."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import product
from typing import Any

import pytest

from integration_tests import carecloud
from integration_tests.cases import Faults
from integration_tests.connector import Json, Output
from integration_tests.prepared import PreparedConnector
from integration_tests.secrecy import forms_of, secrets_of
from sandbox.process import Control, Sandbox
from source_events.components.login import MOST_RENEWALS
from unit_tests.registered import of_each

CASES: dict[str, Faults] = of_each("integration_tests.NAME", "FAULTS")
EVENTS = 300


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=EVENTS, contacts=4, no_example=True) as running:
        yield running


@pytest.fixture(scope="module")
def connector() -> Iterator[PreparedConnector]:
    with PreparedConnector() as prepared:
        yield prepared


CREDENTIALS: set[str] = set()
"""All that has been sent as `Authorization` in this module's tests."""


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[Control]:
    sandbox.control.reset()
    sandbox.control.clear_requests()
    yield sandbox.control
    CREDENTIALS.update(sandbox.control.credentials())


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest, control: Control) -> Faults:
    chosen: Faults = request.param
    control.behaviour(chosen.name, **chosen.cap)
    return chosen


def assert_complete(output: Output, case: Faults, control: Control) -> None:
    assert output.status == 0, output.errors
    assert output.errors == []
    assert case.contents(output, case.stream) == Counter(control.event_ids(case.name))
    assert len(output.ids(case.stream)) == EVENTS


def assert_one_clear_error(output: Output, case: Faults, failure_type: str, *words: str) -> None:
    assert output.status == 1
    [error] = output.errors
    assert error["failure_type"] == failure_type
    assert error["message"].startswith(f"{case.stream}: ")
    assert all(word in error["message"] for word in words), error["message"]
    assert len(error["message"]) < 1000
    assert not any("Traceback" in line for line in output.logs)
    if failure_type == "config_error":
        assert "Traceback" not in output.text


def date_in(seconds: float) -> str:
    return format_datetime(datetime.now(timezone.utc) + timedelta(seconds=seconds), usegmt=True)


# --- faults that pass

HTML = "<html><body>Not now</body></html>"
PASSING: dict[str, Json] = {
    "429 without Retry-After": {"status": 429},
    "429, Retry-After in seconds": {"status": 429, "headers": {"Retry-After": "7"}},
    "429, Retry-After as a date": {"status": 429, "headers": {"Retry-After": date_in(20)}},
    "429, Retry-After in the past": {"status": 429, "headers": {"Retry-After": date_in(-86400)}},
    "429, Retry-After negative": {"status": 429, "headers": {"Retry-After": "-5"}},
    "429, Retry-After as words": {"status": 429, "headers": {"Retry-After": "in a moment"}},
    "500 without a body": {"status": 500},
    "500 as HTML": {"status": 500, "body": HTML},
    "502 without a body": {"status": 502},
    "502 as HTML": {"status": 502, "body": HTML},
    "503 without a body": {"status": 503, "headers": {"Retry-After": "2"}},
    "503 as HTML": {"status": 503, "body": HTML},
    "time-out": {"delay": 0.7},
    "reset before the body": {"reset": True},
    "reset within the body": {"reset_after": 200},
    "reset after the body": {"reset_after": 10**9},
    "truncated body": {"cut": 200},
    "no body at all": {"cut": 0},
    "broken gzip": {"corrupt_gzip": True},
    "truncated gzip": {"corrupt_gzip": True, "cut": 60},
    "a byte now and then": {"trickle": 0.1},
    "200 as HTML": {"status": 200, "body": HTML},
    "200 without a body": {"status": 200, "body": ""},
    "200 that ends in the middle": {"status": 200, "body": '{"events": [{"id": '},
    "200 that is no UTF-8": {"body_base64": base64.b64encode(b'{"\xff": ').decode()},
    "redirect within the host": {"redirect": ""},
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_passes_loses_nothing(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults, fault: Json
) -> None:
    control.add_fault(path=case.feed, skip=1, times=2, **fault)
    times = {"read_timeout": 0.3 if "delay" in fault else 60, "longest_body": 0.5 if "trickle" in fault else 300}
    output = connector.read(case.config(sandbox), case.stream, **times)
    assert_complete(output, case, control)
    [added] = control.faults()
    assert added["fired"] == 2


@pytest.mark.parametrize(
    ("name", "fault"),
    [(name, fault) for name, fault in product(("cloud4wi", "carecloud"), ({"status": 503}, {"reset": True}))],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_a_login_that_fails_for_a_moment_loses_nothing(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, name: str, fault: Json
) -> None:
    control.add_fault(method="POST", path="login", times=2, **fault)
    assert_complete(connector.read(CASES[name].config(sandbox), CASES[name].stream), CASES[name], control)


@pytest.mark.parametrize("name", ["cloud4wi", "carecloud"])
def test_a_token_that_expires_between_two_pages_is_renewed_once(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, name: str
) -> None:
    case = CASES[name]
    control.behaviour(name, **case.cap)
    control.add_fault(path=case.feed, skip=2, expire_token=True)
    assert_complete(connector.read(case.config(sandbox), case.stream), case, control)
    refused = [request for request in control.requests() if request["status"] == case.token_status]
    assert refused
    assert len([request for request in control.requests() if request["method"] == "POST"]) == 2


@pytest.mark.parametrize("status", [400, 404, 409, 410])
def test_an_expired_scroll_loses_nothing(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, status: int
) -> None:
    case = CASES["cloud4wi"]
    control.behaviour("cloud4wi", expired_scroll_status=status, **case.cap)
    control.add_fault(query={"scrollId": "."}, expire_scroll=True, skip=1)
    output = connector.read(case.config(sandbox), case.stream)
    assert output.status == 0
    assert output.ids(case.stream).keys() == set(control.event_ids("cloud4wi"))


@pytest.mark.parametrize(
    "fault",
    [
        {"reset_after": 200},
        {"cut": 200},
        {"corrupt_gzip": True},
        {"delay": 0.7},
        {"reset": True},
        {"status": 502},
        {"status": 503},
        {"status": 429},
    ],
    ids=["reset within", "cut", "broken gzip", "time-out", "reset", "502", "503", "429"],
)
def test_a_scroll_that_moves_on_under_the_same_id_loses_no_page(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, fault: Json
) -> None:
    case = CASES["cloud4wi"]
    control.behaviour("cloud4wi", keep_scroll_id=True, **case.cap)
    control.add_fault(query={"scrollId": "."}, skip=1, times=2, **fault)
    assert_complete(connector.read(case.config(sandbox), case.stream, read_timeout=0.3), case, control)


BY_CONTACT = {
    "cloud4wi": {"path": "/customers/.*/events$"},
    "app_market": {"path": "/events/get$", "query": {"contactId": "."}},
    "carecloud": {"path": "/customers/.*/events$"},
}
"""Which requests are for one contact; Swipe One has no others."""


@pytest.mark.parametrize("name", BY_CONTACT)
@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"Retry-After": "2"}},
        {"status": 502, "body": HTML},
        {"delay": 0.7},
        {"reset": True},
        {"reset_after": 200},
        {"cut": 200},
        {"corrupt_gzip": True},
        {"trickle": 0.1},
        {"status": 200, "body": HTML},
        {"redirect": ""},
    ],
    ids=["429", "502", "time-out", "reset", "reset within", "cut", "broken gzip", "trickle", "200 as HTML", "redirect"],
)
def test_a_fault_that_passes_loses_nothing_of_a_contact(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, name: str, fault: Json
) -> None:
    control.add_fault(skip=1, times=2, **BY_CONTACT[name], **fault)
    times = {"read_timeout": 0.3 if "delay" in fault else 60, "longest_body": 0.5 if "trickle" in fault else 300}
    output = connector.read(CASES[name].config(sandbox), "contact_events", **times)
    assert output.status == 0, output.errors
    assert output.ids("contact_events") == Counter(control.event_ids(name))
    assert control.faults()[0]["fired"] == 2


@pytest.mark.parametrize("name", ["cloud4wi", "carecloud"])
def test_a_token_that_expires_between_two_contacts_is_renewed_once(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, name: str
) -> None:
    control.add_fault(skip=1, expire_token=True, **BY_CONTACT[name])
    output = connector.read({**CASES[name].config(sandbox), "num_workers": 1}, "contact_events")
    assert output.ids("contact_events") == Counter(control.event_ids(name))
    assert len([request for request in control.requests() if request["method"] == "POST"]) == 2


# --- faults that stay


AT_ONCE = 2
"""Requests: one more may be on its way when the first one fails, where a slice is divided among idle threads."""


def clear_error(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults, fault: Json, *expected: str
) -> int:
    """Read with a fault that stays from the second page on; gives the number of requests that were disturbed."""
    control.add_fault(path=case.feed, skip=1, times=None, **fault)
    settings = {**case.config(sandbox), "num_workers": 1}
    assert_one_clear_error(connector.read(settings, case.stream, read_timeout=0.3), case, *expected)
    fired: int = control.faults()[0]["fired"]
    return fired


@pytest.mark.parametrize(
    ("fault", "words"),
    {
        "503": ({"status": 503, "body": HTML}, ["503", "attempt 8 of 8"]),
        "429": ({"status": 429}, ["429", "`requests_per_minute`", "attempt 8 of 8"]),
        "200 as HTML": ({"body": HTML}, ["documented JSON", "`provider.api_url`", "attempt 8 of 8"]),
        "reset": ({"reset": True}, ["127.0.0.1", "attempt 8 of 8"]),
        "reset within the body": ({"reset_after": 100}, ["127.0.0.1", "attempt 8 of 8"]),
        "truncated body": ({"cut": 100}, ["in the middle of an answer", "attempt 8 of 8"]),
        "broken gzip": ({"corrupt_gzip": True}, ["not compressed as it says", "attempt 8 of 8"]),
        "time-out": ({"delay": 0.4}, ["did not answer in time", "attempt 8 of 8"]),
    }.values(),
    ids=["503", "429", "200 as HTML", "reset", "reset within the body", "truncated body", "broken gzip", "time-out"],
)
def test_a_fault_that_stays_is_given_up_after_eight_attempts(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults, fault: Json, words: list[str]
) -> None:
    # An answer that is lost within a scroll is one more, and so are those that another part of the slice waits for.
    assert 8 <= clear_error(sandbox, connector, control, case, fault, "transient_error", *words) <= 8 * AT_ONCE


def test_an_answer_that_never_ends_is_given_up(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults
) -> None:
    control.add_fault(path=case.feed, skip=1, times=None, trickle=0.05)
    output = connector.read({**case.config(sandbox), "num_workers": 1}, case.stream, longest_body=0.2)
    assert_one_clear_error(output, case, "transient_error", "did not answer in time", "attempt 8 of 8")


def test_an_answer_that_unpacks_to_more_than_any_page_is_given_up_at_once(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults
) -> None:
    control.add_fault(path=case.feed, skip=1, times=None, unpacks_to=300)
    output = connector.read({**case.config(sandbox), "num_workers": 1}, case.stream)
    assert_one_clear_error(output, case, "config_error", "256 MiB", "`window_size`")
    assert control.faults()[0]["fired"] <= AT_ONCE


@pytest.mark.parametrize("value", ["86400", "999999999999", "Fri, 31 Dec 2999 23:59:59 GMT"])
def test_a_wait_of_days_is_given_up_at_once(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults, value: str
) -> None:
    fault = {"status": 429, "headers": {"Retry-After": value}}
    assert clear_error(sandbox, connector, control, case, fault, "transient_error", "429", "asks to wait") <= AT_ONCE


@pytest.mark.parametrize(
    ("name", "status"),
    [(name, status) for name, case in CASES.items() for status in case.refusals],
)
def test_a_refusal_names_what_to_mend_at_once(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, name: str, status: int
) -> None:
    case = CASES[name]
    failure_type, word = case.refusals[status]
    # A scroll that is refused with some of these has expired: it is the first page here that is refused.
    control.add_fault(path=case.feed, times=None, status=status, body=HTML)
    output = connector.read({**case.config(sandbox), "num_workers": 1}, case.stream)
    assert_one_clear_error(output, case, failure_type, word, str(status))
    # A token may have expired; and a new one may have been ended by a login elsewhere.
    assert control.faults()[0]["fired"] <= (1 + MOST_RENEWALS if status == case.token_status else AT_ONCE)


@pytest.mark.parametrize(
    "case", [case for case in CASES.values() if case.refused], indirect=True, ids=lambda case: case.name
)
def test_a_success_that_says_it_failed_is_told_in_the_apis_words(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults
) -> None:
    asked = clear_error(sandbox, connector, control, case, {"json": case.refused}, "system_error", "quota spent")
    assert asked <= AT_ONCE


@pytest.mark.parametrize(
    "form", [{"error": "quota spent"}, {"error": {"message": "quota spent"}}], ids=["text", "object"]
)
def test_an_error_of_carecloud_in_another_form_is_told_too(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, form: Json
) -> None:
    clear_error(sandbox, connector, control, CASES["carecloud"], {"json": form}, "system_error", "quota spent")


@pytest.mark.parametrize(
    ("name", "switch"),
    [
        ("cloud4wi", {"repeat_scroll_id": True}),
        ("swipe_one", {"repeat_page": True}),
        ("app_market", {"ignore_offset": True, "limit_cap": None}),
        ("carecloud", {"ignore_offset": True}),
    ],
)
def test_pages_that_make_no_progress_are_an_error_and_no_endless_loop(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, name: str, switch: Json
) -> None:
    case = CASES[name]
    control.behaviour(name, **{**case.cap, **switch})
    output = connector.read({**case.config(sandbox), "num_workers": 1}, case.stream)
    assert output.status == 1
    assert len(output.errors) <= 4
    assert all("again" in error["message"] or "repeats" in error["message"] for error in output.errors)
    assert len(control.requests()) < 30


# --- redirects


class Recorder:
    """A server that notes the headers and the body of every request, and answers all with 200."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                recorder.seen.append(f"{self.command} {self.path}\n{self.headers}\n{body!r}")
                self.send_response(200)
                self.end_headers()

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing: `seen` is the log."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Recorder]:
    recorder = Recorder()
    yield recorder
    recorder.stop()


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost:{}",
        "http://127.0.0.1:{}",
        "//localhost:{}",
        "http://127.0.0.1@localhost:{}",
        "ftp://127.0.0.1:{}",
    ],
    ids=["another host", "another port", "no scheme", "the host as a user", "another scheme"],
)
def test_no_credentials_follow_a_redirect_elsewhere(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults, elsewhere: Recorder, origin: str
) -> None:
    fault = {"redirect": origin.format(elsewhere.port)}
    asked = clear_error(sandbox, connector, control, case, fault, "config_error", "redirects", "`provider.api_url`")
    assert asked <= AT_ONCE
    assert elsewhere.seen == []


@pytest.mark.parametrize("name", BY_CONTACT)
def test_no_credentials_follow_a_redirected_request_for_a_contact_elsewhere(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, elsewhere: Recorder, name: str
) -> None:
    control.add_fault(skip=1, times=None, redirect=f"http://localhost:{elsewhere.port}", **BY_CONTACT[name])
    output = connector.read({**CASES[name].config(sandbox), "num_workers": 1}, "contact_events")
    assert [error["failure_type"] for error in output.errors] == ["config_error"]
    assert "redirects" in output.errors[0]["message"]
    assert elsewhere.seen == []


@pytest.mark.parametrize("name", ["cloud4wi", "carecloud"])
def test_no_password_follows_a_redirected_login_elsewhere(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, elsewhere: Recorder, name: str
) -> None:
    control.add_fault(method="POST", path="login", redirect=f"http://localhost:{elsewhere.port}", times=None)
    output = connector.read(CASES[name].config(sandbox), CASES[name].stream)
    assert_one_clear_error(output, CASES[name], "config_error", "redirects")
    assert elsewhere.seen == []


@pytest.mark.parametrize(
    "fault",
    [
        {"redirect": ""},
        {"status": 302, "headers": {"Location": "https://[127.0.0.1/"}},
        {"status": 302, "headers": {"Location": "http://127.0.0.1:99999999/"}},
        {"status": 304},
    ],
    ids=["in circles", "no address", "no port", "without a target"],
)
def test_a_redirect_that_leads_nowhere_is_one_clear_error(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults, fault: Json
) -> None:
    clear_error(sandbox, connector, control, case, fault, "config_error", "redirects", "`provider.api_url`")


# --- echoes


@pytest.mark.parametrize("status", [200, 400, 401, 403, 503])
def test_credentials_that_the_api_quotes_are_masked(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, case: Faults, status: int
) -> None:
    control.add_fault(path=case.feed, times=None, status=status, echo=True)
    output = connector.read({**case.config(sandbox), "num_workers": 1}, case.stream)
    assert output.status == 1
    assert_no_secret(output.text, secrets_of(case.config(sandbox)), control.credentials())


@pytest.mark.parametrize("name", ["cloud4wi", "carecloud"])
@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_a_password_that_a_refused_login_quotes_is_masked(
    sandbox: Sandbox, connector: PreparedConnector, control: Control, name: str, status: int
) -> None:
    control.add_fault(method="POST", path="login", times=None, status=status, echo=True)
    output = connector.read(CASES[name].config(sandbox), CASES[name].stream)
    assert_one_clear_error(output, CASES[name], output.errors[0]["failure_type"])
    assert_no_secret(output.text, secrets_of(CASES[name].config(sandbox)), [])


def test_the_hourly_password_that_the_api_quotes_is_masked(
    sandbox: Sandbox, connector: PreparedConnector, control: Control
) -> None:
    control.add_fault(path="/events$", times=None, status=400, echo=True)
    settings = carecloud.config(sandbox.url, "basic", num_workers=1)
    output = connector.read(settings, "org_events")
    assert output.status == 1
    assert_no_secret(output.text, secrets_of(settings), control.credentials())


def assert_no_secret(text: str, secrets: list[str], credentials: list[str]) -> None:
    """None of the secrets in any form; of the credentials in headers not even the part behind `Bearer`."""
    for secret in [*secrets, *(credential.split()[-1] for credential in credentials)]:
        for form in forms_of(secret):
            assert form not in text, json.dumps(text[max(text.index(form) - 200, 0) :][:400])


def test_no_secret_is_in_the_output_of_any_of_these_tests(
    sandbox: Sandbox, connector: PreparedConnector, control: Control
) -> None:
    """It comes last: it looks at what all tests before have written."""
    secrets = {secret for case in CASES.values() for secret in secrets_of(case.config(sandbox))}
    assert len(secrets) == 4
    if not connector.outputs:
        pytest.skip("no other test of this module has run")
    for text in connector.outputs:
        assert_no_secret(text, sorted(secrets), sorted(CREDENTIALS))

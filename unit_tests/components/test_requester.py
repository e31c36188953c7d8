from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from source_events.components import requester as module
from source_events.components.decoder import AnswerRefused, Decoder
from source_events.components.errors import Expired
from source_events.components.login import Login
from source_events.components.prepared import MARK
from source_events.components.requester import Requester
from source_events.components.templates import InvalidManifest
from source_events.components.windows import Slice
from source_events.records.page import Answer
from source_events.records.rows import Row
from source_events.runtime import Runtime
from source_events.transport.memory import MEMORY_PER_BYTE, Closed
from source_events.transport.network import Network, Session
from source_events.transport.rate import Rate
from unit_tests.exchange import Request, Response
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration, read

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")


class Whole(Decoder):
    """Decodes any answer as one row; `KO` is a refusal."""

    def decode_body(self, body: bytes) -> Answer:
        if body == b"KO":
            raise AnswerRefused("they say no")
        return Answer(rows=[Raw(body)])

    def row(self, raw: Raw) -> Row[Any]:
        raise NotImplementedError


ENDPOINT = "https://host/path"
GET = Request("GET", ENDPOINT)
CONFIG = {"start_date": DAY[0], "end_date": DAY[1], "provider": {"url": "https://host"}}
PART = Slice(*DAY)


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(2)


@pytest.fixture
def endpoint(runtime: Runtime) -> Callable[..., Requester]:
    def endpoint(url: str = ENDPOINT, stream: str = "s", **arguments: Any) -> Requester:
        return Requester(CONFIG, runtime, runtime.stream(stream), Whole(CONFIG), url, **arguments)

    return endpoint


def asked(requester: Requester, part: Slice = PART, **page: str | int) -> bytes:
    """The body of the answer."""
    answer = requester.ask(part, page)
    assert answer is not None
    answer.release()
    return bytes(answer.rows[0])


def test_every_request_goes_over_the_one_network(network, monkeypatch):
    networks = []
    fetch = Network.fetch
    monkeypatch.setattr(
        Network, "fetch", lambda one, *arguments, **options: networks.append(one) or fetch(one, *arguments, **options)
    )
    network.expect(requests.login(), responses.token())
    network.expect(requests.feed(*DAY), responses.empty())
    network.expect(requests.contact("c", *DAY), responses.empty())
    read("org_events", "contact_events", config=configuration(contact_ids=["c"]))
    assert len(networks) == 3
    assert len(set(map(id, networks))) == 1


class TestRequest:
    def test_it_says_what_the_manifest_says_of_the_slice(self, network, endpoint):
        made = endpoint(
            "{{ config['provider']['url'] }}/events",
            parameters={"from": "{{ window.start }}", "to": "{{ window.end }}", "fixed": "1", "n": 5},
            headers={"X-From": "{{ window.start }}"},
        )
        query = (("fixed", "1"), ("from", DAY[0]), ("n", "5"), ("to", "2024-01-02T00:00:00Z"))
        network.expect(Request("GET", "https://host/events", query, headers=(("X-From", DAY[0]),)), Response(b"1"))
        assert asked(made) == b"1"

    def test_a_bound_that_is_open_is_left_out(self, network, endpoint):
        made = endpoint(parameters={"from": "{{ window.start }}", "to": "{{ window.end }}"})
        network.expect(GET, Response(b"1"))
        asked(made, replace(PART, open_start=True, open_end=True))

    def test_a_bound_that_its_window_does_not_have_is_a_mistake(self, endpoint):
        made = endpoint(parameters={"from": "{{ window.begin }}"})
        with pytest.raises(InvalidManifest) as caught:
            asked(made)
        assert caught.value.message == (
            "The manifest speaks of `window.begin`; this window has start, end, end_within."
        )

    def test_the_page_comes_behind_what_the_slice_says(self, network, endpoint):
        made = endpoint(parameters={"a": "1"})
        network.expect(GET.having(a="1", offset="100", token="x y&="), Response(b"1"))
        asked(made, offset=100, token="x y&=")

    def test_a_page_is_the_only_parameter_where_there_are_no_others(self, network, endpoint):
        network.expect(GET.having(offset="100"), Response(b"1"))
        asked(endpoint(), offset=100)

    def test_a_page_has_as_many_rows_as_the_manifest_says(self, network, endpoint):
        made = endpoint(page_size={"limit": 100})
        network.expect(GET.having(limit="100"), Response(b"1"))
        asked(made)
        assert made.limit == 100

    def test_a_check_asks_for_one(self, network):
        runtime = Runtime(8, check=True)
        made = Requester(CONFIG, runtime, runtime.stream("s"), Whole(CONFIG), ENDPOINT, page_size={"limit": 100})
        network.expect(GET.having(limit="1"), Response(b"1"))
        asked(made)
        assert made.limit == 1

    def test_a_check_makes_two_attempts(self, network, waits):
        runtime = Runtime(8, check=True)
        made = Requester(CONFIG, runtime, runtime.stream("s"), Whole(CONFIG), ENDPOINT)
        network.expect(GET, *[Response(status=503)] * 2)
        with pytest.raises(AirbyteTracedException, match=re.escape("(attempt 2 of 2)")):
            asked(made)
        assert len(waits) == 1

    def test_a_body_is_json(self, network, endpoint):
        made = endpoint(method="POST", body={"of": ["{{ window.start }}"], "code": "007", "n": 1, "empty": ""})
        network.expect(Request("POST", ENDPOINT, body={"of": [DAY[0]], "code": "007", "n": 1}), Response(b"1"))
        asked(made)

    def test_a_form_has_its_fields_as_browsers_send_them(self, network, endpoint):
        made = endpoint(method="POST", form={"a": "{{ config['provider']['url'] }}", "b": "x y&"})
        headers = (("Content-Type", "application/x-www-form-urlencoded"),)
        network.expect(Request("POST", ENDPOINT, body="a=https%3A%2F%2Fhost&b=x+y%26", headers=headers), Response(b"1"))
        asked(made)

    def test_a_form_is_no_text(self, endpoint):
        with pytest.raises(InvalidManifest, match="The fields of an HTML form stand in `form`"):
            endpoint(method="POST", body="a=1&b=2")

    def test_what_it_can_know_nothing_of_is_a_mistake(self, endpoint):
        for place in ("parameters", "headers", "body", "form"):
            with pytest.raises(InvalidManifest):
                endpoint(**{place: {"x": "{{ stream_partition }}"}})
        with pytest.raises(InvalidManifest):
            endpoint("https://host/{{ next_page_token }}")

    def test_no_more_templates_are_kept_than_are_useful(self, network, endpoint, monkeypatch):
        monkeypatch.setattr(module, "MOST_TEMPLATES", 2)
        made = endpoint(parameters={"from": "{{ window.start }}"})
        for part in PART.parts(timedelta(hours=4)):
            network.expect(GET.having(**{"from": part.first}), Response(b"1"))
            asked(made, part)
        assert len(made._prepared) == 2


class TestContact:
    """Requests for one contact after the other are made from one, so the contact must come into each."""

    CONTACTS = ("a", "b c", "ü/../&=?#%", '"quoted" \\', MARK, "{{ contact }}")

    def each(self, requester: Requester) -> None:
        for contact in self.CONTACTS:
            assert asked(requester, replace(PART, contact=contact), offset=1) == contact.encode()

    def test_in_the_address_it_is_escaped(self, network, endpoint):
        for contact in self.CONTACTS:
            url = f"https://host/of/{quote(contact, safe='')}/events"
            network.expect(Request("GET", url).having(offset="1"), Response(contact.encode()))
        self.each(endpoint("https://host/of/{{ contact }}/events"))

    def test_in_a_parameter(self, network, endpoint):
        for contact in self.CONTACTS:
            network.expect(GET.having(id=f"c:{contact}", offset="1"), Response(contact.encode()))
        self.each(endpoint(parameters={"id": "c:{{ contact }}"}))

    def test_in_a_list_of_parameters(self, network, endpoint):
        for contact in self.CONTACTS:
            query = tuple(sorted((("id[]", contact), ("id[]", "other"), ("offset", "1"))))
            network.expect(replace(GET, query=query), Response(contact.encode()))
        self.each(endpoint(parameters={"id[]": ["{{ contact }}", "other"]}))

    def test_in_a_body(self, network, endpoint):
        for contact in self.CONTACTS:
            body = {"filter": [{"id": contact}], "n": 1}
            network.expect(Request("POST", ENDPOINT, (("offset", "1"),), body), Response(contact.encode()))
        self.each(endpoint(method="POST", body={"filter": [{"id": "{{ contact }}"}], "n": 1}))

    def test_a_body_is_as_long_as_it_says(self, network, endpoint):
        network.expect(Request("POST", ENDPOINT, body={"id": "x" * 100}), Response(b"1"))
        made = endpoint(method="POST", body={"id": "{{ contact }}"})
        asked(made, replace(PART, contact="x" * 100))
        [request] = network.made
        assert dict(request.headers)["Content-Length"] == str(len('{"id": ""}') + 100)

    def test_not_in_a_header(self, endpoint):
        with pytest.raises(InvalidManifest, match="speaks of `contact`"):
            endpoint(headers={"X-Contact": "{{ contact }}"})


class TestFailure:
    def test_one_that_is_refused_ends_the_stream_and_no_other(self, network, endpoint):
        refused, same, other = endpoint(), endpoint("https://host/b"), endpoint("https://host/c", stream="other")
        network.expect(GET, Response(b'{"message": "why"}', 403))
        network.expect(Request("GET", "https://host/c"), Response(b"c"))
        messages = []
        for requester in (refused, same):
            with pytest.raises(AirbyteTracedException) as caught:
                asked(requester)
            messages.append((caught.value.message, caught.value.failure_type))
        assert (
            messages
            == [("The API refused the request. (The API answered 403 Forbidden: why.)", FailureType.system_error)] * 2
        )
        assert asked(other) == b"c"

    @pytest.mark.parametrize(
        ("trouble", "attempts", "words"),
        [
            pytest.param(Response(status=401), 1, "401 Unauthorized", id="credentials"),
            pytest.param(Response(status=302, headers={"Location": "https://b"}), 1, "redirects", id="redirect"),
            pytest.param(ProtocolError("reset", ConnectionResetError()), 8, "Cannot read from host", id="unreachable"),
        ],
    )
    def test_what_no_stream_can_escape_ends_all(self, network, endpoint, trouble, attempts, words):
        network.expect(GET, *[trouble] * attempts)
        for requester in (endpoint(), endpoint("https://host/b", stream="other")):
            with pytest.raises(AirbyteTracedException, match=words):
                asked(requester)

    def test_a_login_that_is_refused_ends_all(self, network, runtime, endpoint):
        login = Login(CONFIG, runtime, runtime.stream("s"), Whole(CONFIG), ENDPOINT)
        network.expect(GET, Response(b"KO"))
        for requester in (login, endpoint("https://host/b", stream="other")):
            with pytest.raises(AirbyteTracedException, match="they say no"):
                asked(requester)

    def test_a_status_of_the_api_says_how_the_rate_is(self, network, endpoint, monkeypatch):
        told = []
        monkeypatch.setattr(Rate, "refused", lambda rate: told.append("refused"))
        monkeypatch.setattr(Rate, "succeeded", lambda rate: told.append("answered"))
        gone = {404: {"gone": True, "message": "gone"}}
        network.expect(GET, Response(status=429), Response(status=503), OSError("no answer"), Response(b"1"))
        network.expect(GET, Response(status=404))
        made = endpoint(refusals=gone)
        asked(made)
        assert made.ask(PART, {}) is None
        assert told == ["refused", "answered", "answered", "answered"]

    def test_no_answer_that_failed_keeps_memory(self, network, runtime, endpoint):
        network.expect(GET, Response(b"x" * 100, 503), Response(b"x" * 100, truncated=True), Response(b"1"))
        answer = endpoint().ask(PART, {})
        assert answer is not None
        assert runtime.memory.used == MEMORY_PER_BYTE
        answer.release()
        network.expect(GET, Response(b"x" * 100, 418))
        with pytest.raises(AirbyteTracedException):
            asked(endpoint())
        assert runtime.memory.used == 0

    def test_an_answer_that_is_too_large_says_what_to_do(self, network, endpoint, monkeypatch):
        monkeypatch.setattr("source_events.transport.body.LARGEST_BODY", 2**20)
        network.expect(GET, Response(b" " * (2**20 + 1)))
        with pytest.raises(AirbyteTracedException, match="Choose a shorter `window_size`") as caught:
            asked(endpoint())
        assert caught.value.failure_type is FailureType.config_error

    def test_what_is_gone_is_counted(self, network, runtime, endpoint, log):
        network.expect(GET, Response(status=404))
        made = endpoint(refusals={404: {"gone": True, "message": "It is skipped."}})
        assert made.ask(replace(PART, contact="c"), {}) is None
        assert runtime.stream("s").counts.now.gone == 1
        assert "s: It is skipped: c." in log.text

    def test_a_request_that_is_closed_while_it_waits_ends(self, network, runtime, endpoint):
        def close() -> Response:
            runtime.network.close()
            return Response(status=503)

        network.expect(GET, close)
        with pytest.raises(Closed):
            asked(endpoint())


class TestScroll:
    """An answer that may have been lost cannot be asked for again: the scroll may have moved on."""

    @pytest.mark.parametrize(
        "trouble",
        [
            pytest.param(Response(status=502), id="502"),
            pytest.param(Response(status=504), id="504"),
            pytest.param(Response(b"1", truncated=True), id="a body that breaks off"),
            pytest.param(ProtocolError("reset", ConnectionResetError()), id="reset"),
            *[pytest.param(Response(status=status), id=str(status)) for status in (400, 404, 409, 410)],
        ],
    )
    def test_then_the_slice_is_read_again(self, network, endpoint, trouble):
        network.expect(GET.having(scroll="s"), trouble)
        with pytest.raises(Expired):
            asked(endpoint(scroll="scroll"), scroll="s")

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_what_the_api_says_itself_is_no_lost_answer(self, network, endpoint, status):
        network.expect(GET.having(scroll="s"), Response(status=status), Response(b"1"))
        assert asked(endpoint(scroll="scroll"), scroll="s") == b"1"

    def test_the_first_request_continues_none(self, network, endpoint):
        network.expect(GET, Response(status=502), Response(b"1"))
        assert asked(endpoint(scroll="scroll")) == b"1"


def test_a_request_has_its_filters_once(network):
    """The parameters are part of the comparison: none may come twice, none may be empty."""
    network.expect(requests.login(), responses.token())
    network.expect(requests.feed(*DAY), responses.empty())
    read("org_events")
    [feed] = [made for made in network.made if made.method == "GET"]
    names = [name for name, _ in feed.query]
    assert sorted(set(names)) == names == ["dateEnd", "dateStart", "enableScroll", "size", "sortBy"]


@pytest.fixture
def prepared(monkeypatch):
    """The requests that are prepared from their templates."""
    found = []
    prepare = Network.prepare
    monkeypatch.setattr(Network, "prepare", lambda *arguments: found.append(arguments) or prepare(*arguments))
    return found


class TestRequestsForOneContactAfterTheOther:
    """They are made from one that is prepared, and what fails is asked for again as any other."""

    CONTACTS = ("a", "b c", "0contact_path0")

    @pytest.fixture(autouse=True)
    def logged_in(self, network):
        network.expect(requests.login(), responses.token())

    def read(self, *contacts: str):
        return read("contact_events", config=configuration(contact_ids=list(contacts)))

    def page(self, contact: str):
        return responses.page([responses.event(f"of {contact}", "2024-01-01T12:00:00Z", "visit", contact)])

    def test_they_are_prepared_once(self, network, prepared):
        for contact in self.CONTACTS:
            network.expect(requests.contact(quote(contact), *DAY), self.page(contact))
        assert self.read(*self.CONTACTS).ids() == sorted(f"of {contact}" for contact in self.CONTACTS)
        # The login and the contacts.
        assert len(prepared) == 2

    @pytest.mark.parametrize(
        "first",
        [
            pytest.param(responses.error(503), id="a passing error"),
            pytest.param(responses.error(429, **{"Retry-After": "0"}), id="a limit"),
            pytest.param(Response(b"<html>"), id="no JSON"),
            pytest.param(Response(b"{}", truncated=True), id="a body that breaks off"),
            pytest.param(ReadTimeoutError(None, None, "late"), id="a time-out"),  # type: ignore[arg-type]
        ],
    )
    def test_one_that_fails_for_a_while_is_sent_once_more(self, network, first):
        network.expect(requests.contact("a", *DAY), first, self.page("a"))
        network.expect(requests.contact("b", *DAY), self.page("b"))
        assert self.read("a", "b").ids() == ["of a", "of b"]

    def test_one_that_the_api_refuses_is_sent_once(self, network):
        network.expect(requests.contact("a", *DAY), responses.error(409))
        assert self.read("a").error()["failure_type"] == "system_error"

    def test_one_for_a_contact_that_is_gone_is_sent_once(self, network):
        network.expect(requests.contact("a", *DAY), responses.error(404))
        network.expect(requests.contact("b", *DAY), self.page("b"))
        assert self.read("a", "b").ids() == ["of b"]

    def test_each_has_the_token_that_is_valid_when_it_leaves(self, network):
        network.expect(requests.login(), responses.token("token-2"))
        network.expect(requests.contact("a", *DAY, token="token-1"), self.page("a"))
        network.expect(requests.contact("b", *DAY, token="token-1"), responses.error(403))
        network.expect(requests.contact("b", *DAY, token="token-2"), self.page("b"))
        network.expect(requests.contact("c", *DAY, token="token-2"), self.page("c"))
        config = configuration(contact_ids=["a", "b", "c"], num_workers=1)
        assert read("contact_events", config=config).ids() == ["of a", "of b", "of c"]


class TestPagesOfASlice:
    """They are made from one that is prepared too: what is left to do is the token of each."""

    TOKENS = ("", "s1", "s 2&=", "s3")

    @pytest.fixture(autouse=True)
    def logged_in(self, network):
        network.expect(requests.login(), responses.token())

    def expect_pages(self, network):
        for number, token in enumerate(self.TOKENS):
            following = self.TOKENS[number + 1] if number < 3 else None
            page = responses.page([responses.event(f"e{number}")] if following else [], following)
            network.expect(requests.feed(*DAY, scroll=token or None), page)

    def test_they_are_prepared_once(self, network, prepared):
        self.expect_pages(network)
        assert read("org_events").ids() == ["e0", "e1", "e2"]
        # The login and the slice.
        assert len(prepared) == 2

    def test_each_has_the_cookies_that_earlier_answers_have_brought(self, network, monkeypatch):
        send = Session.send

        def set_cookie(session, request, **options):
            response = send(session, request, **options)
            session.cookies.set("server", str(len(network.made)))
            return response

        monkeypatch.setattr(Session, "send", set_cookie)
        self.expect_pages(network)
        assert read("org_events").ids() == ["e0", "e1", "e2"]
        cookies = [dict(made.headers).get("Cookie") for made in network.made[1:]]
        assert cookies == ["server=1", "server=2", "server=3", "server=4"]

    def test_with_debug_the_log_describes_each(self, network, caplog):
        self.expect_pages(network)
        with caplog.at_level(logging.DEBUG, logger="airbyte"):
            assert read("org_events").ids() == ["e0", "e1", "e2"]
        described = [record.message for record in caplog.records if record.levelno == logging.DEBUG]
        assert len(described) == 5
        assert all(": 200, " in line and "scrollId" not in line for line in described)

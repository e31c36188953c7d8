from __future__ import annotations

import logging
from urllib.parse import quote

import pytest
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from source_events.components.requester import CONNECT_TIMEOUT, READ_TIMEOUT, SharedRequester
from source_events.source import bind
from source_events.transport.connection import Session
from unit_tests import exchange
from unit_tests.exchange import Response
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration, read

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")


@pytest.fixture
def requesters():
    """The feed's requester and that of its login."""
    stream = bind(configuration()).checked_stream()
    requester = stream._stream_partition_generator._partition_factory._retriever.pages.requester
    return requester, requester.authenticator.login


def test_every_request_goes_over_the_shared_connections(requesters):
    clients = [requester._http_client._session for requester in requesters]
    assert all(isinstance(client, Session) for client in clients)
    assert clients[0] is not clients[1]
    assert clients[0].get_adapter("https://a") is clients[1].get_adapter("https://a")


def test_the_feeds_error_handler_decodes_with_the_feeds_decoder(requesters):
    feed, login = requesters
    assert feed.error_handler.decoder is feed.decoder
    assert login.error_handler.decoder is None


def test_requests_have_time_outs(network, monkeypatch):
    timeouts = []
    answer = HTTPConnectionPool.urlopen

    def noting(pool, method, url, body=None, **options):
        timeouts.append((options["timeout"].connect_timeout, options["timeout"].read_timeout))
        return answer(pool, method, url, body, **options)

    monkeypatch.setattr(exchange.HTTPConnectionPool, "urlopen", noting)
    network.expect(requests.login(), responses.token())
    network.expect(requests.feed(*DAY), responses.empty())
    read("org_events")
    assert timeouts == [(CONNECT_TIMEOUT, READ_TIMEOUT)] * 2
    assert 0 < CONNECT_TIMEOUT <= READ_TIMEOUT <= 60


def test_a_request_has_its_filters_once(network):
    """The parameters are part of the comparison: none may come twice, none may be empty."""
    network.expect(requests.login(), responses.token())
    network.expect(requests.feed(*DAY), responses.empty())
    read("org_events")
    [feed] = [made for made in network.made if made.method == "GET"]
    names = [name for name, _ in feed.query]
    assert sorted(set(names)) == names == ["dateEnd", "dateStart", "enableScroll", "size", "sortBy"]


class TestRequestsForOneContactAfterTheOther:
    """They are made from a template, and what fails is left to the CDK's way without being asked for twice."""

    CONTACTS = ("a", "b c", "0contact_path0")

    @pytest.fixture(autouse=True)
    def logged_in(self, network):
        network.expect(requests.login(), responses.token())

    def read(self, *contacts: str):
        return read("contact_events", config=configuration(contact_ids=list(contacts)))

    def page(self, contact: str):
        return responses.page([responses.event(f"of {contact}", "2024-01-01T12:00:00Z", "visit", contact)])

    def test_they_are_evaluated_once(self, network, monkeypatch):
        evaluated = []
        evaluate = SharedRequester.get_url
        monkeypatch.setattr(
            SharedRequester, "get_url", lambda *args, **context: evaluated.append(1) or evaluate(*args, **context)
        )
        for contact in self.CONTACTS:
            network.expect(requests.contact(quote(contact), *DAY), self.page(contact))
        assert self.read(*self.CONTACTS).ids() == sorted(f"of {contact}" for contact in self.CONTACTS)
        # Of the login and of the contacts.
        assert len(evaluated) == 2

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
    """They are made from a template too: what is left to evaluate is the token of each."""

    TOKENS = ("", "s1", "s 2&=", "s3")

    @pytest.fixture(autouse=True)
    def logged_in(self, network):
        network.expect(requests.login(), responses.token())

    def expect_pages(self, network):
        for number, token in enumerate(self.TOKENS):
            following = self.TOKENS[number + 1] if number < 3 else None
            page = responses.page([responses.event(f"e{number}")] if following else [], following)
            network.expect(requests.feed(*DAY, scroll=token or None), page)

    def test_they_are_evaluated_once(self, network, monkeypatch):
        evaluated = []
        evaluate = SharedRequester.get_request_params
        monkeypatch.setattr(
            SharedRequester,
            "get_request_params",
            lambda *args, **context: evaluated.append(1) or evaluate(*args, **context),
        )
        self.expect_pages(network)
        assert read("org_events").ids() == ["e0", "e1", "e2"]
        # Of the login and of the slice.
        assert len(evaluated) == 2

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
        assert cookies == [None, "server=2", "server=3", "server=4"]

    def test_with_debug_the_log_describes_each(self, network, caplog):
        self.expect_pages(network)
        with caplog.at_level(logging.DEBUG, logger="airbyte"):
            assert read("org_events").ids() == ["e0", "e1", "e2"]
        described = [record for record in caplog.records if record.message == "Making outbound API request"]
        assert len(described) == 5

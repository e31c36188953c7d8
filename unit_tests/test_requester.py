from __future__ import annotations

import pytest
from urllib3.connectionpool import HTTPConnectionPool

from source_events.connection import Session
from source_events.requester import CONNECT_TIMEOUT, READ_TIMEOUT
from source_events.source import bind
from unit_tests import transport
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration, read

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")


@pytest.fixture
def requesters():
    """The feed's requester and that of its login."""
    stream = bind(configuration()).checked_stream()
    requester = stream._stream_partition_generator._partition_factory._retriever.requester
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

    monkeypatch.setattr(transport.HTTPConnectionPool, "urlopen", noting)
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

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import connection as urllib3_connection

from source_events import __version__
from source_events.transport import body
from source_events.transport.body import BodyTooLarge
from source_events.transport.memory import MEMORY_PER_BYTE, Closed, Memory
from source_events.transport.network import CONNECT_TIMEOUT, READ_TIMEOUT, Network, Reply, SharedAdapter, Slots
from source_events.transport.rate import Rate
from unit_tests import exchange
from unit_tests.background import Background
from unit_tests.exchange import Request, Response, Transport
from unit_tests.transport.server import Server

URL = "https://host/path"
GET = Request("GET", URL)
# As they are outside of tests, where nothing stands in for the network.
URLOPEN, WAIT = HTTPConnectionPool.urlopen, Network.wait


def network_of(num_workers: int = 2, *, rate: Rate | None = None, memory: Memory | None = None) -> Network:
    return Network(num_workers, rate or Rate(), memory or Memory())


def get(network: Network, url: str = URL, *, reserve: bool = True) -> Reply:
    return network.fetch(network.prepare("GET", url, {}), network.settings(url), reserve=reserve)


class TestSlots:
    def test_no_more_threads_than_slots_are_in_at_once(self):
        slots, inside, most, lock = Slots(3), 0, 0, threading.Lock()

        def work() -> None:
            nonlocal inside, most
            with slots.occupied():
                with lock:
                    inside += 1
                    most = max(most, inside)
                time.sleep(0.01)
                with lock:
                    inside -= 1

        threads = [Background(work) for _ in range(12)]
        assert all(thread.ends() for thread in threads)
        assert most == 3

    def test_a_thread_with_a_slot_needs_no_second_one(self):
        slots = Slots(1)

        def twice() -> str:
            with slots.occupied(), slots.occupied():
                return "in"

        thread = Background(twice)
        assert thread.ends()
        assert thread.result == "in"

    def test_the_inner_use_does_not_free_the_outer_ones_slot(self):
        slots = Slots(1)

        def enter() -> None:
            with slots.occupied():
                pass

        with slots.occupied():
            with slots.occupied():
                pass
            other = Background(enter)
            assert other.is_waiting()
        assert other.ends()

    def test_an_error_frees_the_slot(self):
        slots = Slots(1)
        with pytest.raises(KeyError), slots.occupied():
            raise KeyError
        with slots.occupied():
            pass


class TestRequests:
    def test_the_connector_says_who_it_is(self, network):
        network.expect(Request("GET", URL, headers=(("User-Agent", f"source-events/{__version__}"),)), Response())
        assert get(network_of()).status == 200

    def test_a_request_has_its_parameters_headers_and_body(self, network):
        query = (("a", "x y&="), ("b[]", "1"), ("b[]", "2"), ("z", "1"))
        network.expect(Request("POST", URL, query, {"k": ["v", None]}, (("H", "h"),)), Response())
        made = network_of()
        parameters = {"a": "x y&=", "b[]": ["1", "2"], "c": None}
        request = made.prepare("POST", f"{URL}?z=1", {"H": "h"}, parameters, {"k": ["v", None]})
        made.fetch(request, made.settings(URL))

    def test_a_request_without_a_body_has_none(self):
        assert network_of().prepare("GET", URL, {}).body is None

    def test_requests_have_time_outs_and_their_hosts_settings(self, network, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "http://proxy:3128")
        monkeypatch.setenv("NO_PROXY", "elsewhere")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/authorities.pem")
        sent: list[dict[str, Any]] = []

        def answer(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            sent.append(options)
            return adapter.build_response(request, exchange.as_urllib3(Response()))

        monkeypatch.setattr("source_events.transport.network.SharedAdapter.send", answer)
        made = network_of()
        get(made)
        get(made, "https://elsewhere/path")
        assert [options["timeout"] for options in sent] == [(CONNECT_TIMEOUT, READ_TIMEOUT)] * 2
        assert 0 < CONNECT_TIMEOUT <= READ_TIMEOUT <= 60
        assert [options["proxies"].get("https") for options in sent] == ["http://proxy:3128", None]
        assert [options["verify"] for options in sent] == ["/authorities.pem"] * 2

    def test_requests_at_once_are_as_many_as_there_are_workers(self, network):
        made, inside, most, lock = network_of(2), 0, 0, threading.Lock()

        def answer() -> Response:
            nonlocal inside, most
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.02)
            with lock:
                inside -= 1
            return Response()

        network.expect(GET, *[answer] * 6)
        threads = [Background(lambda: get(made)) for _ in range(6)]
        assert all(thread.ends() for thread in threads)
        assert most == 2

    def test_with_debug_the_log_has_a_line_for_each_without_its_query(self, network, caplog):
        network.expect(GET.having(token="a-secret"), Response(b"abc", status=418))
        with caplog.at_level(logging.DEBUG, logger="airbyte"):
            get(network_of(), f"{URL}?token=a-secret")
        [line] = [record.getMessage() for record in caplog.records]
        assert line.startswith("GET https://host/path: 418, 3 bytes in 0.")


class TestReading:
    def test_a_reply_has_all_that_was_answered(self, network):
        network.expect(GET, Response(b'{"a":1}', 404, {"X-Header": "x"}))
        reply = get(network_of())
        assert (reply.status, reply.reason, reply.body, reply.ok) == (404, "Not Found", b'{"a":1}', False)
        assert reply.headers["x-header"] == "x"

    def test_a_compressed_body_is_unpacked(self, network):
        network.expect(GET, Response(gzip.compress(b"x" * 1000), headers={"Content-Encoding": "gzip"}))
        assert get(network_of()).body == b"x" * 1000

    @pytest.mark.parametrize(
        ("answer", "error"),
        [
            pytest.param(Response(b"abc", truncated=True), requests.exceptions.ChunkedEncodingError, id="truncated"),
            pytest.param(
                Response(b"no gzip", headers={"Content-Encoding": "gzip"}),
                requests.exceptions.ContentDecodingError,
                id="not compressed as it says",
            ),
        ],
    )
    def test_a_broken_body_is_an_error_of_requests_with_its_request(self, network, answer, error):
        network.expect(GET, answer)
        with pytest.raises(error) as caught:
            get(network_of())
        assert caught.value.request.url == URL

    def test_a_body_that_stops_coming_is_a_time_out(self, network, monkeypatch):
        def stuck(response: Any, *arguments: Any, **options: Any) -> bytes:
            raise ReadTimeoutError(None, URL, "stuck")

        monkeypatch.setattr(exchange.HTTPResponse, "read", stuck)
        network.expect(GET, Response(b"abc"))
        with pytest.raises(requests.exceptions.ReadTimeout):
            get(network_of())

    def test_an_answer_takes_its_memory_until_it_is_released(self, network):
        network.expect(GET, Response(b"x" * 10))
        memory = Memory(10 * MEMORY_PER_BYTE)
        reply = get(network_of(memory=memory))
        second = Background(lambda: memory.reserve(1))
        assert second.is_waiting()
        reply.release()
        assert second.ends()

    def test_an_answer_is_read_only_when_there_is_memory_for_it(self, network):
        memory = Memory(10 * MEMORY_PER_BYTE)
        held = memory.reserve(1)
        network.expect(GET, Response(b"x" * 10))
        reading = Background(lambda: get(network_of(memory=memory)))
        assert reading.is_waiting()
        held.release()
        assert reading.ends()
        assert reading.result.body == b"x" * 10

    def test_one_that_somebody_waits_for_who_holds_memory_needs_none(self, network):
        memory = Memory(10 * MEMORY_PER_BYTE)
        held = memory.reserve(10)
        network.expect(GET, Response(b"x" * 10))
        reading = Background(lambda: get(network_of(memory=memory), reserve=False))
        assert reading.ends()
        assert reading.result.memory is None
        assert memory.used == 10 * MEMORY_PER_BYTE
        held.release()

    def test_the_memory_is_that_of_the_unpacked_body(self, network):
        network.expect(GET, Response(gzip.compress(b"x" * 1000), headers={"Content-Encoding": "gzip"}))
        memory = Memory()
        reply = get(network_of(memory=memory))
        assert memory.used == 1000 * MEMORY_PER_BYTE
        reply.release()

    def test_the_size_of_an_answer_is_expected_of_the_next(self, network):
        network.expect(GET, *[Response(b"x" * (5 * 2**20))] * 20)
        memory = Memory()
        for _ in range(20):
            get(network_of(memory=memory)).release()
        assert memory.expected == 5 * 2**20

    @pytest.mark.parametrize(
        ("content", "headers", "taken"),
        [
            (b"x" * 1000, {}, 1000),
            (gzip.compress(b"x" * 1000), {"Content-Encoding": "gzip"}, Memory().expected),
            (b"x" * 1000, {"Content-Length": ""}, Memory().expected),
        ],
        ids=["plain", "compressed", "in pieces"],
    )
    def test_memory_is_taken_for_the_size_that_an_answer_tells_or_for_that_of_others(
        self, network, monkeypatch, content, headers, taken
    ):
        memory, reserved = Memory(), []
        reserve = memory.reserve
        monkeypatch.setattr(memory, "reserve", lambda size: reserved.append(size) or reserve(size))
        network.expect(GET, Response(content, headers=headers))
        get(network_of(memory=memory)).release()
        assert reserved == [taken]

    def test_an_answer_whose_body_breaks_off_leaves_no_memory_taken(self, network):
        network.expect(GET, Response(b"x" * 10, truncated=True))
        memory = Memory()
        with pytest.raises(requests.RequestException) as caught:
            get(network_of(memory=memory))
        # Also while somebody keeps the error, whose frames still know the answer.
        assert memory.used == 0
        assert caught.value is not None

    @pytest.mark.parametrize("length", ["\xb2", "-1", "1e3"])
    def test_a_length_that_is_none_is_not_believed(self, network, length):
        network.expect(GET, Response(b"abc", headers={"Content-Length": length}))
        assert get(network_of()).body == b"abc"


class TestPools:
    def test_each_host_has_one_of_its_own_which_its_requests_share(self):
        adapter = SharedAdapter(2, Rate())

        def pool(url: str, **proxies: str) -> Any:
            return adapter.get_connection_with_tls_context(requests.Request("GET", url).prepare(), True, proxies)

        hosts = ["http://a.example/1", "http://b.example/1", "http://b.example:81/1", "https://b.example/1"]
        pools = [pool(url) for url in hosts]
        assert [(each.scheme, each.host, each.port) for each in pools] == [
            ("http", "a.example", 80),
            ("http", "b.example", 80),
            ("http", "b.example", 81),
            ("https", "b.example", 443),
        ]
        assert [pool(url.replace("/1", "/2?a=b")) for url in hosts] == pools
        assert pool(hosts[0], http="http://proxy.example:3128") is not pools[0]


class TestRedirects:
    @pytest.mark.parametrize(
        ("here", "location", "there"),
        [
            pytest.param(URL, "/other?a=1", "https://host/other", id="a path"),
            pytest.param(URL, "other?a=1", "https://host/other", id="a relative path"),
            pytest.param(URL, "https://host/other?a=1", "https://host/other", id="the same host"),
            pytest.param(URL, "https://HOST/other?a=1", "https://host/other", id="the same host in capitals"),
            pytest.param(URL, "//host/other?a=1", "https://host/other", id="no scheme"),
            pytest.param("http://host/path", "https://host/path?a=1", "https://host/path", id="from http to https"),
            pytest.param("http://host:81/a", "/b?a=1", "http://host:81/b", id="a path on another port"),
            pytest.param(URL, "https://host:443/other?a=1", "https://host/other", id="the scheme's port by its number"),
        ],
    )
    def test_a_redirect_within_the_host_is_followed(self, network, here, location, there):
        network.expect(Request("GET", here), Response(b"moved", status=307, headers={"Location": location}))
        network.expect(Request("GET", there, (("a", "1"),)), Response(b"there"))
        assert get(network_of(), here).body == b"there"

    @pytest.mark.parametrize(
        ("here", "location"),
        [
            pytest.param(URL, "https://other/path", id="another host"),
            pytest.param(URL, "//other/path", id="another host without a scheme"),
            pytest.param(URL, "https://host.other/path", id="a host that begins alike"),
            pytest.param(URL, "https://sub.host/path", id="a host below it"),
            pytest.param(URL, "https://host@other/path", id="the host as a user of another"),
            pytest.param(URL, "http://host/path", id="from https to http"),
            pytest.param(URL, "https://host:8443/path", id="another port"),
            pytest.param("http://host:81/a", "http://host:82/a", id="another port of http"),
            pytest.param("http://host/path", "https://other/path", id="to https of another host"),
            pytest.param(URL, "https://[host/path", id="no address"),
            pytest.param(URL, "https://host:99999999/path", id="no port"),
            pytest.param(URL, "https://host/\xff", id="no text"),
        ],
    )
    def test_no_other_redirect_is_followed(self, network, here, location):
        network.expect(Request("GET", here), Response(status=302, headers={"Location": location}))
        assert get(network_of(), here).status == 302
        assert len(network.made) == 1

    def test_a_redirects_own_body_is_read_within_bounds_too(self, network, monkeypatch):
        monkeypatch.setattr(body, "LARGEST_BODY", 2**20)
        network.expect(GET, Response(b" " * (2**20 + 1), status=302, headers={"Location": "/other"}))
        with pytest.raises(BodyTooLarge, match="more than 1 MiB"):
            get(network_of())

    def test_a_redirect_needs_no_second_slot(self, network):
        network.expect(GET, Response(status=307, headers={"Location": "/other"}))
        network.expect(Request("GET", "https://host/other"), Response(b"{}"))
        assert Background(lambda: get(network_of(1))).ends()


class TestRate:
    @pytest.fixture
    def rate(self) -> Any:
        class Counting(Rate):
            requests = 0

            def acquire(self) -> None:
                self.requests += 1

        return Counting()

    def test_each_request_waits_for_the_rate(self, network, rate):
        network.expect(GET, *[Response()] * 3)
        made = network_of(rate=rate)
        for _ in range(3):
            get(made)
        assert rate.requests == 3

    def test_redirects_count(self, network, rate):
        network.expect(GET, Response(status=302, headers={"Location": "/other"}))
        network.expect(Request("GET", "https://host/other"), Response())
        get(network_of(rate=rate))
        assert rate.requests == 2

    def test_what_fails_counts_too(self, network, rate):
        network.expect(GET, ConnectionResetError("reset"))
        with pytest.raises(requests.ConnectionError):
            get(network_of(rate=rate))
        assert rate.requests == 1


class TestClosing:
    """Over real connections: whatever a thread waits for, it waits no longer."""

    @pytest.fixture(autouse=True)
    def real(self, network: Transport, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(HTTPConnectionPool, "urlopen", URLOPEN)
        monkeypatch.setattr(Network, "wait", WAIT)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)

    @pytest.fixture(
        params=[
            pytest.param(b"", id="no answer yet"),
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", id="half a body"),
            pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n", id="some chunks"),
            pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n12345", id="to be closed"),
            pytest.param(b"HTTP/1.0 200 OK\r\n\r\n12345", id="a body without a length"),
        ]
    )
    def server(self, request: pytest.FixtureRequest) -> Iterator[Server]:
        server = Server(request.param)
        yield server
        server.close()

    @pytest.fixture
    def silent(self) -> Iterator[Server]:
        server = Server(b"")
        yield server
        server.close()

    def test_the_server_is_real(self):
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345")
        assert get(network_of(), server.url).body == b"12345"
        server.close()

    @pytest.mark.parametrize("reserve", [True, False])
    def test_it_ends_requests_that_are_under_way(self, server, reserve):
        made = network_of()
        running = [Background(lambda: get(made, server.url, reserve=reserve)) for _ in range(2)]
        assert all(server.asked.acquire(timeout=5) for _ in running)
        assert all(each.is_waiting() for each in running)
        made.close()
        assert all(each.ends() for each in running)
        assert {type(each.error) for each in running} == {Closed}

    def test_it_ends_those_that_wait_for_a_slot(self, silent):
        made = network_of(1)
        running = [Background(lambda: get(made, silent.url)) for _ in range(4)]
        assert silent.asked.acquire(timeout=5)
        assert all(each.is_waiting() for each in running)
        made.close()
        assert all(each.ends() for each in running)
        assert {type(each.error) for each in running} == {Closed}
        assert not silent.asked.acquire(timeout=0.05)

    def test_it_ends_those_whose_connection_is_being_made(self, silent, monkeypatch):
        begun, made_now = threading.Event(), threading.Event()
        create_connection = urllib3_connection.create_connection

        def slow(*arguments: Any, **options: Any) -> socket.socket:
            begun.set()
            assert made_now.wait(5)
            return create_connection(*arguments, **options)

        monkeypatch.setattr(urllib3_connection, "create_connection", slow)
        made = network_of()
        running = Background(lambda: get(made, silent.url))
        assert begun.wait(5)
        made.close()
        made_now.set()
        assert running.ends()
        assert type(running.error) is Closed

    def test_it_ends_those_that_wait_for_memory(self):
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345")
        memory = Memory(5 * MEMORY_PER_BYTE)
        held = memory.reserve(5)
        made = network_of(memory=memory)
        running = Background(lambda: get(made, server.url))
        assert running.is_waiting()
        made.close()
        assert running.ends()
        assert type(running.error) is Closed
        held.release()
        assert memory.used == 0
        server.close()

    def test_it_ends_those_that_wait_before_another_attempt(self):
        made = network_of()
        waiting = Background(lambda: made.wait(300))
        assert waiting.is_waiting()
        made.close()
        assert waiting.ends()
        assert type(waiting.error) is Closed

    def test_no_more_requests_are_made(self, silent):
        made = network_of()
        made.close()
        with pytest.raises(Closed):
            get(made, silent.url)
        with pytest.raises(Closed):
            made.wait(0)
        assert not silent.asked.acquire(timeout=0.05)

    def test_it_may_be_closed_again(self):
        made = network_of()
        made.close()
        made.close()

    def test_a_failure_before_is_the_requests_own(self):
        server = Server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345")
        server.close()
        with pytest.raises(requests.ConnectionError):
            get(network_of(), server.url)


def test_the_stand_in_for_the_network_is_strict():
    """It is what all tests rest on."""
    strict = Transport()
    strict.expect(GET, Response())
    with pytest.raises(AssertionError, match="never made"):
        strict.verify()
    assert strict.answer(Request("GET", URL, query=(("a", "1"),))).status == 405
    with pytest.raises(AssertionError, match="not expected"):
        strict.verify()

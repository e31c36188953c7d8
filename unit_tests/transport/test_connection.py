from __future__ import annotations

import gc
import gzip
import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyrate_limiter.clocks
import pytest
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.streams import call_rate
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from urllib3.exceptions import ReadTimeoutError

from source_events import __version__
from source_events.transport import body
from source_events.transport.connection import (
    MEMORY_PER_BYTE,
    SIZE_BEFORE_ANY_ANSWER,
    Connection,
    Memory,
    PageResponse,
    Session,
    Slots,
    Token,
)
from unit_tests import exchange
from unit_tests.exchange import Request, Response, Transport

URL = "https://host/path"
GET = Request("GET", URL)


@pytest.fixture
def connection() -> Connection:
    return Connection(2, None)


@pytest.fixture
def client(connection: Connection) -> Session:
    return Session(connection)


class Background:
    """A thread that is waited for at the end, and what it came to."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.result: Any = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], Any]) -> None:
        self.result = work()

    def is_waiting(self) -> bool:
        self._thread.join(0.05)
        return self._thread.is_alive()

    def ends(self) -> bool:
        self._thread.join(5)
        return not self._thread.is_alive()


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


class TestToken:
    @staticmethod
    def logins(number: list[int]) -> Any:
        def log_in() -> str:
            number[0] += 1
            time.sleep(0.01)
            return f"token-{number[0]}"

        return log_in

    def test_many_threads_log_in_once(self):
        token, number = Token(), [0]
        threads = [Background(lambda: token.get(self.logins(number))) for _ in range(10)]
        assert all(thread.ends() for thread in threads)
        assert {thread.result for thread in threads} == {"token-1"}

    def test_threads_that_are_refused_at_once_renew_it_once(self):
        token, number = Token(), [0]
        refused = token.get(self.logins(number))
        threads = [Background(lambda: token.renew(refused, self.logins(number))) for _ in range(10)]
        assert all(thread.ends() for thread in threads)
        assert {thread.result for thread in threads} == {"token-2"}

    def test_a_refusal_of_an_older_token_leads_to_the_newer_one(self):
        token, number = Token(), [0]
        first = token.get(self.logins(number))
        token.renew(first, self.logins(number))
        assert token.renew(first, self.logins(number)) == "token-2"

    def test_a_login_that_fails_leaves_the_way_to_the_next(self):
        token = Token()

        def fails() -> str:
            raise KeyError

        with pytest.raises(KeyError):
            token.get(fails)
        assert token.get(lambda: "token") == "token"


class TestMemory:
    def test_answers_within_the_bound_do_not_wait(self):
        memory = Memory(100)
        kept = [memory.reserve(50), memory.reserve(50)]
        assert len(kept) == 2

    def test_an_answer_beyond_the_bound_waits_until_an_earlier_one_is_gone(self):
        memory = Memory(100)
        first = memory.reserve(60)
        second = Background(lambda: memory.reserve(41))
        assert second.is_waiting()
        del first
        assert second.ends()

    def test_an_answer_larger_than_the_bound_goes_alone(self):
        memory = Memory(100)
        huge = memory.reserve(1000)
        second = Background(lambda: memory.reserve(1))
        assert second.is_waiting()
        del huge
        assert second.ends()

    def test_the_real_size_takes_the_place_of_the_announced_one(self):
        memory = Memory(100)
        first = memory.reserve(0)
        first.resize(60)
        second = Background(lambda: memory.reserve(60))
        assert second.is_waiting()
        first.resize(40)
        assert second.ends()

    def test_a_resized_reservation_frees_what_it_has_at_the_end(self):
        memory = Memory(100)
        first = memory.reserve(100)
        first.resize(30)
        del first
        assert Background(lambda: memory.reserve(100)).ends()

    def test_patience_ends_a_wait_for_what_is_never_given_back(self):
        memory = Memory(100, patience=0.05)
        held = memory.reserve(100)
        began = time.monotonic()
        assert memory.reserve(100) is not held
        assert 0.04 < time.monotonic() - began < 2

    def test_no_patience_ends_while_the_reader_of_the_output_is_busy(self):
        memory = Memory(100, patience=0.02)
        held = memory.reserve(100)
        with memory.handing_over():
            second = Background(lambda: memory.reserve(100))
            time.sleep(0.2)
            assert second.is_waiting()
        assert second.ends()
        del held

    def test_nor_while_what_was_read_is_handed_over_now_and_then(self):
        memory = Memory(100, patience=0.1)
        held = memory.reserve(100)
        second = Background(lambda: memory.reserve(100))
        for _ in range(10):
            with memory.handing_over():
                time.sleep(0.03)
        assert second.is_waiting()
        assert second.ends()
        del held

    def test_the_largest_of_the_recent_answers_is_expected(self):
        memory = Memory(100)
        for size in (5, 3):
            memory.note(size)
        assert memory.expected == SIZE_BEFORE_ANY_ANSWER
        for _ in range(18):
            memory.note(2)
        assert memory.expected == 5
        memory.note(2)
        assert memory.expected == 3


class TestReading:
    def test_a_response_is_read_in_one_piece(self, network, client):
        network.expect(GET, Response(b'{"a":1}'))
        response = client.get(URL)
        assert isinstance(response, PageResponse)
        assert (response.content, response.json(), response.raw.read()) == (b'{"a":1}', {"a": 1}, b"")

    def test_a_compressed_body_is_unpacked(self, network, client):
        network.expect(GET, Response(gzip.compress(b"x" * 1000), headers={"Content-Encoding": "gzip"}))
        assert client.get(URL).content == b"x" * 1000

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
    def test_a_broken_body_is_an_error_of_requests_with_its_request(self, network, client, answer, error):
        network.expect(GET, answer)
        with pytest.raises(error) as caught:
            client.get(URL)
        assert caught.value.request.url == URL

    def test_a_body_that_stops_coming_is_a_time_out(self, network, client, monkeypatch):
        def stuck(response: Any, *arguments: Any, **options: Any) -> bytes:
            raise ReadTimeoutError(None, URL, "stuck")

        monkeypatch.setattr(exchange.HTTPResponse, "read", stuck)
        network.expect(GET, Response(b"abc"))
        with pytest.raises(requests.exceptions.ReadTimeout):
            client.get(URL)

    def test_an_answer_takes_its_memory_until_it_is_dropped(self, network, connection, client):
        network.expect(GET, Response(b"x" * 10))
        connection.memory = Memory(10 * MEMORY_PER_BYTE)
        response = client.get(URL)
        second = Background(lambda: connection.memory.reserve(1))
        assert second.is_waiting()
        del response
        gc.collect()
        assert second.ends()

    def test_the_memory_is_that_of_the_unpacked_body(self, network, connection, client):
        network.expect(GET, Response(gzip.compress(b"x" * 1000), headers={"Content-Encoding": "gzip"}))
        connection.memory = Memory(1000 * MEMORY_PER_BYTE)
        response = client.get(URL)
        assert Background(lambda: connection.memory.reserve(1)).is_waiting()
        assert response.take()[0] == b"x" * 1000

    def test_an_answer_whose_body_breaks_off_leaves_no_memory_taken(self, network, connection, client):
        network.expect(GET, Response(b"x" * 10, truncated=True))
        connection.memory = Memory(30)
        with pytest.raises(requests.RequestException):
            client.get(URL)
        gc.collect()
        assert Background(lambda: connection.memory.reserve(30)).ends()

    @pytest.mark.parametrize("length", ["\xb2", "-1", "1e3"])
    def test_a_length_that_is_none_is_not_believed(self, network, client, length):
        network.expect(GET, Response(b"abc", headers={"Content-Length": length}))
        assert client.get(URL).content == b"abc"

    def test_taking_the_body_takes_its_memory_along(self, network, client):
        network.expect(GET, Response(b"abc"))
        response = client.get(URL)
        body, reservation = response.take()
        assert body == b"abc"
        assert reservation is not None
        assert (response.content, response.reservation) == (b"", None)

    def test_the_connector_says_who_it_is(self, network, client):
        network.expect(Request("GET", URL, headers=(("User-Agent", f"source-events/{__version__}"),)), Response())
        client.get(URL)


class TestFailure:
    @pytest.mark.parametrize("failure_type", [FailureType.config_error, FailureType.transient_error])
    def test_nothing_is_sent_after_a_failure_that_no_other_request_can_escape(
        self, network, connection, client, failure_type
    ):
        assert connection.fail("mend it", failure_type).message == "mend it"
        with pytest.raises(AirbyteTracedException, match="mend it") as caught:
            client.get(URL)
        assert caught.value.failure_type is failure_type
        assert network.made == []

    def test_the_first_failure_counts(self, connection):
        connection.fail("first", FailureType.config_error)
        assert connection.fail("second", FailureType.transient_error).message == "second"
        with pytest.raises(AirbyteTracedException, match="first"):
            connection.raise_failure()

    def test_its_message_has_no_secrets(self, connection):
        add_to_secrets("very-secret")
        assert connection.fail("with very-secret in it", FailureType.config_error).message == "with **** in it"
        with pytest.raises(AirbyteTracedException, match=re.escape("with **** in it")):
            connection.raise_failure()

    def test_without_one_requests_are_sent(self, network, client):
        network.expect(GET, Response())
        assert client.get(URL).status_code == 200


class TestRedirects:
    @pytest.mark.parametrize(
        ("here", "location", "there"),
        [
            pytest.param(URL, "/other?a=1", "https://host/other?a=1", id="a path"),
            pytest.param(URL, "other", "https://host/other", id="a relative path"),
            pytest.param(URL, "https://host/other", "https://host/other", id="the same host"),
            pytest.param(URL, "https://HOST/other", "https://host/other", id="the same host in capitals"),
            pytest.param(URL, "//host/other", "https://host/other", id="no scheme"),
            pytest.param("http://host/path", "https://host/path", "https://host/path", id="from http to https"),
            pytest.param("http://host:81/a", "/b", "http://host:81/b", id="a path on another port"),
            pytest.param(URL, "https://host:443/other", "https://host/other", id="the scheme's port by its number"),
        ],
    )
    def test_a_redirect_within_the_host_is_a_target(self, here, location, there, client):
        found = client.get_redirect_target(self._redirect(here, location))
        assert found is not None
        assert requests.compat.urljoin(here, found).lower().replace(":443", "") == there

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
    def test_no_other_redirect_is_followed(self, network, client, here, location):
        network.expect(Request("GET", here), Response(status=302, headers={"Location": location}))
        assert client.get(here).status_code == 302
        assert len(network.made) == 1

    @staticmethod
    def _redirect(here: str, location: str) -> requests.Response:
        response = requests.Response()
        response.url, response.status_code = here, 302
        response.headers["Location"] = location
        return response

    def test_a_redirected_request_gets_the_body_of_the_answer(self, network, client):
        network.expect(GET, Response(b"moved", status=302, headers={"Location": "/other"}))
        network.expect(Request("GET", "https://host/other"), Response(b'{"a":1}'))
        assert client.get(URL).content == b'{"a":1}'

    def test_a_redirects_own_body_is_read_within_bounds_too(self, network, client, monkeypatch):
        monkeypatch.setattr(body, "LARGEST_BODY", 2**20)
        network.expect(GET, Response(b" " * (2**20 + 1), status=302, headers={"Location": "/other"}))
        with pytest.raises(AirbyteTracedException, match="more than 1 MiB") as caught:
            client.get(URL)
        assert caught.value.failure_type.value == "config_error"

    def test_a_redirect_needs_no_second_slot(self, network):
        network.expect(GET, Response(status=307, headers={"Location": "/other"}))
        network.expect(Request("GET", "https://host/other"), Response(b"{}"))
        assert Background(lambda: Session(Connection(1, None)).get(URL)).ends()


class TestRateLimit:
    @pytest.fixture
    def clock(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
        """Seconds, which pass only where the limit waits."""
        now = [1_700_000_000.0]

        class Clock:
            @staticmethod
            def sleep(seconds: float) -> None:
                now[0] += max(seconds, 0.001)

        monkeypatch.setattr(call_rate, "time", Clock)
        monkeypatch.setattr(pyrate_limiter.clocks.TimeClock, "now", lambda self: int(now[0] * 1000))
        return now

    @pytest.mark.parametrize("limit", [1, 3, 10])
    def test_no_minute_has_more_requests_than_the_limit(self, network, clock, limit):
        client = Session(Connection(2, limit))
        times = []

        def answer() -> Response:
            times.append(clock[0])
            return Response()

        network.expect(GET, *[answer] * (3 * limit + 1))
        for position in range(3 * limit + 1):
            client.get(URL)
            clock[0] += 0.1 * (position % 3)
        assert all(later - earlier > 60 for earlier, later in zip(times, times[limit:], strict=False))
        # Nor does it wait much longer than it must.
        assert times[-1] - times[0] < 3 * 62

    def test_without_a_limit_nothing_waits(self, network, clock):
        client = Session(Connection(2, None))
        network.expect(GET, *[Response()] * 50)
        for _ in range(50):
            client.get(URL)
        assert clock[0] == 1_700_000_000.0

    def test_redirects_and_requests_of_other_sessions_count(self, network, clock):
        connection = Connection(2, 3)
        network.expect(GET, *[Response(status=302, headers={"Location": "/other"})] * 2)
        network.expect(Request("GET", "https://host/other"), *[Response()] * 2)
        Session(connection).get(URL)
        began = clock[0]
        Session(connection).get(URL)
        assert clock[0] - began > 60

    def test_what_fails_counts_too(self, network, clock):
        client = Session(Connection(2, 1))
        network.expect(GET, ConnectionResetError("reset"), Response())
        began = clock[0]
        with pytest.raises(requests.ConnectionError):
            client.get(URL)
        client.get(URL)
        assert clock[0] - began > 60


def test_all_sessions_share_the_connections_of_one_adapter(connection):
    one, other = Session(connection), Session(connection)
    assert one.get_adapter("https://a") is other.get_adapter("http://b") is connection.adapter


def test_requests_at_once_are_as_many_as_there_are_workers(network):
    connection, inside, most, lock = Connection(2, None), 0, 0, threading.Lock()

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
    threads = [Background(lambda: Session(connection).get(URL)) for _ in range(6)]
    assert all(thread.ends() for thread in threads)
    assert most == 2


def test_the_stand_in_for_the_network_is_strict():
    """It is what all tests rest on."""
    strict = Transport()
    strict.expect(GET, Response())
    with pytest.raises(AssertionError, match="never made"):
        strict.verify()
    assert strict.answer(Request("GET", URL, query=(("a", "1"),))).status == 405
    with pytest.raises(AssertionError, match="not expected"):
        strict.verify()

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events import runtime as module
from source_events.runtime import Counted, Runtime, StreamCounts, Token, Workers
from source_events.transport.memory import Closed
from source_events.transport.network import Network
from source_events.transport.rate import Rate
from unit_tests.background import Background
from unit_tests.exchange import Request, Response

GET = Request("GET", "https://host/path")
WAIT = Network.wait


@pytest.fixture
def runtime() -> Runtime:
    return Runtime(2)


class TestRuntime:
    def test_all_who_ask_for_a_stream_share_its_run(self, runtime):
        assert runtime.stream("a") is runtime.stream("a")
        assert runtime.stream("a") is not runtime.stream("b")
        assert [run.name for run in runtime.streams] == ["a", "b"]

    def test_a_check_has_one_worker_and_gives_up_early(self):
        check, sync = Runtime(8, check=True), Runtime(8)
        assert (check.check, check.num_workers, check.max_attempts, check.workers.idle) == (True, 1, 2, 1)
        assert (sync.check, sync.num_workers, sync.max_attempts, sync.workers.idle) == (False, 8, 8, 8)

    def test_a_check_asks_for_one_row_and_a_sync_for_all(self):
        check, sync = Runtime(8, check=True), Runtime(8)
        assert (check.most_rows, check.most_pages) == (1, 1)
        assert (sync.most_rows, sync.most_pages) == (None, None)

    @pytest.mark.parametrize(("rows", "pages"), [(1, 4), (10, 4), (100, 5), (1000, 14)])
    def test_a_sample_asks_for_so_many_rows_with_one_worker_and_gives_up_early(self, rows, pages):
        sample = Runtime(8, sample=rows)
        assert (sample.most_rows, sample.most_pages) == (rows, pages)
        assert (sample.check, sample.num_workers, sample.max_attempts) == (False, 1, 2)

    def test_each_command_has_its_own(self, runtime):
        other = Runtime(2)
        for part in ("network", "memory", "rate", "workers", "token"):
            assert getattr(runtime, part) is not getattr(other, part)

    def test_once_it_is_closed_nothing_waits_and_nothing_is_reserved(self, runtime):
        runtime.wait(0)
        runtime.close()
        with pytest.raises(Closed):
            runtime.wait(0)
        with pytest.raises(Closed):
            runtime.memory.reserve(1)

    def test_closing_ends_those_that_wait_for_the_rate(self, monkeypatch, network):
        monkeypatch.setattr(module, "Rate", Rate)
        monkeypatch.setattr(Network, "wait", WAIT)
        network.expect(GET, Response())
        runtime = Runtime(2, 1)

        def get() -> Any:
            return runtime.network.fetch(runtime.network.prepare("GET", GET.url, {}), {})

        get()
        waiting = Background(get)
        assert waiting.is_waiting()
        runtime.close()
        assert waiting.ends()
        assert type(waiting.error) is Closed


class TestFailure:
    @pytest.mark.parametrize("failure_type", [FailureType.config_error, FailureType.transient_error])
    def test_a_failure_of_one_stream_ends_that_alone(self, runtime, failure_type):
        assert runtime.stream("a").fail("mend it", failure_type).message == "mend it"
        with pytest.raises(AirbyteTracedException, match="mend it") as caught:
            runtime.stream("a").raise_failure()
        assert caught.value.failure_type is failure_type
        runtime.stream("b").raise_failure()
        runtime.raise_failure()

    @pytest.mark.parametrize("failure_type", [FailureType.config_error, FailureType.transient_error])
    def test_one_that_no_request_can_escape_ends_all(self, runtime, failure_type):
        error = runtime.stream("a").fail("mend it", failure_type, ends_all=True)
        assert (error.message, error.failure_type) == ("mend it", failure_type)
        for ended in (runtime.stream("a"), runtime.stream("b"), runtime):
            with pytest.raises(AirbyteTracedException, match="mend it") as caught:
                ended.raise_failure()
            assert caught.value.failure_type is failure_type

    def test_the_first_failure_counts(self, runtime):
        for ended in (runtime.stream("a"), runtime):
            ended.fail("first", FailureType.config_error)
            assert ended.fail("second", FailureType.transient_error).message == "second"
            with pytest.raises(AirbyteTracedException, match="first"):
                ended.raise_failure()

    def test_a_failure_of_all_comes_before_one_of_the_stream(self, runtime):
        runtime.stream("a").fail("of the stream", FailureType.config_error)
        runtime.fail("of all", FailureType.config_error)
        with pytest.raises(AirbyteTracedException, match="of all"):
            runtime.stream("a").raise_failure()

    def test_its_message_has_no_secrets(self, runtime):
        add_to_secrets("very-secret")
        for ended in (runtime.stream("a"), runtime):
            error = ended.fail("with very-secret in it", FailureType.config_error)
            assert (error.message, error.internal_message) == ("with **** in it",) * 2
            with pytest.raises(AirbyteTracedException, match=re.escape("with **** in it")):
                ended.raise_failure()

    def test_each_thread_raises_an_error_of_its_own(self, runtime):
        failed = runtime.stream("a").fail("mend it", FailureType.config_error)
        raised = []
        for _ in range(2):
            with pytest.raises(AirbyteTracedException) as caught:
                runtime.stream("a").raise_failure()
            raised.append(caught.value)
        assert len({id(error) for error in (failed, *raised)}) == 3

    def test_without_one_nothing_is_raised(self, runtime):
        runtime.stream("a").raise_failure()
        runtime.raise_failure()

    def test_a_run_that_does_not_count_fails_with_its_stream_and_counts_apart(self, runtime):
        stream = runtime.stream("a")
        uncounted = stream.uncounted()
        assert (uncounted.name, uncounted.counts is stream.counts) == ("a", False)
        uncounted.fail("mend it", FailureType.config_error)
        for run in (stream, uncounted):
            with pytest.raises(AirbyteTracedException, match="mend it"):
                run.raise_failure()
        assert runtime.streams == (stream,)


class TestCounts:
    def test_pages_add_up(self):
        counts = StreamCounts()
        counts.count_rows(10)
        counts.count_rows(5, {"of other types": 2, "outside": 1})
        counts.count_rows(1, {"outside": 1})
        assert (counts.now.received, counts.now.left_out) == (16, {"of other types": 2, "outside": 2})

    def test_what_was_announced_is_compared_with_the_rows_that_came_for_it(self):
        counts = StreamCounts()
        counts.end_slice(10, None)
        assert counts.now.announced is None
        counts.end_slice(5, 6)
        counts.end_slice(0, 0)
        assert (counts.now.finished, counts.now.announced, counts.now.answered) == (15, 6, 5)

    def test_rows_of_slices_that_were_begun_anew_are_repeated(self):
        counts = StreamCounts()
        counts.count_rows(10)
        assert counts.now.repeated == 0
        counts.count_rows(10)
        counts.end_slice(12, None)
        assert counts.now.repeated == 8

    @pytest.mark.parametrize("finished", [3, 4])
    def test_no_row_is_repeated_where_no_more_came_than_slices_have(self, finished):
        assert Counted(received=3, finished=finished).repeated == 0

    def test_what_is_expected_and_what_is_gone(self):
        counts = StreamCounts()
        counts.expect(100)
        counts.expect(20)
        counts.count_gone()
        counts.count_contacts(listed=25)
        counts.count_contacts(read=1)
        counts.count_contacts(read=1)
        now = counts.now
        assert (now.expected, now.gone, now.listed, now.read, now.all_listed) == (120, 1, 25, 2, False)
        counts.end_list()
        assert counts.now.all_listed

    def test_a_stream_is_likely_to_have_the_records_that_are_expected_of_its_slices(self):
        counts = StreamCounts()
        counts.expect(100)
        counts.expect(20)
        assert counts.likely == 120

    def test_what_was_counted_once_does_not_change_later(self):
        counts = StreamCounts()
        counts.count_rows(1, {"outside": 1})
        before = counts.now
        counts.count_rows(1, {"outside": 1})
        assert (before.received, before.left_out) == (1, {"outside": 1})

    def test_no_page_is_lost_between_threads(self):
        counts = StreamCounts()
        threads = [Background(lambda: [counts.count_rows(1, {"outside": 1}) for _ in range(500)]) for _ in range(8)]
        assert all(thread.ends() for thread in threads)
        assert (counts.now.received, counts.now.left_out["outside"]) == (4000, 4000)


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
        token, number, all_refused = Token(), [0], threading.Barrier(10, timeout=5)
        refused = token.get(self.logins(number))

        def renew() -> str:
            all_refused.wait()
            token.drop(refused)
            return token.get(self.logins(number))

        threads = [Background(renew) for _ in range(10)]
        assert all(thread.ends() for thread in threads)
        assert {thread.result for thread in threads} == {"token-2"}

    def test_a_refusal_of_an_older_token_leaves_the_newer_one(self):
        token, number = Token(), [0]
        first = token.get(self.logins(number))
        token.drop(first)
        assert token.get(self.logins(number)) == "token-2"
        token.drop(first)
        assert token.get(self.logins(number)) == "token-2"

    def test_a_login_that_fails_leaves_the_way_to_the_next(self):
        token = Token()

        def fails() -> str:
            raise KeyError

        with pytest.raises(KeyError):
            token.get(fails)
        assert token.get(lambda: "token") == "token"

    def test_none_is_accepted_before_a_request_was_answered_with_it(self):
        assert not Token().accepted


class TestWorkers:
    def test_those_who_do_not_read_are_idle(self):
        workers = Workers(3)
        workers.begin()
        assert workers.idle == 2
        workers.begin(2)
        assert workers.idle == 0
        workers.end()
        assert workers.idle == 1

    def test_no_less_than_none_are_idle(self):
        workers = Workers(1)
        workers.begin(3)
        assert workers.idle == 0
        workers.end()
        workers.end()
        assert workers.idle == 0
        workers.end()
        assert workers.idle == 1

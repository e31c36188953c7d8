"""What a read reports beside its records: estimates, log lines about each stream, and errors."""

from __future__ import annotations

import logging
from collections import Counter

import pytest
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStreamStatus,
    AirbyteStreamStatusTraceMessage,
    AirbyteTraceMessage,
    StreamDescriptor,
    TraceType,
    Type,
)

from source_events.report import ReadFailed, Report, account, how_far, share
from source_events.runtime import Counted, Runtime
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration, read

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
FEED, LOGIN = requests.feed(*DAY), requests.login()


class TestAccount:
    @pytest.mark.parametrize(
        ("counted", "words"),
        [
            (Counted(received=2, finished=2), ""),
            (Counted(received=2, finished=2, announced=2, answered=2), "; 2 rows read, 2 announced"),
            (Counted(received=3, finished=2), "; 3 rows read, 1 repeated"),
            (Counted(received=2, finished=2, gone=1), "; 2 rows read, 1 not found any more"),
            (
                Counted(received=9, finished=9, announced=5, answered=5),
                "; 9 rows read, 5 announced for 5 of them",
            ),
            (
                Counted(received=9, finished=9, announced=7, answered=5),
                "; 9 rows read, 7 announced for 5 of them; announced is not what came, and all that came was read",
            ),
            (
                Counted(
                    received=4, finished=4, left_out=Counter({"outside the slice of time": 2, "of other types": 0})
                ),
                "; 4 rows read, 2 skipped (2 outside the slice of time)",
            ),
        ],
    )
    def test_it_says_no_more_than_there_is_to_say(self, counted, words):
        assert account(counted, complete=True) == words

    def test_of_a_stream_that_has_not_come_to_its_end_nobody_knows_what_is_repeated(self):
        assert account(Counted(received=3, finished=2), complete=False) == ""


class TestReport:
    @pytest.mark.parametrize(
        ("answer", "status"), [(responses.empty(), "COMPLETE"), (responses.error(409), "INCOMPLETE")]
    )
    def test_the_end_of_a_stream_stands_behind_its_last_state(self, network, answer, status):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, answer)
        output = read("org_events")
        told = [
            message["trace"]["stream_status"]["status"] if message["type"] == "TRACE" else "STATE"
            for message in output.messages
            if message["type"] == "STATE" or message.get("trace", {}).get("type") == "STREAM_STATUS"
        ]
        assert told[0] == "STARTED"
        assert told[-2:] == ["STATE", status]
        assert told.count(status) == 1

    def test_one_error_is_reported_once_for_each_stream_it_stops(self, network):
        network.expect(LOGIN, responses.error(401))
        output = read("org_events", "contact_events", config=configuration(window_size="PT2H"))
        assert sorted(error["stream_descriptor"]["name"] for error in output.errors) == ["contact_events", "org_events"]
        assert {output.status("org_events"), output.status("contact_events")} == {"INCOMPLETE"}

    def test_an_error_that_the_user_can_mend_has_no_stack(self, network):
        network.expect(LOGIN, responses.error(401))
        output = read("org_events")
        assert output.error().get("stack_trace") is None
        assert isinstance(output.failure, ReadFailed)
        assert output.failure.failure_type.value == "config_error"

    def test_an_error_that_only_we_can_mend_has_one(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([responses.event("a", "yesterday")]))
        output = read("org_events")
        assert output.error()["message"] == "org_events: Record a has a time that cannot be read: 'yesterday'."
        assert output.error()["failure_type"] == "system_error"
        assert "Traceback" in output.error()["stack_trace"]
        assert output.failure.failure_type.value == "system_error"

    def test_the_log_says_how_many_records_each_stream_has(self, network, log):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([responses.event("a"), responses.event("b")]))
        read("org_events")
        assert "org_events: 2 records, complete" in log.text

    def test_the_log_says_when_other_rows_came_than_were_announced(self, network, log):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([responses.event("a")], "s", 20))
        network.expect(requests.feed(*DAY, scroll="s"), responses.empty())
        read("org_events")
        assert (
            "org_events: 1 records, complete; 1 rows read, 20 announced; "
            "announced is not what came, and all that came was read" in log.text
        )

    def test_the_log_says_no_more_when_as_many_came(self, network, log):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([responses.event("a")], "s", 2))
        network.expect(requests.feed(*DAY, scroll="s"), responses.page([responses.event("b")], count=2))
        read("org_events")
        assert "org_events: 2 records, complete; 2 rows read, 2 announced" in log.text.splitlines()

    def test_the_log_says_what_was_left_out_and_why(self, network, log):
        rows = [
            responses.event("a", event_type="login"),
            responses.event("b", event_type="visit"),
            responses.event("c", "2024-01-02T00:00:00Z", event_type="visit"),
        ]
        network.expect(LOGIN, responses.token())
        network.expect(FEED.having(events="visit"), responses.page(rows, count=3))
        read("org_events", config=configuration(event_types=["visit"]))
        line = "3 rows read, 3 announced, 2 skipped (1 outside the slice of time, 1 of other types)"
        assert f"org_events: 1 records, complete; {line}" in log.text.splitlines()

    def test_the_log_says_which_rows_came_again_because_a_scroll_expired(self, network, log):
        noon = "2024-01-01T12:00:00Z"
        first, second = [responses.event("a", "2024-01-01T06:00:00Z")], [responses.event("b", "2024-01-01T18:00:00Z")]
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page(first, "s", 2))
        network.expect(requests.feed(*DAY, scroll="s"), responses.error(410))
        network.expect(requests.feed(DAY[0], noon), responses.page(first, count=1))
        network.expect(requests.feed(noon, DAY[1]), responses.page(second, count=1))
        read("org_events")
        assert "org_events: 3 records, complete; 3 rows read, 2 announced, 1 repeated" in log.text.splitlines()

    def test_the_log_says_how_many_contacts_are_gone(self, network, log):
        network.expect(LOGIN, responses.token())
        network.expect(requests.contact("c", *DAY), responses.page([responses.event("a")], count=1))
        network.expect(requests.contact("d", *DAY), responses.error(404))
        read("contact_events", config=configuration(contact_ids=["c", "d"]))
        line = "contact_events: 1 records, complete; 1 rows read, 1 announced, 1 not found any more"
        assert line in log.text.splitlines()

    def test_streams_are_counted_apart_and_the_feed_that_names_the_contacts_not_at_all(self, network, log):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, *[responses.page([responses.event("a", contact="c")], count=2)] * 2)
        network.expect(requests.contact("c", *DAY), responses.page([responses.event("a")], count=1))
        read("org_events", "contact_events")
        lines = log.text.splitlines()
        assert "contact_events: 1 records, complete; 1 rows read, 1 announced" in lines
        assert any(line.startswith("org_events: 1 records, complete; 1 rows read, 2 announced;") for line in lines)

    def test_a_stream_that_failed_says_how_far_it_came(self, network, log):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([responses.event("a")], "s", 5))
        network.expect(requests.feed(*DAY, scroll="s"), responses.error(401))
        read("org_events")
        assert "org_events: 1 records, incomplete" in log.text.splitlines()

    def test_the_platform_is_told_how_many_records_to_expect(self, network):
        noon = "2024-01-01T12:00:00Z"
        network.expect(LOGIN, responses.token())
        earlier = responses.event("a", "2024-01-01T06:00:00Z")
        network.expect(requests.feed(DAY[0], noon), responses.page([earlier], "s", 7))
        network.expect(requests.feed(DAY[0], noon, scroll="s"), responses.empty())
        later = responses.event("b", "2024-01-01T18:00:00Z")
        network.expect(requests.feed(noon, DAY[1]), responses.page([later], count=3))
        output = read("org_events", config=configuration(window_size="PT12H", num_workers=1))
        assert {(trace["name"], trace["type"]) for trace in output.estimates} == {("org_events", "STREAM")}
        estimates = [trace["row_estimate"] for trace in output.estimates]
        # Both slices may have begun before the first estimate is told.
        assert estimates in ([7, 10], [3, 10], [10])

    def test_the_platform_is_told_nothing_where_nothing_is_announced(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([responses.event("a")]))
        assert read("org_events").estimates == []

    def test_no_secret_is_in_any_message(self, network, caplog):
        caplog.set_level(logging.INFO)
        tokens = [f"secret-token-{number}" for number in range(5)]
        network.expect(LOGIN, *map(responses.token, tokens))
        network.expect(FEED, *(responses.error(403, f"bad {token}") for token in tokens))
        output = read("org_events")
        for secret in (*tokens, requests.CLIENT_SECRET):
            assert secret not in repr(output.messages)
        assert "bad ****" in output.error()["message"]


STARTED, COMPLETE = AirbyteStreamStatus.STARTED, AirbyteStreamStatus.COMPLETE


def status(stream: str, told: AirbyteStreamStatus) -> AirbyteMessage:
    trace = AirbyteStreamStatusTraceMessage(stream_descriptor=StreamDescriptor(name=stream), status=told)
    return AirbyteMessage(
        type=Type.TRACE, trace=AirbyteTraceMessage(type=TraceType.STREAM_STATUS, emitted_at=0, stream_status=trace)
    )


@pytest.mark.parametrize(
    ("counted", "line"),
    [
        (Counted(), "s: 143,000 records"),
        (Counted(expected=143_000), "s: 143,000 records"),
        (Counted(expected=500_000), "s: 143,000 of about 500,000 records announced so far"),
        (
            Counted(listed=2000, read=1200, expected=500_000),
            "s: 1,200 of 2,000 contacts found so far, 143,000 records",
        ),
        (Counted(listed=2000, read=1200, all_listed=True), "s: 1,200 of 2,000 contacts, 143,000 records"),
    ],
)
def test_a_stream_tells_how_far_it_is_as_far_as_that_is_known(counted, line):
    assert how_far("s", 143_000, counted) == line


@pytest.mark.parametrize(
    ("counted", "covered", "expected"),
    [
        (Counted(), None, None),
        (Counted(listed=50, read=20), None, None),
        (Counted(listed=50, read=20, all_listed=True), None, 0.4),
        (Counted(expected=400), None, 0.25),
        (Counted(expected=50), None, 1.0),
        (Counted(expected=400), 0.0, None),
        (Counted(expected=150), 0.2, 0.2),
        (Counted(expected=1000), 0.2, 0.1),
        (Counted(), 0.2, 0.2),
    ],
    ids=[
        "nothing is known",
        "contacts are still being listed",
        "contacts read of those that there are",
        "all the time is being read",
        "more came than was announced",
        "the first parts of the time",
        "as much a time as so far",
        "more is announced than that",
        "nothing is announced",
    ],
)
def test_the_share_that_is_read_is_told_as_soon_as_it_is_no_guess(counted, covered, expected):
    assert share(100, counted, covered) == expected


@pytest.mark.parametrize(
    ("counted", "likely"),
    [
        (Counted(expected=7), 7),
        (Counted(expected=7, listed=2, read=1, received=3, finished=3), 0),
        (Counted(expected=7, listed=2, all_listed=True), 0),
        (Counted(listed=2000, read=10, received=30, finished=30, all_listed=True), 6000),
        # Rows of contacts that are being read are no hint at how many those have that have been.
        (Counted(listed=2000, read=10, received=60, finished=30, all_listed=True), 6000),
        (Counted(listed=2000, read=10, received=60, finished=30, all_listed=True, left_out=Counter(old=30)), 3000),
        (Counted(listed=10, read=10, received=33, finished=33, all_listed=True), 33),
    ],
)
def test_contacts_that_are_not_read_yet_are_likely_to_have_as_many_records_as_the_others(counted, likely):
    assert counted.likely == likely


class TestProgress:
    @pytest.fixture
    def runtime(self) -> Runtime:
        return Runtime(1)

    def test_only_streams_that_run_tell_how_far_they_are(self, runtime):
        report = Report(runtime)
        runtime.stream("c")
        told = []
        messages = [status("a", STARTED), status("b", STARTED), status("a", COMPLETE), status("b", COMPLETE)]
        for _ in report.follow(messages):
            told.append(report.progress())
        a, b = "a: 0 records", "b: 0 records"
        # The ends of both come behind the last message.
        assert told == [[a], [a, b], [b], []]

    def test_an_estimate_is_told_again_when_it_has_become_a_tenth_more_or_less(self, runtime):
        counts = runtime.stream("a").counts
        counts.count_contacts(listed=100)
        counts.end_list()

        def messages():
            for rows in (10, 10, 11, 1, 0, 0):
                counts.count_rows(rows)
                counts.end_slice(rows, None)
                counts.count_contacts(read=1)
                yield status("b", STARTED)

        followed = Report(runtime).follow(messages())
        estimates = [message.trace.estimate for message in followed if message.trace.estimate]
        assert {(each.name, each.type.value) for each in estimates} == {("a", "STREAM")}
        # By then 10, 10, 10.33, 8, 6.4 and 5.33 rows a contact.
        assert [each.row_estimate for each in estimates] == [1000, 800, 640, 533]

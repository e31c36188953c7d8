from __future__ import annotations

import logging

import pytest
from airbyte_cdk.models import Status
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

import source_events
from source_events.report import ReadFailed
from source_events.settings.configuration import InvalidConfiguration
from source_events.source import SourceEvents, bind
from unit_tests.exchange import Response
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import LOGGER, cloud4wi, configuration, read

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
FEED, LOGIN = requests.feed(*DAY), requests.login()
ROW = requests.feed(*DAY, size=1)


def check(**config):
    return SourceEvents().check(LOGGER, configuration(**config))


class TestSource:
    def test_it_is_made_without_arguments(self):
        assert source_events.SourceEvents is SourceEvents
        assert SourceEvents().name == "source-events"
        assert SourceEvents().spec(LOGGER).connectionSpecification["title"] == "Events"

    def test_the_streams_are_discovered_without_a_request(self, network):
        found = {stream.name: stream for stream in SourceEvents().discover(LOGGER, configuration()).streams}
        assert sorted(found) == ["contact_events", "org_events"]
        for stream in found.values():
            assert stream.source_defined_primary_key == [["id"]]
            assert stream.default_cursor_field == ["createdAt"]
            assert stream.source_defined_cursor is True
            assert stream.is_resumable is True
            assert [mode.value for mode in stream.supported_sync_modes] == ["full_refresh", "incremental"]
            assert stream.json_schema["additionalProperties"] is True
            assert stream.json_schema["properties"]["createdAt"]["airbyte_type"] == "timestamp_with_timezone"
        assert network.made == []

    def test_both_streams_have_the_same_schema(self):
        one, other = SourceEvents().discover(LOGGER, configuration()).streams
        assert one.json_schema == other.json_schema

    def test_a_wrong_configuration_is_bound_to_nothing(self):
        with pytest.raises(InvalidConfiguration, match="`num_workers`"):
            bind(configuration(num_workers=0))


class TestCheck:
    def test_it_asks_for_one_row(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(ROW, responses.page([responses.event("a")], "s", 5000))
        assert check().status is Status.SUCCEEDED

    def test_it_succeeds_on_an_empty_account(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(ROW, responses.empty())
        assert check().status is Status.SUCCEEDED

    @pytest.mark.parametrize(
        ("login", "row", "words"),
        [
            pytest.param([responses.error(401)], [], "`provider.client_key` and `provider.client_secret`", id="key"),
            pytest.param(
                [responses.token("token-1"), responses.token("token-2")],
                [responses.error(403)] * 2,
                "organization_read and events_read",
                id="scope",
            ),
            pytest.param([responses.token()], [responses.error(404)], "`provider.organization_id`", id="organisation"),
            pytest.param([responses.error(404)], [], "`provider.api_url`", id="address"),
            pytest.param([ConnectionRefusedError()] * 2, [], "explore.cloud4wi.com: the connection", id="unreachable"),
            pytest.param([Response(b"<html>")] * 2, [], "something else than the documented JSON", id="no API"),
        ],
    )
    def test_it_tells_apart_what_is_wrong(self, network, login, row, words):
        network.expect(LOGIN, *login)
        network.expect(ROW, *row)
        status = check()
        assert status.status is Status.FAILED
        assert words in status.message
        assert "Traceback" not in status.message
        assert requests.CLIENT_SECRET not in status.message

    def test_a_wrong_configuration_fails_it_without_a_request(self, network):
        status = check(start_date="yesterday")
        assert (status.status, network.made) == (Status.FAILED, [])
        assert "`start_date`" in status.message


class TestRead:
    def test_each_record_is_a_message_before_the_state_that_covers_it(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([responses.event("a"), responses.event("b")], "s"))
        network.expect(requests.feed(*DAY, scroll="s"), responses.page([responses.event("c")]))
        output = read("org_events")
        kinds = [message["type"] for message in output.messages if message["type"] in ("RECORD", "STATE")]
        assert kinds[:3] == ["RECORD"] * 3
        assert kinds[3:] == ["STATE"] * len(output.states)
        assert output.states
        assert [record["id"] for record in output.records("org_events")] == ["a", "b", "c"]

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

    def test_the_failure_of_one_stream_leaves_the_other(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.error(409))
        network.expect(requests.contact("c", *DAY), responses.page([responses.event("a")]))
        output = read("org_events", "contact_events", config=configuration(contact_ids=["c"]))
        assert len(output.records("contact_events")) == 1
        assert (output.status("org_events"), output.status("contact_events")) == ("INCOMPLETE", "COMPLETE")

    def test_a_failed_slice_keeps_the_cursor_before_it(self, network):
        noon = "2024-01-01T12:00:00Z"
        network.expect(LOGIN, responses.token())
        network.expect(requests.feed(DAY[0], noon), responses.error(409))
        network.expect(requests.feed(noon, DAY[1]), responses.page([responses.event("b", "2024-01-01T18:00:00Z")]))
        output = read("org_events", config=configuration(window_size="PT12H", num_workers=1))
        assert output.ids() == ["b"]
        assert all(state["createdAt"] <= noon for state in output.states if "createdAt" in state)

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
        network.expect(LOGIN, responses.token("a-secret-token"), responses.token("a-newer-token"))
        network.expect(FEED, responses.error(403, "a-secret-token"), responses.error(403, "bad a-newer-token"))
        output = read("org_events")
        for secret in ("a-secret-token", "a-newer-token", requests.CLIENT_SECRET):
            assert secret not in repr(output.messages)
        assert "bad ****" in output.error()["message"]

    def test_the_sources_streams_are_those_of_the_manifest(self):
        source = bind(configuration(provider=cloud4wi()))
        assert isinstance(source, ConcurrentDeclarativeSource)
        assert source.checked_stream().name == "org_events"

from __future__ import annotations

import json

import pytest
from airbyte_cdk.models import Status
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource

import source_events
from source_events.settings.configuration import InvalidConfiguration
from source_events.source import SourceEvents, bind
from unit_tests.exchange import Request, Response
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import LOGGER, cloud4wi, configuration, read, read_lines

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
        assert sorted(found) == ["contact_events", "contacts", "locations", "org_events"]
        for stream in (found["contact_events"], found["org_events"]):
            assert stream.source_defined_primary_key == [["id"]]
            assert stream.default_cursor_field == ["createdAt"]
            assert stream.source_defined_cursor is True
            assert stream.is_resumable is True
            assert [mode.value for mode in stream.supported_sync_modes] == ["full_refresh", "incremental"]
            assert stream.json_schema["additionalProperties"] is True
            assert stream.json_schema["properties"]["createdAt"]["airbyte_type"] == "timestamp_with_timezone"
        for stream in (found["contacts"], found["locations"]):
            assert stream.source_defined_primary_key == [["id"]]
            assert [mode.value for mode in stream.supported_sync_modes] == ["full_refresh"]
        assert network.made == []

    def test_both_streams_have_the_same_schema(self):
        one, other, *_ = SourceEvents().discover(LOGGER, configuration()).streams
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
            pytest.param([Response(b"<html>")] * 2, [], "a body that is not the documented JSON", id="no API"),
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

    def test_the_sources_streams_are_those_of_the_manifest(self):
        source = bind(configuration(provider=cloud4wi()))
        assert isinstance(source, ConcurrentDeclarativeSource)
        assert source.checked_stream().name == "org_events"

    def test_a_failure_of_one_stream_leaves_the_others_complete(self, network):
        """What is refused to one endpoint ends the streams that need it."""
        project = "https://project.example.com/v1.0"
        provider = {
            "provider_type": "carecloud",
            "api_url": project,
            "time_zone": "UTC",
            "credentials": {"auth_type": "basic", "login": "l", "password": "a-fake-password"},
        }
        asked: list[str] = []

        def answer(made: Request) -> Response:
            asked.append(made.url.removeprefix(project))
            if asked[-1] == "/event-types":
                return Response(b'{"error":{"detail":"no rights"}}', 403)
            event = {"event_id": "e", "customer_id": "c", "created_at": "2024-01-01 12:00:00"}
            rows = [] if dict(made.query)["time_to"].startswith("1902") else [event]
            return Response(json.dumps({"data": {"events": rows, "total_items": len(rows)}}).encode())

        network.answer = answer
        output = read("org_events", "event_types", config=configuration(provider=provider))
        assert (output.status("org_events"), output.status("event_types")) == ("COMPLETE", "INCOMPLETE")
        assert output.ids() == ["e"]
        assert output.error()["stream_descriptor"]["name"] == "event_types"
        assert output.error()["message"] == (
            "event_types: CareCloud does not let the user of `provider.credentials.login` read this. The user must be "
            "in the user group webservice and have the right to use this resource. "
            "(The API answered 403 Forbidden: no rights.)"
        )
        assert asked.count("/event-types") == 1

    def test_unreadable_rows_of_one_stream_leave_the_others_complete(self, network):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([5]))
        network.expect(requests.contact("c", *DAY), responses.page([responses.event("a")]))
        output = read("org_events", "contact_events", config=configuration(contact_ids=["c"]))
        assert (output.status("org_events"), output.status("contact_events")) == ("INCOMPLETE", "COMPLETE")

    @pytest.mark.parametrize("refused", [responses.error(401), ConnectionRefusedError()], ids=["401", "unreachable"])
    def test_refused_credentials_and_an_unreachable_host_end_all(self, network, refused):
        network.expect(LOGIN, *[refused] * (8 if isinstance(refused, Exception) else 1))
        output = read("org_events", "contact_events", config=configuration(window_size="PT2H", contact_ids=["a", "b"]))
        assert {output.status("org_events"), output.status("contact_events")} == {"INCOMPLETE"}
        assert output.records() == []


class TestUnknownFields:
    """What a stream's schema does not name stands once more in an object that typed destinations have a column for."""

    @pytest.mark.parametrize("read", [read, read_lines], ids=["messages", "lines"])
    def test_they_come_out_once_more_and_the_row_is_untouched(self, network, read):
        network.expect(LOGIN, responses.token())
        native = {**responses.event("a"), "novel": [1.5], "loyalty": {"points": 0}}
        network.expect(FEED, responses.page([native, responses.event("b")]))
        novel, plain = sorted(read("org_events").records(), key=lambda record: record["id"])
        assert {name: novel[name] for name in native} == native
        assert novel["unknownFields"] == {"novel": [1.5], "loyalty": {"points": 0}}
        assert "unknownFields" not in plain

    @pytest.mark.parametrize("value", [5, {"a": 1}])
    def test_a_rows_own_field_of_that_name_is_one_of_them(self, network, value):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([{**responses.event("a"), "unknownFields": value}]))
        [record] = read_lines("org_events").records()
        assert record["unknownFields"] == {"unknownFields": value}

    def test_every_stream_declares_them(self):
        for stream in SourceEvents().discover(LOGGER, configuration()).streams:
            declared = stream.json_schema["properties"]["unknownFields"]
            assert (declared["type"], declared["additionalProperties"]) == (["null", "object"], True)

from __future__ import annotations

import json
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessageSerializer, FailureType

from source_events.settings.sync import InvalidSync, check_catalog, readable_state
from source_events.source import SourceEvents
from unit_tests.reading import catalog, configuration, read, stream_state

NAMES = ["org_events", "contact_events"]


def cursors(state: dict[str, Any]) -> dict[str, Any]:
    [message] = readable_state(stream_state("org_events", state))
    return dict(vars(message.stream.stream_state))


class TestState:
    @pytest.mark.parametrize(
        ("given", "read_"),
        [
            ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00Z"),
            ("2024-01-01T00:00:00.123456Z", "2024-01-01T00:00:00Z"),
            ("2024-01-01T02:00:00+02:00", "2024-01-01T00:00:00Z"),
            ("2024-01-01 00:00:00z", "2024-01-01T00:00:00Z"),
        ],
    )
    def test_times_are_brought_to_the_notation_of_the_cursors(self, given, read_):
        assert cursors({"createdAt": given, "contacts": {"a": given}}) == {"createdAt": read_, "contacts": {"a": read_}}

    @pytest.mark.parametrize("state", [{}, {"createdAt": None}, {"contacts": None}, {"unknown": [1]}], ids=repr)
    def test_what_has_no_time_stays_as_it_is(self, state):
        assert cursors(state) == state

    def test_the_given_state_is_not_changed(self):
        given = stream_state("org_events", {"createdAt": "2024-01-01T02:00:00+02:00"})
        readable_state(given)
        assert vars(given[0].stream.stream_state) == {"createdAt": "2024-01-01T02:00:00+02:00"}

    @pytest.mark.parametrize(
        "entry",
        [
            {"type": "GLOBAL", "global": {"stream_states": []}},
            {"type": "LEGACY", "data": {"org_events": {"createdAt": "2024-01-01T00:00:00Z"}}},
        ],
        ids=["global", "legacy"],
    )
    def test_a_state_that_is_not_one_of_streams_is_refused(self, entry):
        with pytest.raises(InvalidSync, match="an entry that is not of the type STREAM"):
            readable_state([AirbyteStateMessageSerializer.load(entry)])

    def test_an_empty_state_of_the_old_form_is_an_empty_one(self):
        assert readable_state([AirbyteStateMessageSerializer.load({"type": "LEGACY", "data": {}})])[0].stream is None

    def test_a_state_of_a_stream_may_carry_the_old_form_beside_it(self):
        [given] = stream_state("org_events", {"createdAt": "2024-01-01T00:00:00Z"})
        given.data = {"org_events": {}}
        assert readable_state([given]) == [given]

    def test_no_state_is_an_empty_one(self):
        assert readable_state(None) == readable_state([]) == []

    @pytest.mark.parametrize("time", ["yesterday", "", "2024-01-01", "2024-01-01T00:00:00", 5, True, [], {}], ids=repr)
    @pytest.mark.parametrize("within", [False, True], ids=["cursor", "contact"])
    def test_what_is_no_time_names_the_stream_and_the_field(self, time, within):
        state = {"contacts": {"c": time}} if within else {"createdAt": time}
        with pytest.raises(InvalidSync) as caught:
            cursors(state)
        field = "contacts.c" if within else "createdAt"
        assert caught.value.failure_type is FailureType.config_error
        assert f"The state of `org_events` is not valid: `{field}` is {json.dumps(time)}" in caught.value.message

    @pytest.mark.parametrize("contacts", [["a"], "a", 5], ids=repr)
    def test_contacts_must_be_an_object(self, contacts):
        with pytest.raises(InvalidSync, match="`org_events` is not valid: `contacts` must be an object"):
            cursors({"contacts": contacts})

    @pytest.mark.parametrize("stream", NAMES)
    def test_a_read_with_a_broken_state_fails_before_any_request(self, network, stream):
        output = read(stream, state=stream_state(stream, {"createdAt": "yesterday"}))
        assert isinstance(output.failure, InvalidSync)
        assert network.made == []


class TestCatalog:
    def test_streams_that_exist_are_fine(self):
        check_catalog(catalog(*NAMES), NAMES)

    def test_no_stream_at_all_is_an_error(self):
        with pytest.raises(InvalidSync, match="selects no stream"):
            check_catalog(catalog(), NAMES)

    def test_a_stream_that_is_selected_twice_is_named(self):
        with pytest.raises(InvalidSync, match="selects `org_events` more than once"):
            check_catalog(catalog("org_events", "contact_events", "org_events"), NAMES)

    def test_an_unknown_stream_is_named_beside_those_that_there_are(self):
        with pytest.raises(InvalidSync) as caught:
            check_catalog(catalog("org_events", "contacts"), NAMES)
        assert caught.value.message == (
            "The catalogue selects `contacts`, but the streams are: contact_events, org_events."
        )

    def test_a_read_of_an_unknown_stream_fails_before_any_request(self, network):
        assert isinstance(read("unheard_of").failure, InvalidSync)
        assert network.made == []


class TestDocuments:
    READERS = (
        pytest.param(SourceEvents.read_config, "configuration", id="configuration"),
        pytest.param(SourceEvents.read_catalog, "catalogue", id="catalogue"),
        pytest.param(SourceEvents.read_state, "state", id="state"),
    )

    @pytest.mark.parametrize(("read_", "what"), READERS)
    def test_a_file_that_is_not_there_is_named(self, tmp_path, read_, what):
        path = tmp_path / "missing.json"
        with pytest.raises(InvalidSync) as caught:
            read_(str(path))
        assert caught.value.failure_type is FailureType.config_error
        assert caught.value.message == f"The {what} file {path} cannot be read: No such file or directory."

    @pytest.mark.parametrize(("read_", "what"), READERS)
    @pytest.mark.parametrize("content", [b"{", b"not json", b"\xff\xfe"], ids=repr)
    def test_a_file_that_is_no_json_is_named(self, tmp_path, read_, what, content):
        path = tmp_path / "broken.json"
        path.write_bytes(content)
        with pytest.raises(InvalidSync, match=f"^The {what} file .*broken.json is not valid: .") as caught:
            read_(str(path))
        assert "\n" not in caught.value.message

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            ("", "it is empty"),
            (" \n\t", "it is empty"),
            ('{\n  "start_date": "x",\n}', "line 2, column 20: remove the comma behind the last entry"),
            ('{"event_types": ["visit", ],\n}', "line 1, column 25: remove the comma behind the last entry"),
            ("{\n  'start_date': 1}", "line 2, column 3: use double quotes"),
            ("{\"start_date\": 'x'}", "line 1, column 16: use double quotes"),
            ("provider:\n  provider_type: cloud4wi\n", "it is YAML, but must be JSON"),
            ("- visit\n", "it is YAML, but must be JSON"),
            ('{"a": 1\n "b": 2}', "line 2, column 2: Expecting ',' delimiter"),
            ('{"a": True}', "line 1, column 7: Expecting value"),
            ('{"a": 1', "line 1, column 8: Expecting ',' delimiter"),
            ("a: b: c", "line 1, column 1: Expecting value"),
            ("\ufeff{}", "it begins with a byte order mark; save it as UTF-8 without one"),
        ],
    )
    def test_what_a_person_has_to_mend_is_told_with_its_place(self, tmp_path, content, problem):
        path = tmp_path / "config.json"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InvalidSync) as caught:
            SourceEvents.read_config(str(path))
        assert caught.value.message == f"The configuration file {path} is not valid: {problem}."

    def test_a_file_of_another_encoding_is_told_apart(self, tmp_path):
        path = tmp_path / "config.json"
        path.write_bytes('{"login": "Zoë"}'.encode("latin-1"))
        with pytest.raises(InvalidSync, match="is not valid: it is not UTF-8; save it with this encoding"):
            SourceEvents.read_config(str(path))

    def test_no_content_of_a_file_is_quoted(self, tmp_path):
        path = tmp_path / "config.json"
        path.write_text('{"client_secret": hunter2-is-a-fake-secret}')
        with pytest.raises(InvalidSync) as caught:
            SourceEvents.read_config(str(path))
        assert "hunter2" not in caught.value.message

    @pytest.mark.parametrize(
        ("read_", "content"),
        [
            pytest.param(SourceEvents.read_catalog, {"streams": [{"stream": {}}]}, id="catalogue"),
            pytest.param(SourceEvents.read_catalog, {"streams": 5}, id="streams that are a number"),
            pytest.param(SourceEvents.read_state, {"createdAt": "2024-01-01T00:00:00Z"}, id="a state of no stream"),
            pytest.param(SourceEvents.read_state, 5, id="a state that is a number"),
        ],
    )
    def test_json_of_another_form_is_an_error_too(self, tmp_path, read_, content):
        path = tmp_path / "other.json"
        path.write_text(json.dumps(content))
        with pytest.raises(InvalidSync, match="is not valid"):
            read_(str(path))

    @pytest.mark.parametrize("state", ["2024-01-01T00:00:00Z", 5, ["2024-01-01T00:00:00Z"]], ids=repr)
    def test_a_state_that_is_no_object_is_told_with_its_stream(self, tmp_path, state):
        path = tmp_path / "state.json"
        stream = {"stream_descriptor": {"name": "org_events"}, "stream_state": state}
        path.write_text(json.dumps([{"type": "STREAM", "stream": stream}]))
        with pytest.raises(InvalidSync, match="the state of `org_events` must be an object"):
            SourceEvents.read_state(str(path))

    def test_a_file_of_the_right_form_is_read(self, tmp_path):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(configuration()))
        assert SourceEvents.read_config(str(path)) == configuration()

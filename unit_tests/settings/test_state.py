from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessageSerializer, FailureType

from source_events.settings.documents import InvalidDocument
from source_events.settings.state import read_state, readable_state
from unit_tests.reading import read, stream_state

STATE = {"type": "STREAM", "stream": {"stream_descriptor": {"name": "org_events"}, "stream_state": {"createdAt": "x"}}}
PRINTED = {"type": "STATE", "state": STATE}
LOG = {"type": "LOG", "log": {"level": "INFO", "message": "m"}}
RECORD = {"type": "RECORD", "record": {"stream": "org_events", "data": {}, "emitted_at": 1}}
COLLECT = (
    "it is what `read` prints; a state is a list of what the last STATE message of each stream has as `state`, and "
    "examples/docker/last_state.py makes it: python last_state.py messages.jsonl state.json."
)


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
        with pytest.raises(InvalidDocument, match="an entry that is not of the type STREAM"):
            readable_state([AirbyteStateMessageSerializer.load(entry)])

    def test_an_empty_state_of_the_old_form_is_an_empty_one(self):
        assert readable_state([AirbyteStateMessageSerializer.load({"type": "LEGACY", "data": {}})])[0].stream is None

    @pytest.mark.parametrize("stream", [None, {"stream_descriptor": {"name": "org_events"}}], ids=["none", "no state"])
    def test_a_stream_without_a_state_has_nothing_to_check(self, stream):
        given = AirbyteStateMessageSerializer.load({"type": "STREAM", "stream": stream})
        assert readable_state([given]) == [given]

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
        with pytest.raises(InvalidDocument) as caught:
            cursors(state)
        field = "contacts.c" if within else "createdAt"
        assert caught.value.failure_type is FailureType.config_error
        assert f"The state of `org_events` is not valid: `{field}` is {json.dumps(time)}" in caught.value.message

    @pytest.mark.parametrize("contacts", [["a"], "a", 5], ids=repr)
    def test_contacts_must_be_an_object(self, contacts):
        with pytest.raises(InvalidDocument, match="`org_events` is not valid: `contacts` must be an object"):
            cursors({"contacts": contacts})

    @pytest.mark.parametrize("place", [[], {}, {"created_at": "2024-01-01T00:00:00Z"}], ids=["list", "empty", "half"])
    def test_a_place_in_the_list_of_contacts_has_both_its_times(self, place):
        with pytest.raises(InvalidDocument, match="`contact_events` is not valid: `list_read` must be an object with"):
            readable_state(stream_state("contact_events", {"list_read": place}))

    def test_its_times_are_read_as_any_cursor(self):
        place = {"created_at": "2024-01-01T00:00:00.5Z", "until": "2024-01-02T01:00:00+01:00"}
        [message] = readable_state(stream_state("contact_events", {"list_read": place}))
        assert vars(message.stream.stream_state)["list_read"] == {
            "created_at": "2024-01-01T00:00:00Z",
            "until": "2024-01-02T00:00:00Z",
        }

    @pytest.mark.parametrize("stream", ["org_events", "contact_events"])
    def test_a_read_with_a_broken_state_fails_before_any_request(self, network, stream):
        output = read(stream, state=stream_state(stream, {"createdAt": "yesterday"}))
        assert isinstance(output.failure, InvalidDocument)
        assert network.made == []


class TestFile:
    @staticmethod
    def told(path: Path) -> str:
        with pytest.raises(InvalidDocument) as caught:
            read_state(str(path))
        assert caught.value.message.startswith(f"The state file {path} is not valid: ")
        return str(caught.value.message)

    @pytest.mark.parametrize(
        "messages",
        [[PRINTED], [LOG, PRINTED], [LOG, RECORD], [RECORD, PRINTED]],
        ids=["a line", "log", "records", "all"],
    )
    def test_what_a_read_prints_is_told_with_how_to_make_a_state_of_it(self, tmp_path, messages):
        path = tmp_path / "messages.jsonl"
        path.write_text("".join(f"{json.dumps(message)}\n" for message in messages) + '{"type":"REC')
        assert self.told(path).endswith(f": {COLLECT}")

    def test_so_is_a_message_that_was_made_readable(self, tmp_path):
        path = tmp_path / "state.json"
        path.write_text(json.dumps(PRINTED, indent=2))
        assert self.told(path).endswith(f": {COLLECT}")

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (STATE, 'it must be a list, as [{"type": "STREAM", "stream": {...}}].'),
            ({"org_events": {"createdAt": "x"}}, 'it must be a list, as [{"type": "STREAM", "stream": {...}}].'),
            (5, 'it must be a list, as [{"type": "STREAM", "stream": {...}}].'),
            ([{"type": "STREAM"}], 'an entry of it is not of the form {"type": "STREAM", "stream": {...}}.'),
            ([PRINTED], 'an entry of it is not of the form {"type": "STREAM", "stream": {...}}.'),
            ([5], 'an entry of it is not of the form {"type": "STREAM", "stream": {...}}.'),
            ({"streams": [{"stream": {}}]}, "it is a catalogue."),
            ({"provider": {}}, "it is a configuration."),
        ],
        ids=repr,
    )
    def test_another_form_is_told(self, tmp_path, content, problem):
        path = tmp_path / "state.json"
        path.write_text(json.dumps(content))
        assert self.told(path).endswith(f" is not valid: {problem}")

    @pytest.mark.parametrize("state", ["2024-01-01T00:00:00Z", 5, ["2024-01-01T00:00:00Z"]], ids=repr)
    def test_a_state_that_is_no_object_is_told_with_its_stream(self, tmp_path, state):
        path = tmp_path / "state.json"
        stream = {"stream_descriptor": {"name": "org_events"}, "stream_state": state}
        path.write_text(json.dumps([{"type": "STREAM", "stream": stream}]))
        assert self.told(path).endswith(": the state of `org_events` must be an object.")

    @pytest.mark.parametrize("content", ["[]", "{}", "null"])
    def test_an_empty_one_is_no_state(self, tmp_path, content):
        path = tmp_path / "state.json"
        path.write_text(content)
        assert read_state(str(path)) == read_state(None) == []

    def test_one_of_the_right_form_is_read(self, tmp_path):
        path = tmp_path / "state.json"
        path.write_text(json.dumps([STATE]))
        assert [AirbyteStateMessageSerializer.dump(entry)["stream"] for entry in read_state(str(path))] == [
            STATE["stream"]
        ]

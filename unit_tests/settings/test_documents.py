from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest
from airbyte_cdk.models import FailureType

from source_events.settings.documents import InvalidDocument, name_of, read_document
from source_events.source import SourceEvents
from unit_tests.reading import configuration


@pytest.mark.parametrize(("problem", "told"), [("a\nb.", "a b"), ("x" * 301, "x" * 300), ("", "ValueError")])
def test_what_is_wrong_is_told_on_a_line(tmp_path, problem, told):
    def load(document: object) -> None:
        raise ValueError(problem)

    path = tmp_path / "state.json"
    path.write_text("[]")
    with pytest.raises(InvalidDocument) as caught:
        read_document("state", str(path), load)
    assert caught.value.message == f"The state file {path} is not valid: {told}."


class TestDocuments:
    READERS = (
        pytest.param(SourceEvents.read_config, "configuration", id="configuration"),
        pytest.param(SourceEvents.read_catalog, "catalogue", id="catalogue"),
        pytest.param(SourceEvents.read_state, "state", id="state"),
    )

    @pytest.mark.parametrize(("read_", "what"), READERS)
    def test_a_file_that_is_not_there_is_named(self, tmp_path, read_, what):
        path = tmp_path / "missing.json"
        with pytest.raises(InvalidDocument) as caught:
            read_(str(path))
        assert caught.value.failure_type is FailureType.config_error
        assert caught.value.message == f"The {what} file {path} cannot be read: No such file or directory."

    @pytest.mark.parametrize(("read_", "what"), READERS)
    @pytest.mark.parametrize("content", [b"{", b"not json", b"\xff\xfe"], ids=repr)
    def test_a_file_that_is_no_json_is_named(self, tmp_path, read_, what, content):
        path = tmp_path / "broken.json"
        path.write_bytes(content)
        with pytest.raises(InvalidDocument, match=f"^The {what} file .*broken.json is not valid: .") as caught:
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
        with pytest.raises(InvalidDocument) as caught:
            SourceEvents.read_config(str(path))
        assert caught.value.message == f"The configuration file {path} is not valid: {problem}."

    def test_a_file_of_another_encoding_is_told_apart(self, tmp_path):
        path = tmp_path / "config.json"
        path.write_bytes('{"login": "Zoë"}'.encode("latin-1"))
        with pytest.raises(InvalidDocument, match="is not valid: it is not UTF-8; save it with this encoding"):
            SourceEvents.read_config(str(path))

    def test_no_content_of_a_file_is_quoted(self, tmp_path):
        path = tmp_path / "config.json"
        path.write_text('{"client_secret": hunter2-is-a-fake-secret}')
        with pytest.raises(InvalidDocument) as caught:
            SourceEvents.read_config(str(path))
        assert "hunter2" not in caught.value.message

    @pytest.mark.parametrize(("read_", "what"), READERS)
    def test_what_nests_too_deeply_is_told(self, tmp_path, read_, what):
        path = tmp_path / "deep.json"
        path.write_text("[" * 200_000 + "]" * 200_000)
        with pytest.raises(
            InvalidDocument, match=f"^The {what} file .*deep.json is not valid: it is nested too deeply"
        ):
            read_(str(path))

    @pytest.mark.parametrize("content", ["[]", "5", '"text"', "null"])
    def test_a_configuration_must_be_an_object(self, tmp_path, content):
        path = tmp_path / "config.json"
        path.write_text(content)
        with pytest.raises(InvalidDocument) as caught:
            SourceEvents.read_config(str(path))
        assert caught.value.message == f"The configuration file {path} is not valid: it must be a JSON object."

    def test_a_file_of_the_right_form_is_read(self, tmp_path):
        path = tmp_path / "config.json"
        path.write_text(json.dumps(configuration()))
        assert SourceEvents.read_config(str(path)) == configuration()

    @pytest.mark.parametrize("content", [json.dumps(configuration(), indent=2), "{"], ids=["right", "wrong"])
    def test_it_may_come_through_a_pipe_which_can_be_read_once(self, tmp_path, content):
        path = tmp_path / "config.json"
        os.mkfifo(path)
        writer = threading.Thread(target=path.write_text, args=(content,))
        writer.start()
        try:
            if content == "{":
                with pytest.raises(InvalidDocument, match="line 1, column 2: "):
                    SourceEvents.read_config(str(path))
            else:
                assert SourceEvents.read_config(str(path)) == configuration()
        finally:
            writer.join(5)
        assert not writer.is_alive()


LOG = {"type": "LOG", "log": {"level": "INFO", "message": "m"}}
STREAM = {"name": "org_events", "json_schema": {}}


@pytest.mark.parametrize(
    ("document", "name"),
    [
        (configuration(), "a configuration"),
        ({"streams": [{"stream": STREAM, "sync_mode": "full_refresh"}]}, "a catalogue"),
        ({"streams": [STREAM]}, "what `discover` prints"),
        ([{"type": "STREAM", "stream": {}}], "a state"),
        ({"type": "CATALOG", "catalog": {"streams": [STREAM]}}, "what `discover` prints"),
        ({"type": "STATE", "state": {"type": "STREAM", "stream": {}}}, "what `read` prints"),
        ({"type": "RECORD", "record": {}}, "what `read` prints"),
        ({"type": "SPEC", "spec": {}}, "what `spec` prints"),
        ({"connectionSpecification": {}}, "what `spec` prints"),
        ({"type": "CONNECTION_STATUS", "connectionStatus": {}}, "what `check` prints"),
        (LOG, "the log of a command"),
        ({"type": "LOG"}, None),
        ({"type": {}}, None),
        ({}, None),
        ([], None),
        ([5], None),
        (5, None),
    ],
    ids=repr,
)
def test_a_document_is_told_by_what_it_holds(document, name):
    assert name_of(document) == name


@pytest.mark.parametrize(
    ("messages", "name"),
    [
        ([LOG, {"type": "SPEC", "spec": {}}], "what `spec` prints"),
        ([LOG, {"type": "CONNECTION_STATUS", "connectionStatus": {}}], "what `check` prints"),
        ([LOG, {"type": "TRACE", "trace": {}}], "the log of a command"),
        ([LOG, 5, {"type": "RECORD", "record": {}}], "what `read` prints"),
    ],
    ids=["spec", "check", "log", "read"],
)
def test_printed_messages_are_told_by_the_first_that_is_not_of_the_log(tmp_path: Path, messages, name):
    path = tmp_path / "config.json"
    path.write_text("".join(f"{json.dumps(message)}\n" for message in messages))
    with pytest.raises(InvalidDocument) as caught:
        SourceEvents.read_config(str(path))
    assert caught.value.message == f"The configuration file {path} is not valid: it is {name}."

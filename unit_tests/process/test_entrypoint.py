from __future__ import annotations

import gc
import io
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.process import entrypoint
from source_events.process.entrypoint import (
    DiscreetFilter,
    PageEntrypoint,
    error_message,
    launch,
    prepare_memory,
)
from source_events.report import PeopleFilter
from source_events.settings.configuration import InvalidConfiguration
from source_events.settings.specification import specification
from source_events.source import SourceEvents
from unit_tests.exchange import Response
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import cloud4wi, configuration, read, read_lines

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
FEED, LOGIN = requests.feed(*DAY), requests.login()


class TestRead:
    @staticmethod
    def expect(network: Any) -> None:
        example = responses.example()["events"]
        network.expect(LOGIN, responses.token())
        in_window = [
            {**event, "when": {**event["when"], "createdAt": f"2024-01-01T0{number % 9}:00:00Z"}}
            for number, event in enumerate(example)
        ]
        network.expect(FEED, responses.page(in_window[:10], "s"))
        network.expect(requests.feed(*DAY, scroll="s"), responses.page(in_window[10:]))

    def test_lines_and_messages_have_the_same_records_and_states(self, network):
        self.expect(network)
        self.expect(network)
        lines, messages = read_lines("org_events"), read("org_events")
        assert len(lines.records()) == 19
        assert lines.records() == messages.records()
        assert lines.states == messages.states

    def test_the_states_count_records_and_not_pages(self, network):
        self.expect(network)
        output = read_lines("org_events")
        assert sum(state["sourceStats"]["recordCount"] for state in output.of("STATE")) == 19.0

    def test_records_come_before_the_state_that_covers_them(self, network):
        self.expect(network)
        kinds = [message["type"] for message in read_lines("org_events").messages]
        assert kinds.index("STATE") > max(position for position, kind in enumerate(kinds) if kind == "RECORD")


class TestSecrets:
    @pytest.mark.parametrize(
        "form", ['a"b\\c/é', 'a\\"b\\\\c/\\u00e9', "a%22b%5Cc%2F%C3%A9"], ids=["as is", "JSON", "URL"]
    )
    def test_a_secret_is_masked_in_each_form_that_it_is_written_in(self, form):
        config = configuration(provider=cloud4wi(client_secret='a"b\\c/é'))
        PageEntrypoint.set_up_secret_filter(config, specification()["connectionSpecification"])
        assert filter_secrets(f"<{form}>") == "<****>"

    def test_a_configuration_without_secrets_masks_nothing(self):
        PageEntrypoint.set_up_secret_filter({"provider": {}}, specification()["connectionSpecification"])
        assert filter_secrets("words") == "words"


class TestLog:
    @staticmethod
    def passes(message: str, error: BaseException | None = None) -> bool:
        info = (type(error), error, None) if error else None
        return PeopleFilter().filter(logging.LogRecord("airbyte", logging.INFO, "", 1, message, (), info))

    @pytest.mark.parametrize(
        "line",
        [
            "Read 3 records from org_events stream",
            "Stream org_events defines `request_window_splitting` but no response filter",
            "UserDefinedBackoffException: Rate limit exceeded (HTTP 503). Retrying in 2 seconds.",
            "Max retry limit reached after 3.0s. Request: x, Response: y",
        ],
    )
    def test_misleading_lines_are_left_out(self, line):
        assert not self.passes(line)

    @pytest.mark.parametrize("line", ["org_events: 3 records, complete", "We Read 3 records from a stream", "x"])
    def test_all_others_are_not(self, line):
        assert self.passes(line)

    def test_an_error_that_is_reported_as_such_is_left_out(self):
        assert not self.passes("Exception while syncing", AirbyteTracedException(message="reported"))

    def test_any_other_error_is_not(self):
        assert self.passes("Exception while syncing", KeyError("unheard of"))

    def test_a_debug_line_keeps_its_address_and_status_and_nothing_that_may_be_secret(self):
        record = logging.makeLogRecord(
            {
                "msg": "Receiving response",
                "url": "https://host/path?scrollId=token",
                "headers": {"Authorization": "token"},
                "body": "token",
                "request_body": "token",
                "status": 200,
            }
        )
        assert DiscreetFilter().filter(record)
        assert (record.__dict__["url"], record.__dict__["status"]) == ("https://host/path", 200)
        assert "token" not in str(vars(record))


class TestErrors:
    @staticmethod
    def reported(failure_type: FailureType) -> Any:
        try:
            raise AirbyteTracedException(message="m", internal_message="i", failure_type=failure_type)
        except AirbyteTracedException as error:
            return error_message(error).trace.error

    def test_what_the_user_can_mend_has_no_stack(self):
        assert self.reported(FailureType.config_error).stack_trace is None

    def test_anything_else_has_one(self):
        assert "Traceback" in self.reported(FailureType.system_error).stack_trace


class TestLaunch:
    @pytest.fixture
    def launched(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, bytes]]:
        """Reads `org_events` as a process does; gives the exit code and what was written."""
        stream = {"name": "org_events", "json_schema": {}, "supported_sync_modes": ["full_refresh"]}
        configured = {"stream": stream, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
        (tmp_path / "catalog.json").write_text(json.dumps({"streams": [configured]}))

        def launched(**config: Any) -> tuple[int, bytes]:
            (tmp_path / "config.json").write_text(json.dumps(configuration(**config)))
            files = ["--config", str(tmp_path / "config.json"), "--catalog", str(tmp_path / "catalog.json")]
            output, code = tmp_path / "output", 0
            with monkeypatch.context() as patch, output.open("w") as stdout:
                patch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(io.StringIO())])
                patch.setattr(sys, "stdout", stdout)
                for of_the_process in ("prepare_memory", "end_on_request"):
                    patch.setattr(entrypoint, of_the_process, lambda *_: None)
                try:
                    launch(["read", *files])
                except SystemExit as end:
                    code = int(end.code or 0)
            return code, output.read_bytes()

        return launched

    @staticmethod
    def of(output: bytes, kind: str) -> list[Any]:
        lines = [json.loads(line) for line in output.splitlines() if line.startswith(b'{"')]
        return [line[kind.lower()] for line in lines if line["type"] == kind]

    def test_a_read_that_ends_well_exits_with_zero(self, network, launched):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.page([responses.event("a")]))
        code, output = launched()
        assert code == 0
        assert [record["data"]["id"] for record in self.of(output, "RECORD")] == ["a"]

    def test_a_failed_read_exits_with_one_after_its_error(self, network, launched):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, responses.error(404))
        code, output = launched()
        assert code == 1
        errors = [trace["error"] for trace in self.of(output, "TRACE") if trace["type"] == "ERROR"]
        assert ["`provider.organization_id`" in error["message"] for error in errors] == [True]
        assert b"Traceback" not in output

    def test_log_lines_are_written_by_the_writer_of_the_pages(self, network, launched):
        network.expect(LOGIN, responses.token())
        network.expect(FEED, Response(b"", 503), responses.page([responses.event("a")]))
        _, output = launched()
        assert b"The API answered 503 (attempt 1 of 8)" in output
        assert b"UserDefinedBackoffException" not in output
        assert b"request_window_splitting" not in output

    def test_a_wrong_configuration_exits_with_one(self, launched):
        code, output = launched(num_workers=0)
        [trace] = self.of(output, "TRACE")
        assert (code, trace["error"]["failure_type"]) == (1, "config_error")


def test_the_configuration_is_checked_with_words_for_people():
    source = SourceEvents()
    with pytest.raises(InvalidConfiguration, match="`num_workers`"):
        PageEntrypoint.validate_connection(source.spec(logging.getLogger()), configuration(num_workers=0))


def test_the_process_collects_garbage_rarely():
    thresholds = gc.get_threshold()
    try:
        prepare_memory()
        assert gc.get_threshold()[0] >= 100_000
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)

"""Running the source in this process, and looking at what it says."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteMessageSerializer,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.process.entrypoint import PageEntrypoint
from source_events.process.output import LineWriter
from source_events.source import SourceEvents
from unit_tests.providers.cloud4wi.requests import CLIENT_KEY, CLIENT_SECRET, ORGANIZATION

LOGGER = logging.getLogger("airbyte")


def cloud4wi(**provider: Any) -> dict[str, Any]:
    return {
        "provider_type": "cloud4wi",
        "organization_id": ORGANIZATION,
        "client_key": CLIENT_KEY,
        "client_secret": CLIENT_SECRET,
        **provider,
    }


def configuration(**fields: Any) -> dict[str, Any]:
    """A valid configuration of one slice, the first of January 2024."""
    return {
        "provider": cloud4wi(),
        "start_date": "2024-01-01T00:00:00Z",
        "end_date": "2024-01-01T23:59:59Z",
        **fields,
    }


def catalog(*streams: str, sync_mode: str = "incremental") -> ConfiguredAirbyteCatalog:
    return ConfiguredAirbyteCatalogSerializer.load(
        {
            "streams": [
                {
                    "stream": {
                        "name": stream,
                        "json_schema": {},
                        "supported_sync_modes": ["full_refresh", "incremental"],
                        "source_defined_cursor": True,
                        "default_cursor_field": ["createdAt"],
                        "source_defined_primary_key": [["id"]],
                    },
                    "sync_mode": sync_mode,
                    "destination_sync_mode": "append_dedup" if sync_mode == "incremental" else "overwrite",
                    "cursor_field": ["createdAt"],
                    "primary_key": [["id"]],
                }
                for stream in streams
            ]
        }
    )


def stream_state(stream: str, state: Mapping[str, Any]) -> list[AirbyteStateMessage]:
    message = {"type": "STREAM", "stream": {"stream_descriptor": {"name": stream}, "stream_state": dict(state)}}
    return [AirbyteStateMessageSerializer.load(message)]


@dataclass
class Output:
    """The messages of a read as JSON, in their order, and the error that ended it.

    `lines` are the messages as they were written, where they were.
    """

    messages: list[dict[str, Any]] = field(default_factory=list)
    failure: Exception | None = None
    lines: list[bytes] = field(default_factory=list)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message[kind.lower()] for message in self.messages if message["type"] == kind]

    def records(self, stream: str | None = None) -> list[dict[str, Any]]:
        return [record["data"] for record in self.of("RECORD") if stream in (None, record["stream"])]

    def ids(self) -> list[str]:
        return sorted(record["id"] for record in self.records())

    @property
    def states(self) -> list[dict[str, Any]]:
        return [state["stream"]["stream_state"] for state in self.of("STATE")]

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [trace["error"] for trace in self.of("TRACE") if trace["type"] == "ERROR"]

    @property
    def estimates(self) -> list[dict[str, Any]]:
        return [trace["estimate"] for trace in self.of("TRACE") if trace["type"] == "ESTIMATE"]

    def error(self) -> dict[str, Any]:
        """The error, of which there must be one."""
        [error] = self.errors
        return error

    def status(self, stream: str) -> str:
        """The stream's last status."""
        statuses = [trace["stream_status"] for trace in self.of("TRACE") if trace["type"] == "STREAM_STATUS"]
        return [status["status"] for status in statuses if status["stream_descriptor"]["name"] == stream][-1]

    def read(self, messages: Iterable[AirbyteMessage]) -> Output:
        try:
            self.messages += (AirbyteMessageSerializer.dump(message) for message in messages)
        except AirbyteTracedException as failure:
            self.failure = failure
        return self


def read(
    *streams: str,
    config: Mapping[str, Any] | None = None,
    state: list[AirbyteStateMessage] | None = None,
    sync_mode: str = "incremental",
) -> Output:
    """Read as any program does that uses the source as a library."""
    config = configuration() if config is None else config
    return Output().read(SourceEvents().read(LOGGER, config, catalog(*streams, sync_mode=sync_mode), state or []))


def read_lines(*streams: str, config: Mapping[str, Any] | None = None) -> Output:
    """Read as the process does: lines, of which pages are several."""
    written = io.BytesIO()
    writer = LineWriter(written)
    source = SourceEvents()
    entrypoint = PageEntrypoint(source, writer)
    output = Output()
    config = configuration() if config is None else config
    try:
        for message in entrypoint.read(source.spec(LOGGER), config, catalog(*streams), []):
            writer.write(entrypoint.airbyte_message_to_string(message) + "\n")
    except AirbyteTracedException as failure:
        output.failure = failure
    output.lines = written.getvalue().splitlines()
    output.messages = [json.loads(line) for line in output.lines]
    return output

"""The requests that the connector makes of CareCloud, as they leave the process."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStateMessageSerializer,
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    Status,
    SyncMode,
    Type,
)
from urllib3 import BaseHTTPResponse
from urllib3.connectionpool import HTTPConnectionPool

from integration_tests.carecloud import COMPLAINT, CUSTOMER, PURCHASE, config
from sandbox.carecloud import BASE
from sandbox.process import Control, Sandbox
from source_events.providers import FOLDER
from source_events.source import SourceEvents

LOGGER = logging.getLogger("airbyte")
PROVIDER = "carecloud"
EVENTS = 3_000
"""So many that a window of 365 days has several pages."""
MANY_TYPES = [PURCHASE, COMPLAINT, *(f"{number:026x}" for number in range(2_000))]
"""More than fit into an address."""
FILTERS: Sequence[Mapping[str, Any]] = (
    {},
    {"event_types": [PURCHASE]},
    {"event_types": [PURCHASE, COMPLAINT], "contact_ids": [CUSTOMER]},
    {"event_types": MANY_TYPES, "window_size": "P365D"},
)
INSTALLATIONS: Sequence[Mapping[str, Any]] = (
    {"property_records": "missing"},
    {"old_installation": True},
    {"count_cap": 3},
)
"""Those of which the connector asks more: each event's property records by themselves, the whole feed, more pages."""


@dataclass(frozen=True)
class Call:
    """A request. `path` is what follows the address of the API, `query` has what was sent, decoded, in its order."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes | None


def all_calls(events: int = EVENTS) -> list[Call]:
    """Those of a check, and of a first and a second sync of all streams: with both kinds of credentials, with and
    without each filter, and of different installations.

    :raises RuntimeError: if the connector fails, because it has not made all its requests then
    """
    with Sandbox(events=events, contacts=10) as sandbox, recorded(sandbox.url + BASE) as calls:
        for auth_type in ("bearer", "basic"):
            for fields in FILTERS:
                _use(config(sandbox.url, auth_type, **fields))
        for behaviour in INSTALLATIONS:
            with _behaving(sandbox.control, behaviour):
                _use(config(sandbox.url, end_date="2024-01-07"))
        return calls


def endpoints() -> set[str]:
    """The paths that the manifest names, with `{}` for an id."""
    manifest = (FOLDER / PROVIDER / "manifest.yaml").read_text(encoding="utf-8")
    paths = re.findall(r"""\{\{ config\['provider'\]\['api_url'\] \}\}(/[^"\n]+)""", manifest)
    return {re.sub(r"\{\{.*?\}\}", "{}", path) for path in paths}


@contextmanager
def recorded(address: str) -> Iterator[list[Call]]:
    """Note the requests below this address while they are made."""
    calls: list[Call] = []
    base = urlsplit(address)
    send = HTTPConnectionPool.urlopen

    def noting(
        pool: HTTPConnectionPool,
        method: str,
        url: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **options: Any,
    ) -> BaseHTTPResponse:
        parts = urlsplit(url)
        if f"{pool.host}:{pool.port}" == base.netloc and parts.path.startswith(f"{base.path}/"):
            query = tuple(parse_qsl(parts.query, keep_blank_values=True))
            path = parts.path.removeprefix(base.path)
            calls.append(Call(method, path, query, tuple((headers or {}).items()), body))
        return send(pool, method, url, body=body, headers=headers, **options)

    with patch.object(HTTPConnectionPool, "urlopen", noting):
        yield calls


@contextmanager
def _behaving(control: Control, behaviour: Mapping[str, Any]) -> Iterator[None]:
    before = control.behaviour(PROVIDER)
    control.behaviour(PROVIDER, **behaviour)
    try:
        yield
    finally:
        control.behaviour(PROVIDER, **{name: before[name] for name in behaviour})


def _use(config: Mapping[str, Any]) -> None:
    status = SourceEvents().check(LOGGER, config)
    if status.status != Status.SUCCEEDED:
        raise RuntimeError(f"The check has failed: {status.message}")
    streams = SourceEvents().discover(LOGGER, config).streams
    state = _read(config, streams, [])
    _read(config, streams, state)


def _read(
    config: Mapping[str, Any], streams: Sequence[AirbyteStream], state: list[AirbyteStateMessage]
) -> list[AirbyteStateMessage]:
    """Read all streams; the last state of each."""
    catalog = ConfiguredAirbyteCatalog(streams=[_configured(stream) for stream in streams])
    last: dict[str, AirbyteStateMessage] = {}
    for message in SourceEvents().read(LOGGER, config, catalog, state):
        _raise_error_of(message)
        if message.type == Type.STATE and message.state and message.state.stream:
            # As a platform keeps it: a copy, since what the cursors go on with is an object of this process.
            kept = AirbyteStateMessageSerializer.load(AirbyteStateMessageSerializer.dump(message.state))
            last[message.state.stream.stream_descriptor.name] = kept
    return list(last.values())


def _configured(stream: AirbyteStream) -> ConfiguredAirbyteStream:
    modes = stream.supported_sync_modes
    mode = SyncMode.incremental if SyncMode.incremental in modes else SyncMode.full_refresh
    return ConfiguredAirbyteStream(
        stream=stream,
        sync_mode=mode,
        destination_sync_mode=DestinationSyncMode.append,
        cursor_field=stream.default_cursor_field,
        primary_key=stream.source_defined_primary_key,
    )


def _raise_error_of(message: AirbyteMessage) -> None:
    if message.type == Type.TRACE and message.trace and message.trace.error:
        raise RuntimeError(f"A read has failed: {message.trace.error.message}")

"""The command `catalog`: a catalogue that `read` takes, so that nobody has to write one by hand."""

from __future__ import annotations

import json
import logging
from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from airbyte_cdk.models import (
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteCatalogSerializer,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
)

from source_events.process.people import configuration_for_people
from source_events.process.unwritable import written
from source_events.settings.catalogue import check_streams
from source_events.source import SourceEvents


def run(arguments: Namespace) -> None:
    selected = catalogue(configuration_for_people(arguments.config), arguments.stream or ())
    with written():
        print(json.dumps(without_nulls(ConfiguredAirbyteCatalogSerializer.dump(selected)), indent=2))


def catalogue(config: Mapping[str, Any], names: Sequence[str] = ()) -> ConfiguredAirbyteCatalog:
    """The streams of these names, or all: incremental where they can be, as a whole where they cannot.

    :raises InvalidDocument: if the system has no stream of a name
    """
    streams = {stream.name: stream for stream in SourceEvents().discover(logging.getLogger("airbyte"), config).streams}
    check_streams(names, streams)
    return ConfiguredAirbyteCatalog(streams=[configured(streams[name]) for name in dict.fromkeys(names or streams)])


def configured(stream: AirbyteStream) -> ConfiguredAirbyteStream:
    incremental = SyncMode.incremental in (stream.supported_sync_modes or ())
    return ConfiguredAirbyteStream(
        stream=stream,
        sync_mode=SyncMode.incremental if incremental else SyncMode.full_refresh,
        destination_sync_mode=DestinationSyncMode.append_dedup if incremental else DestinationSyncMode.overwrite,
        cursor_field=stream.default_cursor_field,
        primary_key=stream.source_defined_primary_key,
    )


def without_nulls(value: Any) -> Any:
    """The document without fields that say nothing."""
    if isinstance(value, dict):
        return {name: without_nulls(entry) for name, entry in value.items() if entry is not None}
    return [without_nulls(entry) for entry in value] if isinstance(value, list) else value

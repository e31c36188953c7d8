"""The source: binds a configuration to its provider's manifest, and reads."""

from __future__ import annotations

import json
import logging
from collections.abc import Generator, Iterator, Mapping, MutableMapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty
from typing import Any

import msgspec
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteRecordMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    ConnectorSpecificationSerializer,
    Status,
    Type,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.models.declarative_component_schema import DatetimeBasedCursor
from airbyte_cdk.sources.declarative.partition_routers.single_partition_router import SinglePartitionRouter
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.cursor import Cursor, FinalStateCursor
from airbyte_cdk.sources.streams.concurrent.default_stream import DefaultStream
from airbyte_cdk.sources.streams.concurrent.partitions.stream_slicer import StreamSlicer
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events import providers
from source_events.components.changes import ChangesCursor, ChangesReader
from source_events.components.contacts import BatchReader
from source_events.components.cursors import ContactCursor
from source_events.components.factory import Factory
from source_events.components.partition import PagePartitions, page_of
from source_events.components.templates import check_fields
from source_events.records.lines import splice
from source_events.records.rows import UNKNOWN_FIELDS
from source_events.report import Report, Told, untold
from source_events.restrictions import tell_unmatched, told_of_nothing
from source_events.runtime import Runtime, StreamRun
from source_events.settings.catalogue import check_catalog, read_catalog
from source_events.settings.configuration import complete, form_of, read_configuration, warn_of_unread_fields
from source_events.settings.specification import specification
from source_events.settings.state import read_state, readable_state


class SourceEvents(Source):
    """Reads events from the system that the configuration names.

    The configuration is bound when a command brings it, so that a source can be made without one.
    """

    check_config_against_spec = False
    """Binding checks the configuration, with messages that never quote a value."""

    @property
    def name(self) -> str:
        return "source-events"

    @classmethod
    def read_config(cls, config_path: str) -> MutableMapping[str, Any]:
        return read_configuration(config_path)

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        return read_catalog(catalog_path)

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        return read_state(state_path)

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        return ConnectorSpecificationSerializer.load(specification())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Make the cheapest authenticated request.

        A failed check says in one sentence which field, permission or address to mend.
        """
        try:
            source = bind(config, check=True)
            with closing(source):
                availability = source.checked_stream().check_availability()
                if availability.is_available:
                    tell_unmatched(source)
        except AirbyteTracedException as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=filter_secrets(str(error)))
        if availability.is_available:
            return AirbyteConnectionStatus(status=Status.SUCCEEDED)
        return AirbyteConnectionStatus(status=Status.FAILED, message=filter_secrets(availability.reason or ""))

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        return bind(config).discover(logger, config)

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Read as any source does: a message for each record.

        A caller who leaves before the end ends all requests and threads of the read with it.
        """
        for message in self.read_pages(config, catalog, state):
            page = page_of(message)
            if page is None or message.record is None:
                yield message
                continue
            rows = page.rows
            page.release()
            for row in rows:
                data = msgspec.json.decode(splice([row]))
                record = AirbyteRecordMessage(
                    stream=message.record.stream, data=data, emitted_at=message.record.emitted_at
                )
                yield AirbyteMessage(type=Type.RECORD, record=record)

    def read_pages(
        self,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
        told: Told = untold,
    ) -> Iterator[AirbyteMessage]:
        """Read with a message for each page: `page_of` has its records, and whoever takes it releases it.

        While it lasts, `told` tells how far it is.

        :raises ReadFailed: after the messages of everything that could be read, if a stream failed
        """
        with closing(bind(config, catalog, readable_state(state))) as source:
            yield from source.read_pages(catalog, state or [], told)


def bind(
    config: Mapping[str, Any],
    catalog: ConfiguredAirbyteCatalog | None = None,
    state: list[AirbyteStateMessage] | None = None,
    *,
    check: bool = False,
    sample: int | None = None,
    of_many: bool = False,
) -> EventsDeclarativeSource:
    """The provider's manifest as a source; for a check, or for a `sample` of so many rows, one that asks for few.

    One `of_many` is a part of a read that several programs share.

    :raises InvalidConfiguration: if the configuration is wrong
    :raises InvalidManifest: if the manifest is
    """
    completed = complete(config)
    warn_of_unread_fields(config)
    runtime = Runtime(
        completed["num_workers"], completed["requests_per_minute"], check=check, sample=sample, of_many=of_many
    )
    provider = completed["provider"]["provider_type"]
    manifest = providers.manifest(provider)
    check_fields(manifest, form_of(provider))
    return EventsDeclarativeSource(runtime, catalog=catalog, config=completed, state=state, source_config=manifest)


class EventsDeclarativeSource(ConcurrentDeclarativeSource):
    """A manifest's streams: the CDK's slices, cursors and schemas, over readers of ours."""

    def __init__(self, runtime: Runtime, **arguments: Any) -> None:
        self.runtime = runtime
        super().__init__(**arguments)

    def close(self) -> None:
        """End all requests and threads; the CDK's may be waiting for place in its queue, which nobody reads now."""
        self.runtime.close()
        workers, queue = self._concurrent_source._threadpool, self._concurrent_source._queue
        workers._shutdown()
        while not workers.is_done():
            with suppress(Empty):
                queue.get(timeout=0.01)
        # A future is done a moment before its thread is.
        workers._threadpool.shutdown(wait=True)

    def read_pages(
        self, catalog: ConfiguredAirbyteCatalog, state: Sequence[AirbyteStateMessage] = (), told: Told = untold
    ) -> Generator[AirbyteMessage, None, None]:
        """Read with a message for each page; `state` is what the source has been bound with.

        :raises ReadFailed: after the messages of everything that could be read, if a stream failed
        """
        check_catalog(catalog, [stream["name"] for stream in self.resolved_manifest["streams"]])
        report = Report(self.runtime)
        messages = report.follow(self.read(logging.getLogger("airbyte"), self.completed, catalog))
        with told(report.progress):
            yield from told_of_nothing(messages, self.completed, self.runtime, state)

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        return [self._stream(definition) for definition in self.resolved_manifest["streams"]]

    def checked_stream(self) -> DefaultStream:
        """The stream whose first page tells whether the connection works."""
        definition = self.definition(self.resolved_manifest["check"]["stream_names"][0])
        assert definition is not None
        return self._stream(definition)

    @property
    def completed(self) -> Mapping[str, Any]:
        """The completed configuration."""
        return self._config

    def definition(self, name: str) -> Mapping[str, Any] | None:
        """The manifest's stream of this name, if the system has it."""
        return next((each for each in self.resolved_manifest["streams"] if each["name"] == name), None)

    def reader(self, definition: Mapping[str, Any]) -> Any:
        """What reads a stream."""
        run = self.runtime.stream(definition["name"])
        # A row's own field of that name is one that the schema does not speak of.
        known = [name for name in self.schema(definition)["properties"] if name != UNKNOWN_FIELDS]
        return Factory(self._config, self.runtime, run, known).make(definition["retriever"])

    def _stream(self, definition: Mapping[str, Any]) -> DefaultStream:
        run = self.runtime.stream(definition["name"])
        schema = self.schema(definition)
        reader = self.reader(definition)
        cursor, slicer = self._cursor(definition, run, reader)
        return DefaultStream(
            partition_generator=PagePartitions(run.name, self._config, self.runtime, slicer, reader),
            name=run.name,
            json_schema=schema,
            primary_key=[definition["primary_key"]],
            cursor_field=getattr(cursor, "cursor_field", None),
            logger=self.logger,
            cursor=cursor,
        )

    def schema(self, definition: Mapping[str, Any]) -> Mapping[str, Any]:
        schema: Mapping[str, Any] = json.loads(Path(definition["schema_loader"]["file_path"]).read_bytes())
        return schema

    def _cursor(self, definition: Mapping[str, Any], run: StreamRun, reader: Any) -> tuple[Cursor, StreamSlicer]:
        messages, states = self._message_repository, self._connector_state_manager
        if isinstance(reader, BatchReader):
            contacts = ContactCursor(run, self._config, reader.contacts, messages, states)
            return contacts, contacts
        if isinstance(reader, ChangesReader):
            changes = ChangesCursor(run, self._config, reader, messages, states)
            return changes, changes
        if "incremental_sync" not in definition:
            return FinalStateCursor(run.name, None, messages), SinglePartitionRouter(parameters={})
        cursor = self._constructor.create_concurrent_cursor_from_datetime_based_cursor(
            DatetimeBasedCursor,
            definition["incremental_sync"],
            run.name,
            None,
            states.get_stream_state(run.name, None),
            self._config,
        )
        return cursor, cursor

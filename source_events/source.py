"""The source: binds a configuration to its provider's manifest, and reads."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import msgspec
from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteErrorTraceMessage,
    AirbyteEstimateTraceMessage,
    AirbyteMessage,
    AirbyteRecordMessage,
    AirbyteStateMessage,
    AirbyteStreamStatus,
    AirbyteTraceMessage,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    ConnectorSpecificationSerializer,
    EstimateType,
    FailureType,
    Status,
    TraceType,
    Type,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.sources.declarative.concurrent_declarative_source import ConcurrentDeclarativeSource
from airbyte_cdk.sources.declarative.schema import InlineSchemaLoader
from airbyte_cdk.sources.declarative.stream_slicers.declarative_partition_generator import (
    DeclarativePartitionFactory,
    StreamSlicerPartitionGenerator,
)
from airbyte_cdk.sources.streams.concurrent.abstract_stream import AbstractStream
from airbyte_cdk.sources.streams.concurrent.default_stream import DefaultStream
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events import providers
from source_events.components.contacts import ContactCursor, ContactRetriever, ContactRouter
from source_events.records.page import Page, page_of, splice
from source_events.settings.configuration import complete
from source_events.settings.specification import specification
from source_events.settings.sync import check_catalog, read_document, readable_state
from source_events.transport.connection import Connection, StreamTotals, connection_of


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
        return read_document("configuration", config_path, super().read_config)

    @classmethod
    def read_catalog(cls, catalog_path: str) -> ConfiguredAirbyteCatalog:
        return read_document("catalogue", catalog_path, super().read_catalog)

    @classmethod
    def read_state(cls, state_path: str) -> list[AirbyteStateMessage]:
        return read_document("state", state_path, super().read_state)

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        return ConnectorSpecificationSerializer.load(specification())

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Make the cheapest authenticated request.

        A failed check says in one sentence which field, permission or address to mend.
        """
        try:
            source = bind(config, check=True)
            availability = source.checked_stream().check_availability()
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
        """Read as any source does: a message for each record."""
        for message in self.read_pages(config, catalog, state):
            page = page_in(message)
            if page is None or message.record is None:
                yield message
                continue
            for row in page.take():
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
    ) -> Iterator[AirbyteMessage]:
        """Read with a message for each page: `page_in` has its records, as lines need them.

        :raises ReadFailed: after the messages of everything that could be read, if a stream failed
        """
        source = bind(config, catalog, readable_state(state))
        check_catalog(catalog, [stream["name"] for stream in source.resolved_manifest["streams"]])
        return Report(source.connection).follow(source.read(logging.getLogger("airbyte"), config, catalog))


def page_in(message: AirbyteMessage) -> Page | None:
    """The page that a record message carries in place of a single record."""
    return page_of(message.record.data) if message.type is Type.RECORD and message.record else None


def bind(
    config: Mapping[str, Any],
    catalog: ConfiguredAirbyteCatalog | None = None,
    state: list[AirbyteStateMessage] | None = None,
    *,
    check: bool = False,
) -> EventsDeclarativeSource:
    """The provider's manifest as a source.

    :raises InvalidConfiguration: if the configuration is wrong
    """
    completed = complete(config, check=check)
    manifest = providers.manifest(completed["provider"]["provider_type"])
    return EventsDeclarativeSource(catalog=catalog, config=completed, state=state, source_config=manifest)


class EventsDeclarativeSource(ConcurrentDeclarativeSource):
    """A manifest's streams; those that are read contact by contact get a cursor that can take batches of contacts."""

    def streams(self, config: Mapping[str, Any]) -> list[AbstractStream]:
        return [self._by_contact(stream) for stream in super().streams(config)]

    @property
    def connection(self) -> Connection:
        """What the requests of all streams share."""
        return connection_of(self._config)

    def checked_stream(self) -> DefaultStream:
        """The stream whose first page tells whether the connection works."""
        name = self.resolved_manifest["check"]["stream_names"][0]
        return next(
            stream for stream in self.streams(self._config) if isinstance(stream, DefaultStream) and stream.name == name
        )

    def _by_contact(self, stream: AbstractStream) -> AbstractStream:
        router = stream.get_partition_router() if isinstance(stream, DefaultStream) else None
        if not isinstance(router, ContactRouter) or router.retriever is None:
            return stream
        return self._with_contact_cursor(stream, router.retriever)

    def _with_contact_cursor(self, stream: AbstractStream, retriever: ContactRetriever) -> DefaultStream:
        cursor = ContactCursor(
            stream.name, self._config, retriever, self._message_repository, self._connector_state_manager
        )
        partitions = DeclarativePartitionFactory(
            stream.name, InlineSchemaLoader(schema={}, parameters={}), retriever, self._message_repository
        )
        return DefaultStream(
            partition_generator=StreamSlicerPartitionGenerator(partitions, cursor),
            name=stream.name,
            json_schema=stream.get_json_schema,
            primary_key=[key[0] for key in stream.as_airbyte_stream().source_defined_primary_key or []],
            cursor_field=cursor.cursor_field,
            logger=self.logger,
            cursor=cursor,
        )


def estimate(stream: str, records: int) -> AirbyteMessage:
    """What a platform draws a progress bar from: the records that the stream is likely to have."""
    message = AirbyteEstimateTraceMessage(name=stream, type=EstimateType.STREAM, row_estimate=records)
    return AirbyteMessage(
        type=Type.TRACE,
        trace=AirbyteTraceMessage(type=TraceType.ESTIMATE, emitted_at=time.time() * 1000, estimate=message),
    )


def account(totals: StreamTotals, *, complete: bool) -> str:
    """What became of a stream's rows, to go on a log line; nothing where each row is a record and none was announced.

    Which rows came twice can be said only of a stream that has been read to its end.
    """
    repeated = totals.repeated if complete else 0
    skipped = {reason: number for reason, number in totals.left_out.items() if number}
    parts = [f"{totals.received} rows read"]
    if totals.announced is not None:
        of_them = "" if totals.answered == totals.finished else f" for {totals.answered} of them"
        parts.append(f"{totals.announced} announced{of_them}")
    if repeated:
        parts.append(f"{repeated} repeated")
    if skipped:
        reasons = ", ".join(f"{number} {reason}" for reason, number in skipped.items())
        parts.append(f"{sum(skipped.values())} skipped ({reasons})")
    if totals.gone:
        parts.append(f"{totals.gone} not found any more")
    differs = totals.announced is not None and totals.announced != totals.answered
    if len(parts) == 1:
        return ""
    return f"; {', '.join(parts)}{DIFFERS if differs else ''}"


DIFFERS = "; announced is not what came, and all that came was read"


def ends_last(messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
    """The messages with a stream's end behind its last state: the CDK queues that state, and tells the end at once."""
    ends: dict[str, AirbyteMessage] = {}
    try:
        for message in messages:
            status = message.trace.stream_status if message.trace else None
            if status and status.status in ENDS:
                ends[status.stream_descriptor.name] = message
                continue
            yield message
            stream = message.state.stream.stream_descriptor.name if message.state and message.state.stream else ""
            if stream in ends:
                yield ends.pop(stream)
    except AirbyteTracedException:
        yield from ends.values()
        raise
    yield from ends.values()


ENDS = (AirbyteStreamStatus.COMPLETE, AirbyteStreamStatus.INCOMPLETE)


class ReadFailed(AirbyteTracedException):
    """At least one stream failed; its own error has been reported in the messages before."""


class Report:
    """Follows the messages of a read, so that what they report is right for pages and clear for people.

    The CDK counts pages as records, repeats an error for each slice that it hits, shows the stack of errors that only
    the user can mend, and sums all errors up as a `config_error`.
    """

    def __init__(self, connection: Connection) -> None:
        self._totals = connection.totals
        self._memory = connection.memory
        self._undated = connection.undated
        self._records: dict[str, int] = {}
        self._errors: dict[tuple[str, str], AirbyteErrorTraceMessage] = {}
        self._logger = logging.getLogger("airbyte")

    def follow(self, messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
        try:
            for message in ends_last(messages):
                yield from (estimate(*told) for told in self._totals.estimates())
                if message.type is Type.TRACE and message.trace is not None:
                    if self._is_repeated(message.trace):
                        continue
                    self._conclude(message.trace)
                page = page_in(message)
                if page is not None and message.record is not None:
                    stream = message.record.stream
                    self._records[stream] = self._records.get(stream, 0) + page.count
                with self._memory.handing_over():
                    yield message
        except AirbyteTracedException as summary:
            if not self._errors:
                raise
            raise self._failed() from summary
        if self._undated:
            self._logger.warning(f"{len(self._undated)} events have no time; their `createdAt` is null.")

    def _is_repeated(self, trace: AirbyteTraceMessage) -> bool:
        """Whether this error has been reported; if not, it is made fit to be."""
        error = trace.error
        if trace.type is not TraceType.ERROR or error is None:
            return False
        stream = error.stream_descriptor.name if error.stream_descriptor else ""
        error.message = filter_secrets(f"{stream}: {error.message}" if stream else error.message)
        error.internal_message = filter_secrets(error.internal_message or "")
        error.stack_trace = (
            None if error.failure_type is FailureType.config_error else filter_secrets(error.stack_trace or "")
        )
        key = (stream, error.message)
        if key in self._errors:
            return True
        self._errors[key] = error
        return False

    def _conclude(self, trace: AirbyteTraceMessage) -> None:
        status = trace.stream_status
        if status and status.status in ENDS:
            name = status.stream_descriptor.name
            complete = status.status is AirbyteStreamStatus.COMPLETE
            self._logger.info(
                f"{name}: {self._records.get(name, 0)} records, {status.status.value.lower()}"
                f"{account(self._totals.of(name), complete=complete)}"
            )

    def _failed(self) -> ReadFailed:
        first = next(iter(self._errors.values()))
        return ReadFailed(message=first.message, internal_message=first.message, failure_type=first.failure_type)

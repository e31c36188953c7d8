"""The protocol over standard output: a page goes to the writer as a whole, every other message as a line."""

from __future__ import annotations

import gc
import logging
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import IO, Any, TextIO

from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import (
    AirbyteMessage,
    AirbyteStateMessage,
    ConfiguredAirbyteCatalog,
    ConnectorSpecification,
    FailureType,
    Status,
)
from airbyte_cdk.sources.connector_state_manager import HashableStreamDescriptor
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events import allocator
from source_events.components.partition import page_of
from source_events.process.output import LineWriter
from source_events.process.progress import told
from source_events.process.signals import STOPPED, end_on_request
from source_events.process.terminal import STANDARD_ERROR
from source_events.process.unwritable import written
from source_events.report import PeopleFilter, ReadFailed
from source_events.settings.configuration import validate
from source_events.settings.secrets import mask_secrets
from source_events.source import SourceEvents


class PageEntrypoint(AirbyteEntrypoint):
    """The CDK's entry point, except that pages go to the writer directly, and that errors are for people."""

    def __init__(self, source: SourceEvents, writer: LineWriter) -> None:
        super().__init__(source)
        self._events = source
        self._writer = writer

    def read(
        self,
        source_spec: ConnectorSpecification,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage],
    ) -> Iterable[AirbyteMessage]:
        self.set_up_secret_filter(config, source_spec.connectionSpecification)
        counter: defaultdict[HashableStreamDescriptor, float] = defaultdict(float)
        for message in self._events.read_pages(config, catalog, state, told):
            page = page_of(message)
            if page is None or message.record is None:
                yield self.handle_record_counts(message, counter)
            else:
                counter[HashableStreamDescriptor(message.record.stream)] += page.count
                self._writer.write_page(message.record.stream, page)
            self._memory_monitor.check_memory_usage()

    def check(self, source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> Iterable[AirbyteMessage]:
        with told(lambda: ["check: waiting for the API"]):
            for message in super().check(source_spec, config):
                yield message
                status = message.connectionStatus
                if status and status.status is Status.FAILED:
                    tell_error(status.message or "")

    def discover(self, source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> Iterable[AirbyteMessage]:
        with told(lambda: ["discover: describing the streams"]):
            yield from super().discover(source_spec, config)

    @staticmethod
    def validate_connection(source_spec: ConnectorSpecification, config: Mapping[str, Any]) -> None:
        validate(config)

    @staticmethod
    def set_up_secret_filter(config: Mapping[str, Any], connection_specification: Mapping[str, Any]) -> None:
        mask_secrets(config, connection_specification)


class DiscreetFilter(logging.Filter):
    """Takes out of the CDK's debug lines what may hold credentials that no filter knows yet.

    It logs requests and answers as a whole, the answer to a login before its token is known to be a secret; a URL's
    query may hold the token of a scroll.
    """

    INDISCREET = ("headers", "body", "request_body")

    def filter(self, record: logging.LogRecord) -> bool:
        fields = vars(record)
        for name in self.INDISCREET:
            fields.pop(name, None)
        if isinstance(fields.get("url"), str):
            fields["url"] = fields["url"].partition("?")[0]
        return True


def launch(arguments: list[str]) -> None:
    """Run a command of the protocol; exits with 1 after an error, which has been written as a message."""
    prepare_memory()
    writer = LineWriter(unbuffered(sys.stdout))
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            with written():
                handler.setStream(writer)
            handler.addFilter(PeopleFilter())
            handler.addFilter(DiscreetFilter())
    end_on_request(writer.stop, STOPPED_READ if arguments[0] == "read" else STOPPED)
    entrypoint = PageEntrypoint(SourceEvents(), writer)
    try:
        for line in entrypoint.run(entrypoint.parse_args(arguments)):
            writer.write(f"{line}\n")
    except ReadFailed as error:
        tell_error(error.message or "")
        sys.exit(1)
    except AirbyteTracedException as error:
        message = error_message(error)
        writer.write(f"{entrypoint.airbyte_message_to_string(message)}\n")
        tell_error(message.trace.error.message if message.trace and message.trace.error else "")
        sys.exit(1)
    except Exception as error:
        # The CDK writes it as a message, when it has come out of here.
        tell_error(f"an unexpected one, {type(error).__name__}; the messages say more. Please report it.")
        raise


STOPPED_READ = "source-events: stopped; go on from the last STATE line."


def tell_error(sentence: str) -> None:
    """To whoever is at a terminal; the messages have it, too."""
    if STANDARD_ERROR.is_there:
        STANDARD_ERROR.say(f"source-events: error: {filter_secrets(sentence)}")


def unbuffered(stream: TextIO) -> IO[bytes]:
    """The file beneath a text stream."""
    stream.flush()
    return open(stream.fileno(), "wb", buffering=0, closefd=False)


def error_message(error: AirbyteTracedException) -> AirbyteMessage:
    """The error without secrets; without a stack where the user can mend it."""
    message = error.as_sanitized_airbyte_message()
    if error.failure_type is FailureType.config_error and message.trace and message.trace.error:
        message.trace.error.stack_trace = None
    return message


def prepare_memory() -> None:
    """Settings of the process that make pages cheap; they would be no business of a library's.

    With one arena for all threads, a read with 8 workers takes half the memory; keeping large blocks saves half of the
    time that the system takes. What has been imported stays for good, so the garbage collector need not look through it
    at every page.
    """
    allocator.share_one_arena()
    allocator.keep_large_blocks()
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)
    gc.enable()

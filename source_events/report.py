"""What a read reports: estimates, log lines about each stream, and errors, each once."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

from airbyte_cdk.models import (
    AirbyteErrorTraceMessage,
    AirbyteEstimateTraceMessage,
    AirbyteMessage,
    AirbyteStreamStatus,
    AirbyteTraceMessage,
    EstimateType,
    FailureType,
    TraceType,
    Type,
)
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.partition import page_of
from source_events.runtime import Counted, Runtime

Told = Callable[[Callable[[], list[str]]], AbstractContextManager[None]]
"""Tells, until the end of its block, what it is given a function for: a line for each stream that runs."""


def untold(progress: Callable[[], list[str]]) -> AbstractContextManager[None]:
    """Tells nobody, as is right for a library."""
    return nullcontext()


WORTH_TELLING = 1.1
"""How many times as much, or as little, an estimate must be as the last one, so that thousands make some dozens."""


def estimate(stream: str, records: int) -> AirbyteMessage:
    """What a platform draws a progress bar from: the records that the stream is likely to have."""
    message = AirbyteEstimateTraceMessage(name=stream, type=EstimateType.STREAM, row_estimate=records)
    return AirbyteMessage(
        type=Type.TRACE,
        trace=AirbyteTraceMessage(type=TraceType.ESTIMATE, emitted_at=time.time() * 1000, estimate=message),
    )


def how_far(stream: str, records: int, counted: Counted) -> str:
    """A running stream's line of the log: how many of its contacts and records have been read, as far as is known."""
    if counted.listed:
        known = "contacts" if counted.all_listed else "contacts found so far"
        return f"{stream}: {counted.read:,} of {counted.listed:,} {known}, {records:,} records"
    if counted.expected > records:
        return f"{stream}: {records:,} of about {counted.expected:,} records announced so far"
    return f"{stream}: {records:,} records"


def share(records: int, counted: Counted, covered: float | None) -> float | None:
    """Which part of a stream has been read, from 0 to 1; nothing, as long as that would be a guess.

    `covered` is the part of the time that has been read completely, or `None` where all of it is being read at once:
    then what the answers announced is all that there is.
    """
    if counted.listed:
        return counted.read / counted.listed if counted.all_listed else None
    if covered == 0:
        return None
    total = max(counted.expected, records / covered if covered else 0, 1)
    return min(records / total, 1.0) if counted.expected or covered else None


def account(counted: Counted, *, complete: bool) -> str:
    """What became of a stream's rows, to go on a log line; nothing where each row is a record and none was announced.

    Which rows came twice can be said only of a stream that has been read to its end.
    """
    repeated = counted.repeated if complete else 0
    skipped = {reason: number for reason, number in counted.left_out.items() if number}
    parts = [f"{counted.received} rows read"]
    if counted.announced is not None:
        of_them = "" if counted.answered == counted.finished else f" for {counted.answered} of them"
        parts.append(f"{counted.announced} announced{of_them}")
    if repeated:
        parts.append(f"{repeated} repeated")
    if skipped:
        reasons = ", ".join(f"{number} {reason}" for reason, number in skipped.items())
        parts.append(f"{sum(skipped.values())} skipped ({reasons})")
    if counted.gone:
        parts.append(f"{counted.gone} not found any more")
    differs = counted.announced is not None and counted.announced != counted.answered
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


class PeopleFilter(logging.Filter):
    """Leaves out log lines of the CDK that would mislead.

    Errors are reported to the user as such; the CDK's count of records counts pages; it cannot see that our error
    handler and extractor do split windows; and it calls every wait a rate limit, where our own line says the reason.
    """

    MISLEADING = re.compile(
        r"Read \d+ records from|Stream \w+ defines `request_window_splitting` but|UserDefinedBackoffException"
        r"|Max retry limit reached|During the sync, the following streams did not sync"
    )

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return not isinstance(error, AirbyteTracedException) and not self.MISLEADING.match(str(record.msg))


class ReadFailed(AirbyteTracedException):
    """At least one stream failed; its own error has been reported in the messages before."""


class Report:
    """Follows the messages of a read, so that what they report is right for pages and clear for people.

    The CDK counts pages as records, repeats an error for each slice that it hits, shows the stack of errors that only
    the user can mend, and sums all errors up as a `config_error`.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._records: dict[str, int] = {}
        self._running: dict[str, None] = {}
        """Streams that have begun and not ended, in this order."""
        self._estimated: dict[str, int] = {}
        self._errors: dict[tuple[str, str], AirbyteErrorTraceMessage] = {}
        self._logger = logging.getLogger("airbyte")

    def follow(self, messages: Iterable[AirbyteMessage]) -> Iterator[AirbyteMessage]:
        try:
            for message in ends_last(messages):
                yield from self._estimates()
                if message.type is Type.TRACE and message.trace is not None:
                    if self._is_repeated(message.trace):
                        continue
                    self._begin_or_end(message.trace)
                page = page_of(message)
                if page is not None and message.record is not None:
                    stream = message.record.stream
                    self._records[stream] = self._records.get(stream, 0) + page.count
                yield message
        except AirbyteTracedException as summary:
            if not self._errors:
                raise
            raise self._failed() from summary
        undated = {run.name: run.undated for run in self._runtime.streams if run.undated}
        if undated:
            number, streams = len(set().union(*undated.values())), ", ".join(undated)
            self._logger.warning(f"{streams}: {number} events have no time; their `createdAt` is null.")

    def progress(self) -> list[str]:
        """How far each running stream is; any thread may ask."""
        return [
            how_far(name, self._records.get(name, 0), self._runtime.stream(name).counts.now)
            for name in tuple(self._running)
        ]

    def _estimates(self) -> Iterator[AirbyteMessage]:
        """Where the records that a stream is likely to have have changed so much that it is worth telling."""
        for run in self._runtime.streams:
            likely, told = run.counts.likely, self._estimated.get(run.name, 0)
            if likely and (likely >= told * WORTH_TELLING or likely * WORTH_TELLING <= told):
                self._estimated[run.name] = likely
                yield estimate(run.name, likely)

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

    def _begin_or_end(self, trace: AirbyteTraceMessage) -> None:
        status = trace.stream_status
        if status and status.status is AirbyteStreamStatus.STARTED:
            self._running[status.stream_descriptor.name] = None
        if status and status.status in ENDS:
            name = status.stream_descriptor.name
            self._running.pop(name, None)
            complete = status.status is AirbyteStreamStatus.COMPLETE
            self._logger.info(
                f"{name}: {self._records.get(name, 0)} records, {status.status.value.lower()}"
                f"{account(self._runtime.stream(name).counts.now, complete=complete)}"
            )

    def _failed(self) -> ReadFailed:
        first = next(iter(self._errors.values()))
        return ReadFailed(message=first.message, internal_message=first.message, failure_type=first.failure_type)

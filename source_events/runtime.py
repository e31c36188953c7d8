"""What the streams and logins of one command share, built in one place and handed to whoever needs it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.transport.memory import Memory
from source_events.transport.network import Network
from source_events.transport.rate import Rate

MAX_ATTEMPTS, ATTEMPTS_OF_A_CHECK = 8, 2
PAGES_OF_A_SAMPLE, ROWS_OF_A_SMALL_PAGE = 4, 100
"""A sample has a few pages more than it needs, in case nothing is wanted on some."""


class Runtime:
    """`num_workers` and `requests_per_minute` hold for all streams, and for logins, together.

    A check asks for a single row, and a `sample` for so many: with one worker, for few pages of a slice, and giving up
    early. One `of_many` shares the account with others like it: its requests are evenly spaced, so that the ceiling
    holds for those that follow each other, too; it has all its workers, and does not give up early. Whoever made the
    runtime closes it: that ends all its requests and threads at once, whatever they are waiting for.
    """

    def __init__(
        self,
        num_workers: int,
        requests_per_minute: int | None = None,
        *,
        check: bool = False,
        sample: int | None = None,
        of_many: bool = False,
    ) -> None:
        self.check = check
        self.most_rows = 1 if check else sample
        """The rows that a page is asked for, where a few are enough."""
        self.most_pages = 1 if check else sample and PAGES_OF_A_SAMPLE + sample // ROWS_OF_A_SMALL_PAGE
        """The pages of a slice that are read, also if nothing on them is wanted; all of them, if there is no bound."""
        few = self.most_rows is not None
        self.max_attempts = ATTEMPTS_OF_A_CHECK if few and not of_many else MAX_ATTEMPTS
        self.num_workers = 1 if few and not of_many else num_workers
        self.rate = Rate(requests_per_minute, spread=of_many, wait=self.wait)
        self.memory = Memory()
        self.network = Network(self.num_workers, self.rate, self.memory)
        self.workers = Workers(self.num_workers)
        self.token = Token()
        self._streams: dict[str, StreamRun] = {}
        self._lock = threading.Lock()
        self._failure: AirbyteTracedException | None = None

    def stream(self, name: str) -> StreamRun:
        """The run of the stream of this name; all who ask for it share it."""
        with self._lock:
            return self._streams.setdefault(name, StreamRun(name, self))

    @property
    def streams(self) -> Sequence[StreamRun]:
        with self._lock:
            return tuple(self._streams.values())

    def fail(self, message: str, failure_type: FailureType) -> AirbyteTracedException:
        """The error to raise when no further request of any stream makes sense. Only the first one counts."""
        self._failure = self._failure or failure(message, failure_type)
        return failure(message, failure_type)

    def raise_failure(self) -> None:
        """
        :raises AirbyteTracedException: if all requests have come to an end
        """
        _raise_anew(self._failure)

    def wait(self, seconds: float) -> None:
        """
        :raises Closed: if the command ends meanwhile
        """
        self.network.wait(seconds)

    def close(self) -> None:
        self.network.close()


class StreamRun:
    """What the slices of one stream share: their counts, and the failure that ends them all."""

    def __init__(self, name: str, runtime: Runtime) -> None:
        self.name = name
        self.counts = StreamCounts()
        self.undated: set[str] = set()
        """The ids of events without a time, where an API has such events; they are read with `createdAt` null."""
        self._runtime = runtime
        self._failures: list[AirbyteTracedException] = []

    def uncounted(self) -> StreamRun:
        """The same for rows that are none of the stream's, and only tell what there is to read."""
        run = StreamRun(self.name, self._runtime)
        run._failures = self._failures
        return run

    def fail(self, message: str, failure_type: FailureType, *, ends_all: bool = False) -> AirbyteTracedException:
        """The error to raise when no other slice of the stream will fare better, or of any stream with `ends_all`."""
        if ends_all:
            return self._runtime.fail(message, failure_type)
        self._failures.append(failure(message, failure_type))
        return failure(message, failure_type)

    def raise_failure(self) -> None:
        """
        :raises AirbyteTracedException: if the stream has come to an end
        """
        self._runtime.raise_failure()
        _raise_anew(self._failures[0] if self._failures else None)


def failure(message: str, failure_type: FailureType) -> AirbyteTracedException:
    """An error for people, without secrets."""
    message = filter_secrets(message)
    return AirbyteTracedException(message=message, internal_message=message, failure_type=failure_type)


def _raise_anew(error: AirbyteTracedException | None) -> None:
    """Another error of the same words: one that several threads raise would collect all their stacks."""
    if error is not None:
        raise failure(error.message or "", error.failure_type)


@dataclass
class Counted:
    """The rows of one stream, and its contacts where it is read contact by contact.

    `received` are all rows that came, and `left_out` how many of them are no records, by the reason; `finished` are
    those of slices that have been read to their end. `announced` sums the totals that slices announced, `answered` the
    rows that came for these. `expected` are the records that the slices begun so far are likely to have. `gone` are the
    contacts, or events, that the API did not know any more; `listed` and `read` are contacts, and with `all_listed` no
    more of them will be.
    """

    received: int = 0
    finished: int = 0
    announced: int | None = None
    answered: int = 0
    expected: int = 0
    gone: int = 0
    listed: int = 0
    read: int = 0
    all_listed: bool = False
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def likely(self) -> int:
        """The records that the stream is likely to have: as many a contact as of those that have been read.

        Where it is not read contact by contact, or not all contacts are known: those of the slices begun so far.
        """
        if not self.listed:
            return self.expected
        if not (self.all_listed and self.read and self.received):
            return 0
        kept = self.received - sum(self.left_out.values())
        return self.finished * kept * self.listed // (self.received * self.read)

    @property
    def repeated(self) -> int:
        """Rows that came more than once, because their slice was begun anew; known when all slices are at their end."""
        return max(self.received - self.finished, 0) if self.finished else 0


class StreamCounts:
    """Counts once a page, by whichever thread has read it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counted = Counted()

    @property
    def now(self) -> Counted:
        with self._lock:
            return replace(self._counted, left_out=Counter(self._counted.left_out))

    @property
    def likely(self) -> int:
        """The records that the stream is likely to have; looked at with each message."""
        with self._lock:
            return self._counted.likely

    def count_rows(self, rows: int, left_out: Mapping[str, int] = MappingProxyType({})) -> None:
        """Rows of a page, and how many of them are left out."""
        with self._lock:
            self._counted.received += rows
            self._counted.left_out.update(left_out)

    def expect(self, records: int) -> None:
        """The first answer of a slice tells that so many records are likely to come."""
        with self._lock:
            self._counted.expected += records

    def end_slice(self, rows: int, announced: int | None) -> None:
        """A slice has been read to its end; its first answer announced so many rows."""
        with self._lock:
            self._counted.finished += rows
            if announced is not None:
                self._counted.announced = (self._counted.announced or 0) + announced
                self._counted.answered += rows

    def count_gone(self) -> None:
        """A contact, or an event, that the API does not know any more."""
        with self._lock:
            self._counted.gone += 1

    def count_contacts(self, *, listed: int = 0, read: int = 0) -> None:
        with self._lock:
            self._counted.listed += listed
            self._counted.read += read

    def end_list(self) -> None:
        """No more contacts will be listed."""
        with self._lock:
            self._counted.all_listed = True


class Token:
    """The token in use. Threads that find it refused at the same time renew it once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._value: str | None = None
        self.proving = threading.Lock()
        """Held by the thread that finds out whether a token will ever be accepted."""
        self.dropped = 0
        """How many tokens have been refused."""
        self.accepted = False
        """Whether a request of this command has been answered with a token."""

    def get(self, login: Callable[[], str]) -> str:
        with self._lock:
            if self._value is None:
                self._value = login()
            return self._value

    def drop(self, refused: str) -> None:
        """The token has been refused; unless another thread has renewed it already, the next one logs in."""
        with self._lock:
            if self._value == refused:
                self._value = None
                self.dropped += 1


class Workers:
    """How many of the workers are reading a slice or a batch of contacts, also while they make no request."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._active = 0
        self._lock = threading.Lock()

    @property
    def idle(self) -> int:
        """The workers that have nothing to do."""
        return max(self._number - self._active, 0)

    def begin(self, workers: int = 1) -> None:
        """So many workers begin to read."""
        with self._lock:
            self._active += workers

    def end(self) -> None:
        """One of them has come to its end."""
        with self._lock:
            self._active -= 1

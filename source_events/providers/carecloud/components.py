"""What CareCloud's manifest cannot say: its answers, its clock, its older installations and its hourly passwords."""

import base64
import functools
import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo

import msgspec
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.requester import Requester
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw, Struct

from source_events.components.authentication import RenewingAuthenticator
from source_events.components.contacts import FeedContactRetriever
from source_events.components.decoder import AnswerDecoder, raise_refusal_of, rows_of
from source_events.components.paging import MOST_BEGINNINGS, START, PageToken, TokenPagination, announced_by, growth
from source_events.components.selection import EventFilter
from source_events.components.windows import SliceReader
from source_events.records.page import ENVELOPE_FIELDS, Answer, Entity, Envelope, Event, Identity, Row, page_of
from source_events.records.times import UnreadableTime, earlier, local_time
from source_events.transport.connection import connection_of

NAME = "carecloud"
ABSENT = Raw(b"")
ZERO_DATE = "0000-00-00"
"""What the API writes for a time that is not set."""
BEFORE_ALL_EVENTS = "1902-01-01 00:00:00"
"""Before every event, also one that has the time 0 of some clock by mistake, and a year that any server can read."""
NEVER = "0001-01-01T00:00:00Z"
"""Both ends of a slice that has the events without a time and no others."""
SECOND = timedelta(seconds=1)
NEAR_A_CLOCK_CHANGE = timedelta(hours=26)
"""More than the largest change that a zone has ever made, which was a whole day."""
REQUESTS_OF_A_PAGE = 8
"""Property records that are asked for at the same time for one page of events."""


def zone_of(config: Config) -> ZoneInfo:
    """The project's time zone.

    :raises AirbyteTracedException: a `config_error` if there is no such zone
    """
    name = config["provider"]["time_zone"]
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        message = "`provider.time_zone` is not a time zone; give an IANA name like Europe/Prague."
        raise AirbyteTracedException(
            message=message, internal_message=message, failure_type=FailureType.config_error
        ) from error


def host_of(config: Config) -> str:
    """The project's host, which stands for the organisation."""
    return urlsplit(config["provider"]["api_url"]).hostname or ""


# --- answers


class _Answer(Struct):
    data: dict[str, Raw] | None = None
    error: Any = None
    status: Any = None
    message: Any = None


class _Named(Struct, kw_only=True):
    """A row's own fields with the names of the envelope; none are known yet."""

    id: Raw = ABSENT
    provider: Raw = ABSENT
    type: Raw = ABSENT
    createdAt: Raw = ABSENT
    organizationId: Raw = ABSENT
    contactId: Raw = ABSENT
    eventId: Raw = ABSENT


class _Event(_Named, kw_only=True):
    """`property_records` needs the include flag; installations before December 2023 do not know it."""

    event_id: str | int
    created_at: Any = ""
    event_type_id: str | int | None = None
    customer_id: str | int | None = None
    property_records: list[Raw] | None = None


class _PropertyRecord(_Named, kw_only=True):
    property_id: str | int | None = None
    property_record_id: str | int | None = None


class PropertyRecord(Identity):
    """What a property record gets from its event."""

    eventId: str | None = None
    contactId: str | None = None
    createdAt: str | None = None


class EventRow(Event, gc=False):
    """An event and its property records; `None` where the installation did not include them."""

    property_records: list[Raw] | None = None


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_rows = msgspec.json.Decoder(list[Raw] | None).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_total = msgspec.json.Decoder(int).decode
_decode_event = msgspec.json.Decoder(_Event).decode
_decode_property = msgspec.json.Decoder(_PropertyRecord).decode


class ListDecoder(AnswerDecoder):
    """Decodes a list, which is at `data.<collection>` beside `data.total_items`; its rows are no events."""

    collection: str

    def __init__(self, config: Config, collection: str, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(config, parameters)
        self.parameters = parameters
        self.collection = collection
        self._host = host_of(config)

    def decode_body(self, body: bytes) -> Answer:
        answer = _decode_answer(body)
        raise_refusal_of(answer.status, answer.message, answer.error)
        if answer.data is None or self.collection not in answer.data:
            raise msgspec.ValidationError(f"Object missing required field `data.{self.collection}`")
        announced = _total(answer.data)
        return Answer(rows=rows_of(_decode_rows(answer.data[self.collection]), announced), announced=announced)

    def row(self, raw: Raw) -> Row[Any]:
        """
        :raises msgspec.DecodeError: if the row is no object, or has no value of the stream's key
        """
        fields = _decode_object(raw)
        key = (self.parameters or {}).get("key")
        if key and bytes(fields.get(key, ABSENT)) in (b"", b"null", b'""'):
            raise msgspec.ValidationError(f"Object missing required field `{key}`")
        native = [name for name in ("provider", "organizationId") if name in fields]
        return Row(raw, Identity(provider=NAME, organizationId=self._host), native)


class EventDecoder(ListDecoder):
    """Decodes the organisation's events and a customer's, which differ in the name of their list."""

    def __init__(self, config: Config, collection: str, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(config, collection, parameters)
        self._zone = zone_of(config)

    def row(self, raw: Raw) -> EventRow:
        event = _decode_event(raw)
        if event.event_id == "":
            raise msgspec.ValidationError("Object missing required field `event_id`")
        envelope = Envelope(
            id=str(event.event_id),
            provider=NAME,
            type=_text(event.event_type_id),
            createdAt=self._utc(event.created_at),
            organizationId=self._host,
            contactId=_text(event.customer_id),
        )
        return EventRow(raw, envelope, _own_fields(event, ENVELOPE_FIELDS), event.property_records)

    def _utc(self, time: Any) -> str | None:
        """UTC for the project's time; what cannot be read is left as it is, to be refused together with its id."""
        if time is None:
            return None
        if not isinstance(time, str):
            return str(time)
        if time.startswith(ZERO_DATE):
            return None
        try:
            return local_time(time, self._zone)
        except UnreadableTime:
            return time


def _own_fields(row: _Named, names: Sequence[str]) -> Sequence[str]:
    return [name for name in names if getattr(row, name) is not ABSENT]


def _total(data: Mapping[str, Raw]) -> int | None:
    try:
        return _decode_total(data.get("total_items", Raw(b"null")))
    except msgspec.DecodeError:
        return None


def _text(value: str | int | None) -> str | None:
    return None if value is None or value == "" else str(value)


# --- paging


@dataclass
class OffsetPagination(TokenPagination):
    """Moves the offset by the rows that came, until an answer has none.

    A total that is announced too low, or a server that keeps to shorter pages than were asked for, ends nothing. Where
    the total falls, events have been deleted, and as many others may have moved to a page that has been read already:
    the slice is begun anew.
    """

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Record | None,
        last_page_token_value: Any | None,
        page_size_override: int | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> PageToken | None:
        before = last_page_token_value if isinstance(last_page_token_value, PageToken) else START
        page = page_of(last_record.data) if last_record else None
        total = page.announced if page else announced_by(response)
        rows = page.received if page else 0
        pages = len(before.fingerprints) + bool(page)
        shrunk = growth(before.total, total, end=before.received + rows, rows=rows, pages=pages) < 0
        if shrunk and before.beginnings < MOST_BEGINNINGS:
            return PageToken("0", frozenset(), 0, None, beginnings=before.beginnings + 1)
        if page is None:
            self._finish(response, before, stream_slice)
            return None
        after = self._after(page, before, response, stream_slice)
        return PageToken(
            str(after.received), after.fingerprints, after.received, after.announced, after.total, after.beginnings
        )


# --- windows


def local_window(first: str, last: str, zone: ZoneInfo) -> tuple[str, str]:
    """`time_from` and `time_to` on the project's clock that miss no event of the UTC seconds `first` to `last`.

    Whether the bounds are inclusive is not documented, so there is a second more at both ends. Near a clock change an
    hour of the local clock means two instants, or none, and it is not documented how the server takes it: the window
    is as much larger there as any reading needs. What was not asked for is left out later by its UTC time.
    """
    begin, end = _moment(first) - SECOND, _moment(last) + SECOND
    return _on_clock(begin, zone, earliest=True), _on_clock(end, zone, earliest=False)


def _on_clock(moment: datetime, zone: ZoneInfo, *, earliest: bool) -> str:
    around = (moment - NEAR_A_CLOCK_CHANGE, moment, moment + NEAR_A_CLOCK_CHANGE)
    offsets = [point.astimezone(zone).utcoffset() or timedelta() for point in around]
    change = max(offsets) - min(offsets)
    offset = min(offsets) - change if earliest else max(offsets) + change
    return (moment + offset).replace(tzinfo=None).isoformat(sep=" ", timespec="seconds")


def _moment(time: str) -> datetime:
    return datetime.fromisoformat(time[:19]).replace(tzinfo=timezone.utc)


@dataclass
class Probe:
    """What the answer to a request for events before 1902 tells beside the events without a time."""

    ignored: bool = False
    """Whether it has events from later times, too: the installation ignores the time filter."""
    customers: set[str] = field(default_factory=set)
    """Whose events without a time are."""

    def see(self, time: str) -> None:
        # A year later, because the bound is on the project's clock and this time is not.
        self.ignored = self.ignored or time >= "1903"


@dataclass
class WindowRetriever(Retriever):
    """Reads a slice of the organisation's feed with the retriever `pages`, which sees `time_from` and `time_to`.

    Before the first slice one request asks for events before 1902. Where the time filter works, the answer has just
    the events without a time, which no window would find. Where it has others too, the installation is older than the
    filter (August 2024): then the first slice reads the whole feed once and yields the events of all slices that
    follow, and these have nothing left to do. The state cannot pass the first slice before that has come to its end.
    Should a later slice have been quicker to begin, it has claimed the time from its own start on, and an earlier one
    reads the rest for itself.

    With `counts`, events without a time are counted when they are read. That is wrong for a feed that only tells which
    customers there are.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    pages: Retriever
    counts: bool = True

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._zone = zone_of(self.config)
        self._lock = threading.Lock()
        self._probe: Probe | None = None
        self._claimed_from: str | None = None

    def customers_to_ask(self) -> Collection[str]:
        """The customers with events without a time, where the time filter keeps these out of all windows.

        For a feed whose windows have been read, or will not be: the request is the same, and made once.
        """
        with self._lock:
            if self._probe is None:
                for record in self._undated({}):
                    if page := page_of(record.data):
                        page.take()
            assert self._probe is not None
            return () if self._probe.ignored else self._probe.customers

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterator[Record]:
        assert stream_slice is not None
        for part in self._parts(records_schema, stream_slice):
            for record in [part] if isinstance(part, Record) else self._read(records_schema, part):
                assert isinstance(record, Record)
                yield Record(record.data, record.stream_name, stream_slice)

    def _read(self, schema: Mapping[str, Any], part: StreamSlice) -> Iterable[Any]:
        """Only a window can be divided: an installation that ignores it would send everything for each part."""
        if not part.extra_fields["time_from"]:
            return self.pages.read_records(schema, part)
        window = functools.partial(self._window, undated=False)
        return SliceReader(self.pages, schema, window, connection_of(self.config).readers).read(part)

    def _parts(self, schema: Mapping[str, Any], stream_slice: StreamSlice) -> Iterable[Record | StreamSlice]:
        """What to yield for a slice: records that are there already, and slices to read."""
        first, last = stream_slice["start_time"], stream_slice["end_time"]
        if self.config["page_size"]:
            # A check reads one row, and need not know what the installation can do.
            return [self._window(first, last, undated=True)]
        with self._lock:
            undated = list(self._undated(schema)) if self._probe is None else []
            assert self._probe is not None
            if self._probe.ignored:
                return self._claim(first)
            return [*undated, self._window(first, last, undated=False)]

    def _undated(self, schema: Mapping[str, Any]) -> Iterator[Record]:
        """The events without a time; those of an installation that turns out to ignore the time filter are not all."""
        probe = Probe()
        undated = self._slice(NEVER, NEVER, time_from="", time_to=BEFORE_ALL_EVENTS, undated=True, probe=probe)
        for record in self.pages.read_records(schema, undated):
            if probe.ignored:
                break
            page = page_of(record.data) if isinstance(record, Record) else None
            if page and isinstance(record, Record):
                probe.customers |= page.contacts
                yield record
        self._probe = probe

    def _claim(self, first: str) -> list[StreamSlice]:
        claimed, end = self._claimed_from, self.config["end_date"]
        if claimed is not None and claimed <= first:
            return []
        self._claimed_from = first
        last = earlier(claimed, SECOND) if claimed else end
        return [self._slice(first, last, time_from="", time_to="", undated=claimed is None)]

    def _window(self, first: str, last: str, *, undated: bool) -> StreamSlice:
        time_from, time_to = local_window(first, last, self._zone)
        return self._slice(first, last, time_from=time_from, time_to=time_to, undated=undated)

    def _slice(self, first: str, last: str, **extra: Any) -> StreamSlice:
        return StreamSlice(
            partition={},
            cursor_slice={"start_time": first, "end_time": last},
            extra_fields={**extra, "counts": self.counts},
        )


@dataclass
class CustomerRetriever(FeedContactRetriever):
    """Reads customers, each in one window; from the start date on, it has no beginning.

    So it finds the customer's events without a time, too, which no other window has. A customer that is read from later
    on and has such events, as the feed tells, is asked for them apart.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._zone = zone_of(self.config)
        # Not in the manifest, because the CDK can make a retriever within a custom one, but not within two.
        self._windows = WindowRetriever(config=self.config, parameters=parameters, pages=self.feed, counts=False)
        self.feed = self._windows

    def _slices_of(self, contact: str, start: str, batch: StreamSlice) -> Iterable[StreamSlice]:
        time_from, time_to = local_window(start, batch["end_time"], self._zone)
        window = functools.partial(self._slice, contact, start, batch["end_time"], time_to=time_to)
        if start == self.config["start_date"]:
            return [window(time_from="")]
        if contact not in self._windows.customers_to_ask():
            return [window(time_from=time_from)]
        apart = self._slice(contact, NEVER, NEVER, time_from="", time_to=BEFORE_ALL_EVENTS)
        # An installation may filter the feed, but not yet the customers' events; so they are taken from one answer.
        return [window(time_from=time_from, undated=False), apart]

    @staticmethod
    def _slice(contact: str, first: str, last: str, **extra: Any) -> StreamSlice:
        return StreamSlice(
            partition={"contactId": contact},
            cursor_slice={"start_time": first, "end_time": last},
            extra_fields={"contact_path": quote(contact, safe=""), **extra},
        )


@dataclass
class WindowFilter(EventFilter):
    """Keeps events without a time in the one slice that is for them, so that they come once."""

    def choose(self, rows: list[Event], stream_slice: StreamSlice) -> list[Event]:
        customer = stream_slice.partition.get("contactId")
        if customer:
            for row in rows:
                row.envelope.contactId = row.envelope.contactId or customer
        return super().choose(rows, stream_slice)

    def wanted(self, stream_slice: StreamSlice) -> Callable[[Envelope], bool]:
        dated = super().wanted(stream_slice)
        undated = stream_slice.extra_fields.get("undated", True)
        counts = stream_slice.extra_fields.get("counts", True)
        probe: Probe | None = stream_slice.extra_fields.get("probe")
        seen = connection_of(self.config).undated

        def wanted(envelope: Envelope) -> bool:
            if envelope.createdAt is not None:
                if probe:
                    probe.see(envelope.createdAt)
                return dated(envelope)
            if not undated or not dated(envelope):
                return False
            if counts:
                seen.add(envelope.id)
            return True

        return wanted


# --- property records


@dataclass
class PropertyRecordFilter(WindowFilter):
    """Puts the property records of the wanted events in the place of the events.

    Events that came without the field are asked for theirs one by one with the requester `records`, several at a time.
    """

    records: Requester | None = None

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        super().__post_init__(parameters)
        self._host = host_of(self.config)

    def expand(self, rows: Sequence[Event]) -> Sequence[Row[Any]]:
        events = [row for row in rows if isinstance(row, EventRow)]
        missing = [event for event in events if event.property_records is None]
        if missing:
            with ThreadPoolExecutor(min(REQUESTS_OF_A_PAGE, self.config["num_workers"])) as pool:
                for event, found in zip(missing, pool.map(self._ask, missing), strict=True):
                    event.property_records = found
        return [record for event in events for record in self._parts(event)]

    def _ask(self, event: EventRow) -> list[Raw]:
        assert self.records is not None
        path = {"event_path": quote(event.envelope.id, safe="")}
        response = self.records.send_request(stream_slice=StreamSlice(partition={}, cursor_slice={}, extra_fields=path))
        if response is None or not response.ok:
            return []
        decoder: ListDecoder = self.records.decoder  # type: ignore[attr-defined]
        return decoder.answer(response).rows

    def _parts(self, event: EventRow) -> Iterator[Entity]:
        envelope = event.envelope
        for raw in event.property_records or ():
            record = self._decoded(raw, envelope.id)
            own_id = _text(record.property_id) or _text(record.property_record_id)
            identity = PropertyRecord(
                provider=NAME,
                organizationId=self._host,
                id=f"{envelope.id}:{own_id}",
                eventId=envelope.id,
                contactId=envelope.contactId,
                createdAt=envelope.createdAt,
            )
            yield Row(raw, identity, _own_fields(record, PropertyRecord.__struct_fields__))

    @staticmethod
    def _decoded(raw: Raw, event_id: str) -> _PropertyRecord:
        try:
            record = _decode_property(raw)
            if not _text(record.property_id) and not _text(record.property_record_id):
                raise msgspec.ValidationError("it has neither `property_id` nor `property_record_id`")
            return record
        except msgspec.DecodeError as error:
            message = f"A property record of event {event_id} cannot be read: {error}."
            raise AirbyteTracedException(
                message=message, internal_message=message, failure_type=FailureType.system_error
            ) from error


# --- basic authentication


@dataclass
class HourlyAuthenticator(RenewingAuthenticator):
    """Basic authentication with a password that changes with each hour of UTC.

    A refusal may only mean that the two clocks differ: the request is repeated with the hash of the nearer of the
    neighbouring hours.
    """

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._masked: set[str] = set()

    @property
    def token(self) -> str:
        return self._at(_now())

    def token_instead_of(self, refused: str) -> str:
        now = _now()
        if refused != self._at(now):
            return self._at(now)
        return self._at(now + timedelta(hours=-1 if now.minute < 30 else 1))

    def _at(self, moment: datetime) -> str:
        credentials = self.config["provider"]["credentials"]
        pair = f"{credentials['login']}:{hourly_hash(credentials['password'], moment)}"
        encoded = base64.b64encode(pair.encode()).decode()
        self._mask(encoded)
        return f"Basic {encoded}"

    def _mask(self, encoded: str) -> None:
        """Keep it out of all output: it is as good as the password for an hour."""
        if encoded not in self._masked:
            self._masked.add(encoded)
            add_to_secrets(encoded)


def hourly_hash(password: str, moment: datetime) -> str:
    """`sha256(md5_hex(password) + "YYYYMMDDHH")`, with the hour in UTC."""
    digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    return hashlib.sha256((digest + moment.strftime("%Y%m%d%H")).encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(timezone.utc)

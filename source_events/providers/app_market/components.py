"""App Market's tokens, answers, pages and contacts.

Of the answers nothing is published: neither where the rows are, nor what an event's id and time are called, nor in
which order they come. What is read here is every form that the rest of the documentation suggests.
"""

import logging
import re
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import jwt
import msgspec
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.requesters.paginators.strategies.pagination_strategy import PaginationStrategy
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.types import Config, Record, StreamSlice, StreamState
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.components.contacts import Contact, FeedContactRetriever, uncounted
from source_events.components.decoder import AnswerDecoder, AnswerRefused, raise_refusal_of, rows_of, words_of
from source_events.components.paging import MOST_BEGINNINGS, announced_by, growth
from source_events.components.selection import EntityFilter, EventFilter
from source_events.records.ids import synthetic_id
from source_events.records.page import PAGE, Answer, Draft, Envelope, Event, Identity, Row, finish, page_of
from source_events.records.times import UnreadableTime, earlier, local_time, normalize_time
from source_events.transport.connection import connection_of, counts, stream_of

logger = logging.getLogger("airbyte")

PAGE_SIZE = 100
TOKEN_LIFETIME, TOKEN_USE, CLOCK_SKEW = 1800, 300, 60
"""Seconds. An hour is the longest lifetime that the API takes."""

# The length of the secret is the provider's choice, and no user can do anything about it.
warnings.filterwarnings("ignore", message="The HMAC key is", module="jwt")


# --- tokens


@dataclass
class InstanceAuthenticator(DeclarativeAuthenticator):
    """Signs the token of each request with the API secret: there is no login, and nothing to renew.

    A token is used for five minutes and then made anew. It is valid for half an hour, so that a request that is
    repeated does not outlive it, and from a minute ago, for servers whose clock is behind.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._lock = threading.Lock()
        self._token, self._made = "", float("-inf")

    @property
    def auth_header(self) -> str:
        return "instance-jwt"

    @property
    def token(self) -> str:
        with self._lock:
            if time.monotonic() - self._made > TOKEN_USE:
                self._token, self._made = self._sign(int(time.time())), time.monotonic()
                add_to_secrets(self._token)
            return self._token

    def _sign(self, now: int) -> str:
        provider = self.config["provider"]
        issued = now - CLOCK_SKEW
        claims = {provider["instance_claim"]: provider["instance_id"], "iat": issued, "exp": issued + TOKEN_LIFETIME}
        return jwt.encode(claims, provider["api_secret"], algorithm="HS256")


# --- answers

Text = str | int | float | None
ABSENT, NULL = Raw(b""), Raw(b"null")

_decode_rows = msgspec.json.Decoder(list[Raw]).decode
_decode_list = msgspec.json.Decoder(list[Raw] | None).decode
_decode_object = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_any = msgspec.json.Decoder().decode
_decode_number = msgspec.json.Decoder(int).decode


class InstanceDecoder(AnswerDecoder):
    """Takes a bare array, or an object with one list in it or in an object within it.

    Of several lists it is the one that is named as the rows are, `collection`; of one list the name does not matter.
    """

    collection: ClassVar[str]

    def decode_body(self, body: bytes) -> Answer:
        start = body.lstrip()[:1]
        if start == b"[":
            return Answer(rows=_decode_rows(body))
        if start != b"{":
            raise _unknown_form(type(_decode_any(body)).__name__)
        fields = _decode_object(body)
        raise_refusal_of(*(_decode_any(fields.get(name, NULL)) for name in ("status", "message")))
        within = [_decode_object(value) for value in fields.values() if _begins(value, b"{")]
        named = [place for place in (fields, *within) if _begins(place.get(self.collection, ABSENT), b"[", b"n")]
        lists = [(place, place[self.collection]) for place in named] or _lists(fields) or _lists(*within)
        if len(lists) != 1:
            raise _refusal(fields) or _unknown_form(_shape(fields))
        [(place, rows)] = lists
        announced = _number(place.get("total") or fields.get("total"))
        try:
            return Answer(rows=rows_of(_decode_list(rows), announced), announced=announced)
        except msgspec.ValidationError:
            raise _unknown_form(_shape(fields)) from None


def _lists(*places: Mapping[str, Raw]) -> Sequence[tuple[Mapping[str, Raw], Raw]]:
    """The lists in some objects, each with the object that has it."""
    return [(place, value) for place in places for value in place.values() if _begins(value, b"[")]


def _begins(value: Raw, *beginnings: bytes) -> bool:
    return bytes(memoryview(value)[:1]) in beginnings


def _number(raw: Raw | None) -> int | None:
    try:
        return _decode_number(raw) if raw else None
    except msgspec.DecodeError:
        return None


def _refusal(fields: Mapping[str, Raw]) -> AnswerRefused | None:
    """What the API says where it says in the body only that the request failed."""
    error, message = (_decode_any(fields.get(name, NULL)) for name in ("error", "message"))
    return AnswerRefused(str(message or words_of(error))) if error else None


def _shape(fields: Mapping[str, Raw]) -> str:
    """Names and types, without any data."""
    named = (f"{name[:50]}: {type(_decode_any(value)).__name__}" for name, value in list(fields.items())[:20])
    return f"object with {{{', '.join(named)}}}"


def _unknown_form(shape: str) -> AirbyteTracedException:
    message = (
        "The answer is neither a list nor an object with exactly one list, so the rows in it cannot be told. "
        f"It is: {shape}. Check `provider.api_url`, `provider.events_path` and `provider.contacts_path`."
    )
    return AirbyteTracedException(message=message, internal_message=message, failure_type=FailureType.system_error)


class InstanceRow(Row[Any], gc=False):
    """A row that may have no id: an empty one is filled in when the rows before it are known.

    `time`, `content` and `created_by` are then what tells it apart. `contact` is a contact that has an id of its own.
    """

    time: str = ""
    content: Raw | None = None
    created_by: Raw | None = None
    contact: Contact | None = None


class _Event(Struct):
    id: Text | UnsetType = UNSET
    event_id: Text = None
    underscore_id: Text = msgspec.field(name="_id", default=None)
    event_type: Text = None
    type: Text | UnsetType = UNSET
    created_on: Any = None
    createdAt: Any = UNSET
    created_at: Any = None
    timestamp: Any = None
    contact_id: Text = None
    contactId: Text | UnsetType = UNSET
    provider: Raw = ABSENT
    organizationId: Raw = ABSENT
    content: Raw = ABSENT
    properties: Raw = ABSENT
    createdBy: Raw = ABSENT


class _Contact(Struct):
    id: Text | UnsetType = UNSET
    contact_id: Text = None
    underscore_id: Text = msgspec.field(name="_id", default=None)
    email: Text = None
    created_on: Any = None
    createdAt: Any = None
    created_at: Any = None
    provider: Raw = ABSENT
    organizationId: Raw = ABSENT


_decode_event = msgspec.json.Decoder(_Event).decode
_decode_contact = msgspec.json.Decoder(_Contact).decode


class EventDecoder(InstanceDecoder):
    """Decodes the instance's events and a contact's, which have the same form."""

    collection = "events"

    def __init__(self, config: Config, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(config, parameters)
        self._zone = zone_of(config)

    def row(self, raw: Raw) -> InstanceRow:
        event = _decode_event(raw)
        native_time = _first(event.created_on, event.createdAt, event.created_at, event.timestamp)
        own_organization = bytes(event.organizationId) not in (b"", b"null")
        envelope = Envelope(
            id=_first(event.id, event.event_id, event.underscore_id),
            provider="app_market",
            type=_first(event.event_type, event.type) or None,
            createdAt=utc(native_time, self._zone),
            organizationId=UNSET if own_organization else self.config["provider"]["instance_id"],
            contactId=_first(event.contact_id, event.contactId) or None,
        )
        content = event.content or event.properties or None
        return InstanceRow(
            raw, envelope, _own_fields(event, own_organization), native_time, content, event.createdBy or None
        )


def _own_fields(event: _Event, own_organization: bool) -> Sequence[str]:
    """The envelope's fields that the event has itself."""
    names = [name for name in ("id", "type", "createdAt", "contactId") if getattr(event, name) is not UNSET]
    names += [name for name in ("provider", "organizationId") if getattr(event, name)]
    return [name for name in names if name != "organizationId" or not own_organization]


class ContactDecoder(InstanceDecoder):
    """Decodes the list of contacts."""

    collection = "contacts"

    def __init__(self, config: Config, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(config, parameters)
        self._zone = zone_of(config)

    def row(self, raw: Raw) -> InstanceRow:
        contact = _decode_contact(raw)
        own_id = _first(contact.id, contact.contact_id, contact.underscore_id)
        identity = Identity(
            id=own_id or _first(contact.email),
            provider="app_market",
            organizationId=self.config["provider"]["instance_id"],
        )
        native = ["id"] if contact.id is not UNSET else []
        native += [name for name in ("provider", "organizationId") if getattr(contact, name)]
        listed = Contact(own_id, self._created_at(contact)) if own_id else None
        return InstanceRow(raw, identity, native, content=raw, contact=listed)

    def _created_at(self, contact: _Contact) -> str | None:
        try:
            return normalize_time(utc(_first(contact.created_on, contact.createdAt, contact.created_at), self._zone))
        except UnreadableTime:
            return None


def _first(*values: Any) -> str:
    """The first value that says something, as text; else an empty text."""
    return next((str(value) for value in values if value is not None and value is not UNSET and value != ""), "")


# --- times

LOCAL = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?", re.ASCII)
EPOCH = re.compile(r"\d+(\.\d+)?", re.ASCII)
FIRST_MILLISECONDS = 100_000_000_000
"""From this number on a Unix timestamp is in milliseconds: 3 March 1973. In seconds it would be the year 5138."""


def utc(native: str, zone: ZoneInfo) -> str:
    """A native time with its offset, ready to be normalised.

    It may be a time without an offset, as `2018-08-22T16:47:10.0549203`, which is in the zone; a time with one; or a
    Unix timestamp, of which the magnitude says whether it is in seconds or in milliseconds. Anything else stays as it
    is, and is reported with its record as a time that cannot be read.
    """
    try:
        if LOCAL.fullmatch(native):
            return local_time(native, zone)
        if EPOCH.fullmatch(native):
            return _from_epoch(native)
    except (ValueError, OverflowError):
        pass
    return native


def _from_epoch(native: str) -> str:
    whole, _, digits = native.partition(".")
    milliseconds = int(whole) >= FIRST_MILLISECONDS
    seconds, rest = divmod(int(whole), 1000) if milliseconds else (int(whole), 0)
    fraction = (f"{rest:03d}" if milliseconds else "") + digits
    moment = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    return moment.isoformat() + (f".{fraction[:6]}" if fraction else "") + "Z"


def zone_of(config: Config) -> ZoneInfo:
    """The configured time zone.

    :raises AirbyteTracedException: a `config_error`, if there is no such zone
    """
    try:
        return ZoneInfo(config["provider"]["time_zone"])
    except (ValueError, OSError, LookupError):
        message = "`provider.time_zone` is not a time zone that exists; it must be a name like Europe/Amsterdam or UTC."
        raise AirbyteTracedException(
            message=message, internal_message=message, failure_type=FailureType.config_error
        ) from None


# --- pages


@dataclass
class Progress:
    """What has been read of one slice, by the one thread that reads it.

    `announced` is the total of the first answer, `total` that of the last; `beginnings` counts how often the slice has
    been begun anew.
    """

    received: int = 0
    announced: int | None = None
    total: int | None = None
    beginnings: int = 0
    pages: set[int] = field(default_factory=set)
    occurrences: Counter[int] = field(default_factory=Counter)

    def goes_on(self, draft: Draft, limit: int) -> bool:
        """Take note of a page; false if it is the first one again, and that was everything.

        Equal rows of which the API announces more may fill several pages: they are events without an id.

        :raises AirbyteTracedException: if a page comes again without being everything
        """
        contents = [bytes(row.raw) for row in draft.rows]
        fingerprint, rows = hash(tuple(contents)), len(contents)
        missing = (draft.answer.announced or 0) > self.received
        if fingerprint not in self.pages or (missing and _are_twins(draft.rows, contents)):
            if not self.pages:
                self.announced = draft.answer.announced
            self.pages.add(fingerprint)
            self.received += rows
            return True
        if len(self.pages) == 1 and rows < limit and not missing:
            return False
        message = (
            f"The API sends the same rows again after {self.received} rows: it ignores `offset`. "
            f"Choose a window_size so short that fewer than {rows} events fall into each window."
        )
        raise AirbyteTracedException(message=message, internal_message=message, failure_type=FailureType.system_error)

    def identify(self, row: InstanceRow) -> None:
        """Give a row without an id one; equal rows of a slice are numbered, whichever pages they are on."""
        envelope = row.envelope
        if envelope.id:
            return
        event = envelope if isinstance(envelope, Envelope) else None
        contact, kind = (event.contactId, event.type or None) if event else (None, None)

        def numbered(occurrence: int) -> str:
            return synthetic_id(contact, kind, row.time, row.content, row.created_by, occurrence)

        first = numbered(0)
        # A number of 64 bits in place of the text: a slice may have a million rows.
        occurrence = self.occurrences[hash(first)]
        self.occurrences[hash(first)] += 1
        envelope.id = numbered(occurrence) if occurrence else first


def _are_twins(rows: Sequence[Row[Any]], contents: Sequence[bytes]) -> bool:
    """Whether all rows of a page are equal, several, and without an id."""
    return len(rows) > 1 and len(set(contents)) == 1 and not rows[0].envelope.id


def progress_of(stream_slice: StreamSlice | None) -> Progress:
    """The progress of a slice. It is kept in the slice, the only thing that filter and pagination both see."""
    progress: Progress = _fields(stream_slice).setdefault("progress", Progress())
    return progress


def forget_progress(stream_slice: StreamSlice | None) -> None:
    """Let go of what has been noted of a slice that is read to its end."""
    _fields(stream_slice).pop("progress", None)


def _fields(stream_slice: StreamSlice | None) -> dict[str, Any]:
    assert stream_slice is not None
    fields = stream_slice.extra_fields
    assert isinstance(fields, dict)
    return fields


@dataclass
class OffsetPagination(PaginationStrategy):
    """Asks on behind the rows that came, until an answer has none.

    A page shorter than `limit` says nothing, because the largest page that the API gives is not known. Where a total is
    announced and changes, rows have moved between the pages: the slice is begun anew, which gives rows without an id
    the same ids again.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    @property
    def initial_token(self) -> str:
        return "0"

    def get_page_size(self) -> None:
        return None

    def next_page_token(
        self,
        response: requests.Response,
        last_page_size: int,
        last_record: Record | None,
        last_page_token_value: Any | None,
        page_size_override: int | None = None,
        stream_slice: StreamSlice | None = None,
    ) -> str | None:
        progress = progress_of(stream_slice)
        totals = connection_of(self.config).totals
        page = page_of(last_record.data) if last_record else None
        before, progress.total = progress.total, announced_by(response)
        rows = page.received if page else 0
        if progress.beginnings < MOST_BEGINNINGS and growth(
            before, progress.total, end=progress.received, rows=rows, pages=len(progress.pages)
        ):
            forget_progress(stream_slice)
            progress_of(stream_slice).beginnings = progress.beginnings + 1
            return self.initial_token
        if last_record is None:
            announced = progress.announced if progress.pages else progress.total
            if counts(stream_slice):
                totals.finish(stream_of(response), progress.received, announced)
            forget_progress(stream_slice)
            return None
        first = len(progress.pages) == 1 and not progress.beginnings
        if page and first and progress.announced and counts(stream_slice):
            totals.begin(stream_of(response), progress.announced * page.count // progress.received)
        return str(progress.received)


class PageFollower:
    """The part of a filter that follows the pages of a slice."""

    config: Config
    _told = False

    def followed(
        self, records: Iterable[Mapping[str, Any]], stream_slice: StreamSlice | None
    ) -> Iterator[tuple[Draft, Progress]]:
        """The pages that have not been there before; that the API repeats the only page is said once."""
        progress = progress_of(stream_slice)
        for record in records:
            draft: Draft = record[PAGE]
            if progress.goes_on(draft, self.config["page_size"] or PAGE_SIZE):
                yield draft, progress
            elif not self._told:
                self._told = True
                logger.warning(
                    "The API ignores `offset`. Answers with fewer rows than were asked for are taken as complete."
                )


@dataclass
class InstanceEventFilter(PageFollower, EventFilter):
    """The events of the slice, of the wanted types and, where a contact was asked for, of no other contact.

    The API may ignore the contact as well as the times. An event that names no contact belongs to the one that was
    asked for, unless the answer shows that the API has ignored it.
    """

    _strays_told = False

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: StreamState,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> Iterable[Mapping[str, Any]]:
        assert stream_slice is not None
        contact = stream_slice.partition.get("contactId")
        drafts = []
        for draft, progress in self.followed(records, stream_slice):
            self._tell_strays(draft, stream_slice)
            rows = len(draft.rows)
            drafts.append(self._identified(draft, progress, contact))
            others = rows - len(draft.rows)
            connection_of(self.config).totals.receive(draft.stream, others, {"of other contacts": others})
        yield from super().filter_records(
            [{PAGE: draft} for draft in drafts], stream_state, stream_slice, next_page_token
        )

    def _tell_strays(self, draft: Draft, stream_slice: StreamSlice) -> None:
        """Say once that the API sends what it was not asked for: a wrong time zone would lose events in silence."""
        if self._strays_told:
            return
        margin = timedelta(seconds=2 if self.config["provider"]["time_zone"] == "UTC" else 14_402)
        first, last = earlier(stream_slice["start_time"], margin), earlier(stream_slice["end_time"], -margin)
        local = [row for row in draft.rows if isinstance(row, InstanceRow) and LOCAL.fullmatch(row.time)]
        times = [row.envelope.createdAt for row in local if isinstance(row.envelope, Envelope)]
        if any(time and not first[:19] <= time[:19] <= last[:19] for time in times):
            self._strays_told = True
            logger.warning(
                "The API sends events from outside the time range that it was asked for, and they are left out. "
                "Either it ignores the range, or `provider.time_zone` is not the zone of its times."
            )

    @staticmethod
    def _identified(draft: Draft, progress: Progress, contact: str | None) -> Draft:
        if contact is not None:
            draft.rows = _rows_of(contact, draft.rows)
        for row in draft.rows:
            assert isinstance(row, InstanceRow)
            progress.identify(row)
        return draft


def _rows_of(contact: str, rows: list[Event]) -> list[Event]:
    events = [(row, row.envelope) for row in rows if isinstance(row.envelope, Envelope)]
    named = {event.contactId.casefold() for _, event in events if event.contactId}
    if named <= {contact.casefold()}:
        for _, event in events:
            event.contactId = event.contactId or contact
    return [row for row, event in events if event.contactId and event.contactId.casefold() == contact.casefold()]


# --- contacts


@dataclass
class ContactFilter(PageFollower, EntityFilter):
    """All contacts; beside each page those that have an id of their own, and whether all have."""

    def filter_records(
        self,
        records: Iterable[Mapping[str, Any]],
        stream_state: StreamState,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
    ) -> Iterable[Mapping[str, Any]]:
        for draft, progress in self.followed(records, stream_slice):
            rows = [row for row in draft.rows if isinstance(row, InstanceRow)]
            for row in rows:
                progress.identify(row)
            if counts(stream_slice):
                connection_of(self.config).totals.receive(draft.stream, len(rows))
            yield {PAGE: finish(draft), "contacts": [row.contact for row in rows]}


@dataclass
class ListedContactRetriever(FeedContactRetriever):
    """Knows the contacts from the contact list.

    A contact without an id cannot be asked for. Where the list has such, the contacts that occur in the instance's
    events are read as well.
    """

    contacts: Retriever

    def list_contacts(self, start: str, end: str) -> Iterator[Contact]:
        without_id = 0
        for record in self.contacts.read_records({}, uncounted({})):
            if isinstance(record, Record) and (page := page_of(record.data)):
                page.take()
                listed = record.data["contacts"]
                yield from filter(None, listed)
                without_id += listed.count(None)
        if without_id:
            logger.info(f"The contact list has {without_id} contacts without an id; the events tell the others.")
            yield from super().list_contacts(start, end)

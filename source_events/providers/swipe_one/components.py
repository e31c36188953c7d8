"""Swipe One: its answers, its contact list, and the reading of a contact's events, which have no id of their own."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from itertools import count, pairwise
from typing import Any

import msgspec
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.extractors.record_filter import RecordFilter
from airbyte_cdk.sources.declarative.requesters.requester import Requester
from airbyte_cdk.sources.declarative.retrievers.retriever import Retriever
from airbyte_cdk.sources.types import Config, Record, StreamSlice
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.components.contacts import Contact, ContactRetriever, uncounted
from source_events.components.decoder import AnswerDecoder, raise_refusal_of, rows_of, token_of
from source_events.components.selection import OUTSIDE
from source_events.records.ids import synthetic_id
from source_events.records.page import (
    PAGE,
    Answer,
    Draft,
    Entity,
    Envelope,
    Event,
    Identity,
    Row,
    normalize_times,
    page_of,
    splice,
)
from source_events.records.times import UnreadableTime, normalize_time
from source_events.transport.connection import connection_of

PROVIDER = "swipe_one"
ABSENT = Raw(b"")
ROWS_AT_ONCE = 500
"""Events that are handed over in one piece; a contact may have any number."""


@dataclass
class KeyAuthenticator(DeclarativeAuthenticator):
    """The key as it is: the CDK's own authenticator would send `1e5` as `100000.0`."""

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    @property
    def auth_header(self) -> str:
        return "x-api-key"

    @property
    def token(self) -> str:
        key: str = self.config["provider"]["api_key"]
        return key


class _Answer(Struct):
    """`status` is `success`, or `fail` with a message, also in an answer with the status 200."""

    status: Any = None
    message: Any = None
    data: Raw = ABSENT


class _Contacts(Struct):
    contacts: list[Raw] | None
    searchAfter: str | int | bool | None = None
    count: Any = None


class _Events(Struct):
    """`count` is read as the total of all pages; the documentation does not say so."""

    events: list[Raw] | None
    count: Any = None


class _Contact(Struct):
    key: str = msgspec.field(name="_id")
    id: Raw = ABSENT
    provider: Raw = ABSENT
    organizationId: Raw = ABSENT


class _ListedContact(Struct):
    id: str
    createdAt: Any = None


class _Event(Struct):
    """The published example has `timestamp`, answers seen in the wild have `createdAt` instead."""

    type: str | UnsetType | None = UNSET
    timestamp: str | None = None
    createdAt: str | UnsetType | None = UNSET
    contactId: str | UnsetType | None = UNSET
    workspaceId: str | None = None
    properties: Raw = ABSENT
    createdBy: Raw = ABSENT
    id: Raw = ABSENT
    provider: Raw = ABSENT
    organizationId: Raw = ABSENT


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode_contacts = msgspec.json.Decoder(_Contacts).decode
_decode_events = msgspec.json.Decoder(_Events).decode
_decode_contact = msgspec.json.Decoder(_Contact).decode
_decode_listed = msgspec.json.Decoder(_ListedContact).decode_lines
_decode_event = msgspec.json.Decoder(_Event).decode


def _data(body: bytes) -> Raw:
    answer = _decode_answer(body)
    raise_refusal_of(answer.status, answer.message)
    if not answer.data:
        raise msgspec.ValidationError("Object missing required field `data`")
    return answer.data


def _total(value: Any) -> int | None:
    return value if type(value) is int else None


class ContactDecoder(AnswerDecoder):
    """Decodes the contact list: `searchAfter` leads to the next page, a contact's id is its `_id`."""

    def decode_body(self, body: bytes) -> Answer:
        data = _decode_contacts(_data(body))
        announced = _total(data.count)
        return Answer(rows=rows_of(data.contacts, announced), token=token_of(data.searchAfter), announced=announced)

    def row(self, raw: Raw) -> Entity:
        contact = _decode_contact(raw)
        if not contact.key:
            raise msgspec.ValidationError("Object missing required field `_id`")
        identity = Identity(PROVIDER, self.config["provider"]["workspace_id"], contact.key)
        own = {"id": contact.id, "provider": contact.provider, "organizationId": contact.organizationId}
        return Row(raw, identity, [name for name, value in own.items() if value is not ABSENT])


class EventRow(Event, gc=False):
    """An event whose id is yet to be given, with what the id depends on beside the envelope."""

    properties: Raw | None = None
    created_by: Raw | None = None


class EventDecoder(AnswerDecoder):
    """Decodes a page of a contact's events."""

    def decode_body(self, body: bytes) -> Answer:
        data = _decode_events(_data(body))
        announced = _total(data.count)
        return Answer(rows=rows_of(data.events, announced), announced=announced)

    def row(self, raw: Raw) -> EventRow:
        event = _decode_event(raw)
        time = event.timestamp or event.createdAt
        if not time:
            raise msgspec.ValidationError("it has neither `timestamp` nor `createdAt`")
        envelope = Envelope(
            id="",
            provider=PROVIDER,
            type=event.type or None,
            createdAt=time,
            organizationId=event.workspaceId or self.config["provider"]["workspace_id"],
            contactId=event.contactId or None,
        )
        return EventRow(raw, envelope, _own_fields(event), event.properties, event.createdBy)


def _own_fields(event: _Event) -> Sequence[str]:
    """The envelope's fields that the event has itself."""
    raws = {"id": event.id, "provider": event.provider, "organizationId": event.organizationId}
    values = {"type": event.type, "createdAt": event.createdAt, "contactId": event.contactId}
    return [
        *(name for name, raw in raws.items() if raw is not ABSENT),
        *(name for name, value in values.items() if value is not UNSET),
    ]


@dataclass
class ListedContactRetriever(ContactRetriever):
    """Knows the contacts from the workspace's contact list: there is no feed of all events."""

    contacts: Retriever

    def list_contacts(self, start: str, end: str) -> Iterator[Contact]:
        for record in self.contacts.read_records({}, uncounted({})):
            page = page_of(record.data) if isinstance(record, Record) else None
            if page:
                yield from (Contact(contact.id, _created(contact)) for contact in _decode_listed(splice(page.take())))


def _created(contact: _ListedContact) -> str | None:
    try:
        return normalize_time(contact.createdAt)
    except (UnreadableTime, TypeError):
        return None


@dataclass(slots=True)
class EventPage:
    """A page of a contact's events, with a hash of each and the total that was announced with them."""

    rows: list[EventRow]
    announced: int | None
    hashes: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.hashes = [hash(bytes(row.raw)) for row in self.rows]


@dataclass
class Reading:
    """The pages of one contact from the first one on, and how they fit together.

    Events that arrive while pages are read push later ones to the next page, where they come a second time. They must
    not be taken for twins, which are different events that are alike.

    `announced` is the total, if all of the contact's events have been read.
    """

    pages: list[EventPage] = field(default_factory=list)
    announced: int | None = None

    @property
    def received(self) -> int:
        return sum(len(page.rows) for page in self.pages)

    @property
    def hashes(self) -> list[int]:
        return [value for page in self.pages for value in page.hashes]

    @property
    def counted(self) -> bool:
        """Whether the announced totals can be believed."""
        announced = [page.announced for page in self.pages]
        return None not in announced and (announced[-1] or 0) >= self.received

    @property
    def moved(self) -> bool:
        """Whether events came or went meanwhile; without totals, whether a page begins within the one before."""
        if len(self.pages) < 2:
            return False
        if self.counted:
            return len({page.announced for page in self.pages}) > 1
        return any(page.hashes[0] in before.hashes for before, page in pairwise(self.pages))

    def repeats(self) -> bool:
        """Whether the last page is an earlier one again, and neither new events nor twins explain it.

        Newest first, pages can only be alike by twins if all their events have the same time.
        """
        if len(self.pages) < 2:
            return False
        page = self.pages[-1]
        if all((page.hashes, page.announced) != (before.hashes, before.announced) for before in self.pages[:-1]):
            return False
        times = {row.envelope.createdAt for row in page.rows}
        return len(times) > 1 or self.received > (page.announced or 0)

    def rows(self) -> list[EventRow]:
        return [row for page in self.pages for row in page.rows]

    def rows_without_overlap(self) -> list[EventRow]:
        """The rows without those at the start of a page that the pages before have ended with.

        Where totals are announced, they can be no more than the total has grown by.
        """
        rows, hashes = list(self.pages[0].rows), list(self.pages[0].hashes)
        for before, page in pairwise(self.pages):
            grown = (page.announced or 0) - (before.announced or 0) if self.counted else len(page.rows)
            repeated = overlap(hashes, page.hashes, grown)
            rows += page.rows[repeated:]
            hashes += page.hashes[repeated:]
        return rows


def overlap(before: Sequence[int], page: Sequence[int], most: int) -> int:
    """How many of a page's first items are the last ones before it, pushed on by at most so many new ones."""
    for pushed in range(min(most, len(before)), 0, -1):
        first = len(before) - pushed
        if before[first : first + len(page)] == page[:pushed]:
            return min(pushed, len(page))
    return 0


def identify(rows: Iterable[EventRow]) -> None:
    """Give each event its id. `rows` are all events of a contact that can be twins of each other."""
    seen: Counter[str] = Counter()
    for row in rows:
        event = row.envelope
        event.id = first = _id_of(row, 0)
        if seen[first]:
            event.id = _id_of(row, seen[first])
        seen[first] += 1


def _id_of(row: EventRow, occurrence: int) -> str:
    event = row.envelope
    return synthetic_id(
        event.contactId, event.type or None, event.createdAt, row.properties, row.created_by, occurrence
    )


@dataclass
class EventRetriever(Retriever):
    """Reads a contact's events, newest first, until a page has none, or none that is young enough.

    The API cannot filter by time. Its announced total ends nothing, and neither does a short page: a server may keep
    to a lower limit than was asked for. The events get their ids when all pages are together, because twins may be on
    different pages. A contact whose events move while they are read is read again, once.
    """

    name: str
    config: Config
    parameters: InitVar[Mapping[str, Any]]
    requester: Requester
    decoder: AnswerDecoder
    record_filter: RecordFilter

    def read_records(
        self, records_schema: Mapping[str, Any], stream_slice: StreamSlice | None = None
    ) -> Iterable[Record]:
        assert stream_slice is not None
        start = stream_slice["start_time"][:19]
        found = self._rows(stream_slice)
        rows = [row for row in found if (row.envelope.createdAt or "")[:19] >= start]
        older = len(found) - len(rows)
        del found
        connection_of(self.config).totals.receive(self.name, older, {OUTSIDE: older})
        # Twins have the same time: they are all among these, or none of them is.
        identify(rows)
        while rows:
            draft = self._draft(rows[-ROWS_AT_ONCE:])
            del rows[-ROWS_AT_ONCE:]
            for data in self.record_filter.filter_records([{PAGE: draft}], {}, stream_slice):
                yield Record(data, self.name, stream_slice)

    def _draft(self, rows: list[EventRow]) -> Draft:
        reservation = connection_of(self.config).memory.reserve_for(rows)
        return Draft(Answer([], reservation=reservation), rows, self.name)

    def _rows(self, stream_slice: StreamSlice) -> list[EventRow]:
        reading = self._read(stream_slice)
        if not reading.moved:
            return self._counted(reading.rows(), reading, received=reading.received)
        hashes = reading.hashes
        reading = self._read(stream_slice)
        # What is the same twice has not moved: pages that seem to overlap begin with a twin.
        moved = reading.moved and reading.hashes != hashes
        rows = reading.rows_without_overlap() if moved else reading.rows()
        return self._counted(rows, reading, received=len(hashes) + reading.received)

    def _counted(self, rows: list[EventRow], reading: Reading, received: int) -> list[EventRow]:
        """The rows of a contact that is read to its end; those among them that become records are received later."""
        totals = connection_of(self.config).totals
        totals.receive(self.name, received - len(rows))
        totals.finish(self.name, len(rows), reading.announced)
        return rows

    def _read(self, stream_slice: StreamSlice) -> Reading:
        reading = Reading()
        start = stream_slice["start_time"][:19]
        for number in count(1):
            page = self._page(stream_slice, number, reading.received)
            if page is None or not page.rows:
                break
            reading.pages.append(page)
            if reading.repeats():
                reading.pages.pop()
                # A server may answer the last page for any number beyond it.
                if reading.received == page.announced:
                    break
                raise self._repeated(stream_slice)
            if all((row.envelope.createdAt or "")[:19] < start for row in page.rows):
                return reading
        if page is not None:
            reading.announced = reading.pages[-1].announced if reading.pages else page.announced
        return reading

    def _page(self, stream_slice: StreamSlice, number: int, before: int) -> EventPage | None:
        """A page, or nothing if the contact has disappeared."""
        response = self.requester.send_request(stream_slice=stream_slice, request_params={"page": number})
        if response is None or not response.ok:
            return None
        answer = self.decoder.answer(response)
        # A contact is held until all of it is there; it must not keep others from coming to their end.
        answer.reservation = None
        contact = stream_slice["contactId"]
        rows = [self._row(raw, contact, position) for position, raw in enumerate(answer.rows, start=before + 1)]
        try:
            normalize_times([row.envelope for row in rows])
        except UnreadableTime as error:
            raise self._unreadable(contact, error.record_id, f"its time is {error.time[:100]!r}") from error
        return EventPage(rows, answer.announced)

    def _row(self, raw: Raw, contact: str, position: int) -> EventRow:
        try:
            row = self.decoder.row(raw)
        except msgspec.DecodeError as error:
            raise self._unreadable(contact, str(position), str(error)) from error
        assert isinstance(row, EventRow)
        row.envelope.id = str(position)
        row.envelope.contactId = row.envelope.contactId or contact
        return row

    def _unreadable(self, contact: str, position: str, reason: str) -> AirbyteTracedException:
        message = f"Event {position} of contact {contact}, newest first, cannot be read for {self.name}: {reason}."
        return AirbyteTracedException(message=message, internal_message=message, failure_type=FailureType.system_error)

    @staticmethod
    def _repeated(stream_slice: StreamSlice) -> AirbyteTracedException:
        message = f"The API repeats a page of the events of contact {stream_slice['contactId']} instead of going on."
        return AirbyteTracedException(
            message=f"{message} Try again later.", internal_message=message, failure_type=FailureType.transient_error
        )

"""From the rows of an answer to finished record bytes, without decoding the records.

A page keeps every row as the bytes that the API sent. Only the handful of fields that the common envelope needs are
decoded, and the envelope is spliced into those bytes. Nothing of the native record is decoded and encoded again, so
nothing of it can change on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.records.times import UnreadableTime, normalize_time

ENVELOPE_FIELDS = ("id", "provider", "type", "createdAt", "organizationId", "contactId")
PAGE = "page"
"""The key under which a page travels through the CDK, as the data of a single record."""


class Envelope(Struct, gc=False):
    """The fields that every event record has in common; `UNSET` leaves the native field of that name as it is."""

    id: str
    provider: str
    type: str | UnsetType | None
    createdAt: str | None
    organizationId: str | UnsetType = UNSET
    contactId: str | None = None


class Identity(Struct, gc=False):
    """What is added to a record that is no event, as a contact or an event type."""

    provider: str
    organizationId: str
    id: str | UnsetType = UNSET


@dataclass(slots=True)
class Answer:
    """An answer of the API, decoded as far as paging needs it.

    `rows` are the records' own bytes, `token` leads to the next page, `announced` is the total that the API claims,
    `reservation` holds the memory that the answer takes, for as long as somebody refers to it.
    """

    rows: list[Raw]
    token: str | None = None
    announced: int | None = None
    reservation: object = None


AnEnvelope = TypeVar("AnEnvelope", bound=Envelope | Identity)


class Row(Struct, Generic[AnEnvelope], gc=False):
    """A row and its envelope. `native` names the envelope's fields that the row has itself and that must give way."""

    raw: Raw
    envelope: AnEnvelope
    native: Sequence[str] = ()


Event = Row[Envelope]
Entity = Row[Identity]


@dataclass(slots=True)
class Draft:
    """The rows of one answer for a stream, before those that nobody asked for are left out."""

    answer: Answer
    rows: list[Any]
    stream: str = ""

    def discard(self) -> None:
        """Let go of the body, which the extractor would otherwise keep until the next page is asked for."""
        self.rows = []
        self.answer.rows = []
        self.answer.reservation = None


@dataclass(slots=True)
class Page:
    """The records of one answer, on their way to the output.

    `rows` are the records, as yet apart from their envelopes, `count` is their number, `latest` the highest `createdAt`
    and `contacts` the contacts that occur in them. `received` counts the rows of the answer before any was left out,
    `kept` those that were not; `fingerprint` is equal for answers with equal rows.
    """

    rows: Sequence[Row[Any]]
    count: int
    latest: str | None
    contacts: frozenset[str]
    fingerprint: int
    received: int
    announced: int | None
    token: str | None
    reservation: object = None
    kept: int = 0

    def take(self) -> Sequence[Row[Any]]:
        """The records, which leave the page: paging may hold on to it for as long as the next answer takes."""
        rows, self.rows, self.reservation = self.rows, (), None
        return rows


_encoder = msgspec.json.Encoder()
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode

Keep = Callable[[list[Event]], list[Event]]
Expand = Callable[[Sequence[Event]], Sequence[Row[Any]]]


def finish(
    draft: Draft, keep: Keep | None = None, expand: Expand | None = None, *, contacts_only: bool = False
) -> Page:
    """Make a page of the rows that `keep` chooses (without it, of all rows), and discard the draft.

    `expand` puts other rows in the place of those that are kept, for records that are parts of an event. With
    `contacts_only` the page has the contacts of the events that are kept, and no records.

    :raises UnreadableTime: with the id of the record whose `createdAt` is not a time
    """
    rows = draft.rows
    dated = bool(rows) and isinstance(rows[0].envelope, Envelope)
    if dated:
        normalize_times([row.envelope for row in rows])
    kept = keep(rows) if keep and dated else rows
    records: Sequence[Row[Any]] = () if contacts_only else expand(kept) if expand else kept
    times = [time for row in kept if (time := row.envelope.createdAt)] if dated else []
    page = Page(
        rows=records,
        count=len(records),
        latest=max(times, default=None),
        contacts=frozenset(contact for row in kept if contacts_only and (contact := row.envelope.contactId)),
        fingerprint=_fingerprint(rows),
        received=len(rows),
        announced=draft.answer.announced,
        token=draft.answer.token,
        reservation=draft.answer.reservation,
        kept=len(kept),
    )
    draft.discard()
    return page


def joined(pages: Sequence[Page]) -> Page:
    """The records of several pages as those of one; paging is behind them, and so are their reservations."""
    return Page(
        rows=[row for page in pages for row in page.rows],
        count=sum(page.count for page in pages),
        latest=max((page.latest for page in pages if page.latest), default=None),
        contacts=frozenset(),
        fingerprint=0,
        received=sum(page.received for page in pages),
        announced=None,
        token=None,
        kept=sum(page.kept for page in pages),
    )


def _fingerprint(rows: Sequence[Row[Any]]) -> int:
    """Equal for equal rows. Two pages that share the sampled ids, first and last among them, are the same page."""
    sample = [*rows[:: len(rows) // SAMPLE + 1], *rows[-1:]]
    return hash(
        (len(rows), *(row.envelope.id if isinstance(row.envelope, Envelope) else bytes(row.raw) for row in sample))
    )


SAMPLE = 200


def splice(rows: Iterable[Row[Any]], head: bytes = b"", tail: bytes = b"\n") -> bytearray:
    """For each row `head`, its bytes with the envelope's fields at their end, and `tail`.

    A field that the row has itself would then stand there twice: the names in `native` are taken out first, with all
    other values kept byte for byte.
    """
    lines = bytearray()
    encode_into = _encoder.encode_into
    for row in rows:
        lines += head
        lines += without_fields(row.native, row.raw) if row.native else row.raw
        closing_brace = len(lines) - 1
        encode_into(row.envelope, lines, closing_brace)
        if lines[closing_brace - 1] == OPENING_BRACE:
            del lines[closing_brace]
        else:
            lines[closing_brace] = COMMA
        lines += tail
    return lines


def without_fields(names: Sequence[str], raw: Raw) -> bytes:
    """The object without the fields of these names."""
    return _encoder.encode({name: value for name, value in _decode_fields(raw).items() if name not in names})


COMMA, OPENING_BRACE = b",{"


def normalize_times(envelopes: Sequence[Envelope]) -> None:
    """Bring `createdAt` of each envelope that has one to the notation of `normalize_time`.

    A page whose times are all in it is seen at a glance; only others are looked at one by one.

    :raises UnreadableTime: with the record's id
    """
    dated = [envelope for envelope in envelopes if envelope.createdAt is not None]
    if are_normal([envelope.createdAt for envelope in dated]):
        return
    for envelope in dated:
        try:
            envelope.createdAt = normalize_time(envelope.createdAt or "")
        except UnreadableTime as error:
            raise UnreadableTime(envelope.createdAt or "", envelope.id) from error


def are_normal(times: Sequence[Any]) -> bool:
    """Whether all are times in the notation of `normalize_time` and of equal length."""
    lengths = set(map(len, times))
    if len(lengths) != 1 or not lengths <= NORMAL_LENGTHS:
        return not times
    [length] = lengths
    joined, count = "".join(times), len(times)
    if joined[10::length] != "T" * count or joined[length - 1 :: length] != "Z" * count:
        return False
    try:
        msgspec.convert(times, list[datetime])
    except msgspec.ValidationError:
        return False
    return True


NORMAL_LENGTHS = frozenset((len("2024-01-01T00:00:00Z"), *range(len("2024-01-01T00:00:00.0Z"), 28)))


def page_of(data: Mapping[str, Any]) -> Page | None:
    """The page that a record's data carries, if it carries one."""
    page = data.get(PAGE)
    return page if isinstance(page, Page) else None

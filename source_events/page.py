"""From the rows of an answer to finished record bytes, without a Python object for each record.

A page keeps every row as the bytes that the API sent. Only the handful of fields that the common envelope needs are
decoded, and the envelope is spliced into those bytes. Nothing of the native record is decoded and encoded again, so
nothing of it can change on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.times import UnreadableTime, normalize_time

ENVELOPE_FIELDS = ("id", "provider", "type", "createdAt", "organizationId", "contactId")
PAGE = "page"
"""The key under which a page travels through the CDK, as the data of a single record."""


class Envelope(Struct):
    """The fields that every event record has in common; `UNSET` leaves the native field of that name as it is."""

    id: str
    provider: str
    type: str | UnsetType | None
    createdAt: str | None
    organizationId: str | UnsetType = UNSET
    contactId: str | None = None


class Identity(Struct):
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


@dataclass(slots=True)
class Row:
    """A row and its envelope. `native` names the envelope's fields that the row has itself and that must give way."""

    raw: Raw
    envelope: Envelope | Identity
    native: Sequence[str] = ()


@dataclass(slots=True)
class Draft:
    """The rows of one answer, before those that nobody asked for are left out."""

    answer: Answer
    rows: list[Row]

    def discard(self) -> None:
        """Let go of the body, which the extractor would otherwise keep until the next page is asked for."""
        self.rows = []
        self.answer.rows = []
        self.answer.reservation = None


@dataclass(slots=True)
class Page:
    """Finished records of one answer, on their way to the output.

    `lines` has the records, each on a line of its own, `count` their number, `latest` the highest `createdAt` and
    `contacts` the contacts that occur in them. `received` counts the rows of the answer before any was left out, `kept`
    those that were not; `fingerprint` is equal for answers with equal rows.
    """

    lines: bytearray
    count: int
    latest: str | None
    contacts: frozenset[str]
    fingerprint: int
    received: int
    announced: int | None
    token: str | None
    reservation: object = None
    kept: int = 0

    def take(self) -> bytearray:
        """The lines, which leave the page: paging may hold on to it for as long as the next answer takes."""
        lines, self.lines, self.reservation = self.lines, bytearray(), None
        return lines


_encoder = msgspec.json.Encoder()
_decode_fields = msgspec.json.Decoder(dict[str, Raw]).decode


def finish(
    draft: Draft,
    keep: Callable[[Envelope], bool] | None = None,
    expand: Callable[[Sequence[Row]], Sequence[Row]] | None = None,
) -> Page:
    """Splice the envelopes of the rows that `keep` accepts (without it, of all rows), and discard the draft.

    `expand` puts other rows in the place of those that are kept, for records that are parts of an event.

    :raises UnreadableTime: with the id of the record whose `createdAt` is not a time
    """
    normalize_times(row.envelope for row in draft.rows if isinstance(row.envelope, Envelope))
    kept = [row for row in draft.rows if keep is None or not isinstance(row.envelope, Envelope) or keep(row.envelope)]
    events = [row.envelope for row in kept if isinstance(row.envelope, Envelope)]
    records = expand(kept) if expand else kept
    lines = bytearray()
    for row in records:
        splice(row, lines)
    page = Page(
        lines=lines,
        count=len(records),
        latest=max((event.createdAt for event in events if event.createdAt), default=None),
        contacts=frozenset(event.contactId for event in events if event.contactId),
        fingerprint=hash(tuple(_key(row) for row in draft.rows)),
        received=len(draft.rows),
        announced=draft.answer.announced,
        token=draft.answer.token,
        reservation=draft.answer.reservation,
        kept=len(kept),
    )
    draft.discard()
    return page


def _key(row: Row) -> str | bytes:
    return row.envelope.id if isinstance(row.envelope, Envelope) else bytes(row.raw)


def splice(row: Row, lines: bytearray) -> None:
    """Append a line with the row's bytes, and the envelope's fields at their end.

    A field that the row has itself would then stand there twice: the names in `native` are taken out first, with all
    other values kept byte for byte.
    """
    lines += _without(row.native, row.raw) if row.native else memoryview(row.raw)
    closing_brace = len(lines) - 1
    _encoder.encode_into(row.envelope, lines, closing_brace)
    if lines[closing_brace - 1] == OPENING_BRACE:
        del lines[closing_brace]
    else:
        lines[closing_brace] = COMMA
    lines += b"\n"


def _without(names: Sequence[str], raw: Raw) -> bytes:
    return _encoder.encode({name: value for name, value in _decode_fields(raw).items() if name not in names})


COMMA, OPENING_BRACE = b",{"


def normalize_times(envelopes: Iterable[Envelope]) -> None:
    """Bring `createdAt` of each envelope that has one to the notation of `normalize_time`.

    One call checks a whole page; only times in another notation are looked at one by one.

    :raises UnreadableTime: with the record's id
    """
    dated = [envelope for envelope in envelopes if envelope.createdAt is not None]
    try:
        msgspec.convert([envelope.createdAt for envelope in dated], list[datetime])
        readable = True
    except msgspec.ValidationError:
        readable = False
    for envelope in dated:
        time = envelope.createdAt or ""
        if readable and len(time) == 20 and time[19] == "Z" and time[10] == "T":
            continue
        try:
            envelope.createdAt = normalize_time(time)
        except UnreadableTime as error:
            raise UnreadableTime(time, envelope.id) from error


def page_of(data: Mapping[str, Any]) -> Page | None:
    """The page that a record's data carries, if it carries one."""
    page = data.get(PAGE)
    return page if isinstance(page, Page) else None

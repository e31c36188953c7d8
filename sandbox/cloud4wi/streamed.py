"""Events that are made when they are asked for: as many as one likes, in no memory.

An event's position is its number in the order of `createdAt`, and everything about it follows from that: its time, its
contact, the last eight hexadecimal digits of its id before the letter, and which of the templates it is made from. The
templates are generated events; what differs between two events of one template is the id, the contact and the times in
`when`. The times within `visit` are the template's.

A client's result is known by its numbers alone, so nobody has to hold the ids: see `number_of`.
"""

from array import array
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sandbox.cloud4wi.feed import Row, Selection
from sandbox.cloud4wi.generator import contact_id, generate, utc_offset
from sandbox.cloud4wi.times import SECOND, format_time, parse_time
from sandbox.histogram import DAY, day_of
from sandbox.provider import InvalidControlRequest, Options

# A prime, so that a contact's events are not all of one template.
TEMPLATES = 997
DIGITS = 8
MOST_EVENTS = 16**DIGITS


class Template(NamedTuple):
    """A generated event in pieces: what stands before, between and behind the contact, the number and the times."""

    type: str
    timezone: str
    id_prefix: bytes
    suffix: bytes
    pieces: tuple[bytes, bytes, bytes, bytes]


class StreamedFeed:
    """The same questions as a `Feed`, answered by computing. Nothing can be added to it.

    A selection is a `range`; only one by types, or sorted by local time, is held as numbers, four bytes each.
    """

    def __init__(self, options: Options) -> None:
        self._first, self._last = parse_time(options.start) // SECOND, parse_time(options.end) // SECOND
        self._events = options.streamed
        if not 0 < self._events <= MOST_EVENTS or options.contacts < 1 or self._first > self._last:
            raise ValueError(
                f"streamed events must be 1 to {MOST_EVENTS}, contacts at least 1, and start not after end"
            )
        self._span = self._last - self._first + 1
        self._contacts = [contact_id(number).encode() for number in range(options.contacts)]
        self._numbers = {contact.decode(): number for number, contact in enumerate(self._contacts)}
        rows = generate(TEMPLATES, options.contacts, options.seed, options.start, options.end)
        self._templates = [_template(row) for row in rows]

    def __len__(self) -> int:
        return self._events

    def plus(self, rows: Iterable[Row]) -> "StreamedFeed":
        raise InvalidControlRequest("nothing can be added to streamed events; start the sandbox without --streamed")

    def without(self, ids: Container[str]) -> "StreamedFeed":
        raise InvalidControlRequest("nothing can be deleted from streamed events; start the sandbox without --streamed")

    def time_range(self) -> tuple[int, int] | None:
        return self._created(0) * SECOND, self._created(self._events - 1) * SECOND

    def by_day(self) -> Mapping[date, int]:
        first, last = self._created(0) // DAY, self._created(self._events - 1) // DAY
        counts = {day: self._position((day + 1) * DAY) - self._position(day * DAY) for day in range(first, last + 1)}
        return {day_of(day * DAY): count for day, count in counts.items() if count}

    def contacts(self) -> set[str]:
        return set(self._numbers)

    def has_contact(self, contact: str) -> bool:
        return contact in self._numbers

    def ids_of(self, contact: str | None) -> Sequence[str]:
        positions: Iterable[int] = range(self._events) if contact is None else self._own(contact)
        return [self._id(position) for position in positions]

    def select(self, selection: Selection, contact: str | None = None) -> Sequence[int]:
        """The positions of the selected events, in the requested order."""
        start, end = selection.created
        first, last = self._position(-(-start // SECOND)), self._position(end // SECOND + 1)
        positions: Sequence[int] = range(first, last)
        if contact is not None:
            own, people = self._own(contact), len(self._contacts)
            earlier = -(-max(first - own.start, 0) // people)
            positions = range(own.start + earlier * people, min(last, own.stop), people)
        if selection.types is not None:
            wanted = [template.type in selection.types for template in self._templates]
            positions = array("I", (position for position in positions if wanted[position % TEMPLATES]))
        if selection.by_business_time:
            positions = array("I", sorted(positions, key=self._created_local))
        return positions[::-1] if selection.reverse else positions

    def rendered(self, positions: Iterable[int]) -> list[bytes]:
        """The JSON texts of the events at these positions."""
        templates, contacts = self._templates, self._contacts
        first, span, events, people = self._first, self._span, self._events, len(contacts)
        rows = []
        for position in positions:
            _, timezone, prefix, suffix, pieces = templates[position % TEMPLATES]
            created = first + position * span // events
            local = created + utc_offset(timezone, created)
            rows.append(
                b"%b%b%b%b%08x%b%b%b%b%b%b"
                % (
                    pieces[0],
                    contacts[position % people],
                    pieces[1],
                    prefix,
                    position,
                    suffix,
                    pieces[2],
                    format_time(created).encode(),
                    b'","createdAtLocal":"',
                    format_time(local).encode(),
                    pieces[3],
                )
            )
        return rows

    def _id(self, position: int) -> str:
        template = self._templates[position % TEMPLATES]
        return f"{template.id_prefix.decode()}{position:08x}{template.suffix.decode()}"

    def _own(self, contact: str) -> range:
        number = self._numbers.get(contact)
        return range(0) if number is None else range(number, self._events, len(self._contacts))

    def _created(self, position: int) -> int:
        return self._first + position * self._span // self._events

    def _created_local(self, position: int) -> int:
        created = self._created(position)
        return created + utc_offset(self._templates[position % TEMPLATES].timezone, created)

    def _position(self, second: int) -> int:
        """The first position whose time is not before this second."""
        return min(max(-(-(second - self._first) * self._events // self._span), 0), self._events)


def number_of(event_id: str) -> int:
    """The position of a streamed event."""
    return int(event_id[-DIGITS - 1 : -1], 16)


def _template(row: Row) -> Template:
    text, created = row.text, format_time(row.created // SECOND).encode()
    local = format_time(row.created_local // SECOND).encode()
    before, contact, rest = text.partition(b'"%b"' % row.contact.encode())
    between, event_id, rest = rest.partition(row.id.encode())
    until_time, when, behind = rest.partition(b'"when":{"createdAt":"%b","createdAtLocal":"%b' % (created, local))
    if not (contact and event_id and when):
        raise ValueError(f"a generated event is not of the expected form: {text!r}")
    return Template(
        type=row.type,
        timezone=behind.partition(b'"timezone":"')[2].partition(b'"')[0].decode(),
        id_prefix=event_id[: -DIGITS - 1],
        suffix=event_id[-1:],
        pieces=(before + b'"', b'"' + between, until_time + b'"when":{"createdAt":"', behind),
    )

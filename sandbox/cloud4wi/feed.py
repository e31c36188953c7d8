"""The organisation's events, rendered once and indexed by time and contact."""

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from sandbox.cloud4wi.times import SECOND, parse_time
from sandbox.histogram import count_by_day


class Row(NamedTuple):
    """One event: its JSON text and what requests select and sort by (times in microseconds)."""

    text: bytes
    id: str
    type: str
    contact: str
    created: int
    created_local: int


class Selection(NamedTuple):
    """What a request asks for. `created` is inclusive at both ends."""

    created: tuple[int, int]
    types: Container[str] | None
    by_business_time: bool
    reverse: bool


class Feed:
    """An immutable snapshot, sorted by `createdAt`; a running scroll keeps its own."""

    def __init__(self, rows: Iterable[Row] = (), earlier: "Feed | None" = None) -> None:
        texts, ids, types, contacts, created, created_local = tuple(zip(*rows, strict=True)) or ((),) * len(Row._fields)
        if earlier is not None:
            texts = (*earlier.texts, *texts)
            ids = (*earlier.ids, *ids)
            types = (*earlier._types, *types)
            contacts = (*earlier._contacts, *contacts)
            created = (*earlier._created, *created)
            created_local = (*earlier._created_local, *created_local)
        order = sorted(range(len(created)), key=created.__getitem__)
        self.texts: list[bytes] = [texts[position] for position in order]
        self.ids: list[str] = [ids[position] for position in order]
        self._types: list[str] = [types[position] for position in order]
        self._contacts: list[str] = [contacts[position] for position in order]
        self._created: array[int] = array("q", (created[position] for position in order))
        self._created_local: array[int] = array("q", (created_local[position] for position in order))
        self.by_contact: Mapping[str, Sequence[int]] = _positions(self._contacts)

    def __len__(self) -> int:
        return len(self.texts)

    def plus(self, rows: Iterable[Row]) -> "Feed":
        """A new snapshot with further events; their ids must be new."""
        added = list(rows)
        ids = [row.id for row in added]
        repeated = set(ids) & set(self.ids)
        if repeated or len(set(ids)) < len(ids):
            raise ValueError(f"event ids must be new and unique; {sorted(repeated)[:10] or 'some of these'} are not")
        return Feed(added, earlier=self)

    def without(self, ids: Container[str]) -> "Feed":
        """A new snapshot that lacks the events with these ids."""
        rows = zip(self.texts, self.ids, self._types, self._contacts, self._created, self._created_local, strict=True)
        return Feed(row for row in map(Row._make, rows) if row.id not in ids)

    def contacts(self) -> set[str]:
        return set(self.by_contact)

    def has_contact(self, contact: str) -> bool:
        return contact in self.by_contact

    def ids_of(self, contact: str | None) -> Sequence[str]:
        if contact is None:
            return self.ids
        return [self.ids[position] for position in self.by_contact.get(contact, ())]

    def rendered(self, positions: Iterable[int]) -> list[bytes]:
        """The JSON texts of the events at these positions."""
        texts = self.texts
        return [texts[position] for position in positions]

    def time_range(self) -> tuple[int, int] | None:
        return (self._created[0], self._created[-1]) if self.texts else None

    def by_day(self) -> Mapping[date, int]:
        return count_by_day(created // SECOND for created in self._created)

    def select(self, selection: Selection, contact: str | None = None) -> Sequence[int]:
        """The positions of the selected events, in the requested order."""
        first = bisect_left(self._created, selection.created[0])
        last = bisect_right(self._created, selection.created[1])
        positions: Sequence[int] = range(first, last)
        if contact is not None:
            own = self.by_contact.get(contact, ())
            positions = own[bisect_left(own, first) : bisect_left(own, last)]
        if selection.types is not None:
            types, wanted = self._types, selection.types
            positions = [position for position in positions if types[position] in wanted]
        if selection.by_business_time:
            positions = sorted(positions, key=self._created_local.__getitem__)
        return positions[::-1] if selection.reverse else positions


def _positions(contacts: Sequence[str]) -> Mapping[str, Sequence[int]]:
    positions: dict[str, array[int]] = {}
    for position, contact in enumerate(contacts):
        if contact not in positions:
            positions[contact] = array("I")
        positions[contact].append(position)
    return positions


def row_from(item: Mapping[str, Any], unreadable_at: int | None = None) -> Row:
    """Render an event given as an object.

    An event whose `createdAt` cannot be read is filed under `unreadable_at`: the only way to get such events served.
    """
    event, when = item.get("event"), item.get("when")
    if not isinstance(event, Mapping) or not isinstance(when, Mapping):
        raise ValueError("an event needs the objects `event` and `when`")
    created = _time(when.get("createdAt"), unreadable_at)
    return Row(
        text=json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode(),
        id=_text(event, "id"),
        type=_text(event, "type"),
        contact=_text(item, "customerId"),
        created=created,
        created_local=_time(when.get("createdAtLocal"), created),
    )


def _text(item: Mapping[str, Any], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"an event needs a text {name!r}")
    return value


def _time(value: object, otherwise: int | None) -> int:
    try:
        return parse_time(str(value), fraction=True)
    except ValueError:
        if otherwise is None:
            raise
        return otherwise

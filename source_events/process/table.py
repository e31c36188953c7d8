"""A table of records for a terminal: the fields of the envelope, then as many others as there is room for."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Raw
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.table import Table as Drawing
from rich.text import Text

from source_events.records.rows import fields_of
from source_events.records.times import to_the_second

LEADING = {"createdAt": 20, "type": 14, "contactId": 14, "id": 14}
"""The fields of the envelope in the order in which they are shown, and how wide they are at first."""
COMMON = ("provider", "organizationId")
"""Those that are no columns as long as all records have the same."""
WIDE, NARROW, GAP = 20, 8, 2
"""How wide other fields are at first, the least that is worth showing of a value, and the space between two columns."""
MOST_OF_A_VALUE = 200
"""Characters: no terminal shows more of one."""


@dataclass(frozen=True)
class Column:
    name: str
    texts: tuple[str, ...]

    @property
    def width(self) -> int:
        return max(map(cell_len, (self.name, *self.texts)))


class Table:
    """Records, each a JSON object; where they have a time, the newest come first."""

    def __init__(self, lines: Iterable[bytes]) -> None:
        rows = [fields_of(line) for line in lines]
        rows.sort(key=lambda row: text_of(row.get("createdAt")), reverse=True)
        names = dict.fromkeys([*LEADING, *COMMON, *(name for row in rows for name in row)])
        columns = (Column(name, tuple(_cell(name, row.get(name)) for row in rows)) for name in names)
        self._columns = [column for column in columns if any(column.texts)]
        self._times = [time for row in rows if (time := text_of(row.get("createdAt")))]
        self._count = len(rows)

    def show(self, stream: str, system: str) -> None:
        """Print it to standard output, in colours if that is a terminal."""
        console = Console(file=sys.stdout, highlight=False)
        common = {
            each.name: each.texts[0] for each in self._columns if each.name in COMMON and len(set(each.texts)) == 1
        }
        records = f"{self._count} record{'' if self._count == 1 else 's'}"
        console.print(Text(f"{records} of {stream}, {printable(system)}", "bold"))
        if self._times:
            first, last = to_the_second(min(self._times)), to_the_second(max(self._times))
            console.print(Text(f"createdAt {first}{'' if last == first else f' to {last}'}"))
        if "organizationId" in common:
            console.print(Text(f"organizationId {common['organizationId']}"))
        console.print()
        others = [column for column in self._columns if column.name not in common]
        shown = fitting(others, console.width)
        console.print(_drawing(shown))
        hidden = ", ".join(printable(column.name) for column in others if column not in shown)
        if hidden:
            console.print(Text(f"\nNot shown: {hidden}. --json shows whole records.", "dim"))


def fitting(columns: Sequence[Column], room: int) -> dict[Column, int]:
    """The columns that there is room for, with their widths; those that say what one before them does are left out."""
    shown: dict[Column, int] = {}
    for column in columns:
        if any(column.texts == before.texts for before in shown):
            continue
        width = min(column.width, LEADING.get(column.name, WIDE), room)
        if width >= min(column.width, NARROW):
            shown[column] = width
            room -= width + GAP
    room += GAP
    for column in sorted(shown, key=lambda each: each.name in LEADING):
        more = min(column.width - shown[column], max(room, 0))
        shown[column] += more
        room -= more
    return shown


def _drawing(columns: Mapping[Column, int]) -> Drawing:
    drawing = Drawing(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, GAP - 1, 0, 0), header_style="bold")
    for column, width in columns.items():
        drawing.add_column(Text(shortened(printable(column.name), width)), width=width, no_wrap=True)
    for texts in zip(*(column.texts for column in columns), strict=True):
        drawing.add_row(*(Text(shortened(text, width)) for text, width in zip(texts, columns.values(), strict=True)))
    return drawing


def _cell(name: str, value: Raw | None) -> str:
    text = printable(" ".join(text_of(value).split()))
    return to_the_second(text) if name == "createdAt" and text else text


def text_of(value: Raw | None) -> str:
    """A text as it is, nothing for null, and anything else as its JSON."""
    text = bytes(value or b"null").decode(errors="replace")
    if text.startswith('"'):
        return msgspec.json.decode(text, type=str)
    return "" if text == "null" else text


def printable(text: str) -> str:
    """The text without what a terminal would take for a command."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text[:MOST_OF_A_VALUE])


def shortened(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"

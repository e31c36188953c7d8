"""Whether a program's output holds exactly the expected events, each of them once."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from sandbox.cloud4wi.streamed import number_of

GZIP = b"\x1f\x8b"


class Incomplete(RuntimeError):
    """Events are missing, repeated or unknown."""


class _Row(Struct):
    id: str


class _AirbyteRecord(Struct):
    data: _Row


class _AirbyteMessage(Struct):
    type: str
    record: _AirbyteRecord | None = None


class _SingerMessage(Struct):
    type: str
    record: _Row | None = None


def airbyte(output: Path) -> Iterator[str]:
    decode = msgspec.json.Decoder(_AirbyteMessage).decode
    with output.open("rb") as file:
        yield from (message.record.data.id for message in map(decode, file) if message.record)


def singer(output: Path) -> Iterator[str]:
    decode = msgspec.json.Decoder(_SingerMessage).decode
    with output.open("rb") as file:
        yield from (message.record.id for message in map(decode, file) if message.record)


def dlt(folder: Path) -> Iterator[str]:
    """The rows of the table `org_events` in dlt's files; the extracted ones hold a list of rows a line, packed."""
    decode = msgspec.json.Decoder(_Row | list[_Row]).decode
    for path in sorted(folder.rglob("*org_events*jsonl*")):
        with path.open("rb") as file:
            packed = file.read(2) == GZIP
        with gzip.open(path) if packed else path.open("rb") as file:
            for found in map(decode, file):
                yield from (row.id for row in (found if isinstance(found, list) else [found]))


READERS: dict[str, Callable[[Path], Iterator[str]]] = {"airbyte": airbyte, "singer": singer, "dlt": dlt}


def check_number(expected: int, output: Path) -> None:
    """
    :raises Incomplete: if an output of Airbyte's form has not so many records, each with an id of its own
    """
    ids = list(airbyte(output))
    if len(ids) != expected or len(set(ids)) != expected:
        raise Incomplete(f"{len(ids)} records with {len(set(ids))} ids were read; there are {expected}.")


def check_numbers(ids: Iterable[str], expected: Sequence[int]) -> None:
    """Compare streamed events by their numbers, one byte each.

    :raises Incomplete: if an expected event is missing or repeated, or an unexpected one is there
    """
    seen = bytearray(max(expected, default=-1) + 1)
    read = 0
    for event_id in ids:
        number = number_of(event_id)
        if number >= len(seen) or seen[number]:
            raise Incomplete(f"{event_id} was read twice, or not asked for.")
        seen[number] = 1
        read += 1
    missing = sum(1 for number in expected if not seen[number])
    if missing or read != len(expected):
        raise Incomplete(f"{read} records were read; {missing} of the {len(expected)} expected ones are missing.")

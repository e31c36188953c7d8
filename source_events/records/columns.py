"""From rows to Arrow's record batches: a column for each top-level field that a stream's schema declares.

Nothing is rejected and nothing is lost: a value that is not of its column's type is null there, and stands in
`unknownFields` under its name.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import UNSET, Meta, Raw
from msgspec.structs import astuple

from source_events.records.rows import ENVELOPE_FIELDS, UNKNOWN_FIELDS, Row, fields_of

ROWS = 2000
"""Rows that are decoded at a time, and that a batch has at most."""
FIRST_MOMENT = -62_135_596_800_000_000
"""The begin of the year 1 in microseconds: Python, pandas and most databases have no earlier time."""
MOST_EXACT = 2**53
"""From there on, numbers cannot hold each integer."""
NULL = Raw(b"null")
SEPARATOR, MISSING = "\x1f", "\x1e"
"""What no text is likely to hold."""

Values = Sequence[Any]
Misfits = defaultdict[int, dict[str, Raw]]
"""By the place of a row in its batch, the values that are not of their columns' types."""


def _texts(values: Values) -> pa.Array:
    """Texts and nulls as an array. `pa.array` would import pandas first, which takes more memory than all pages do."""
    missing = values.count(None)
    texts = _split(SEPARATOR.join([MISSING if value is None else value for value in values] if missing else values))
    if missing:
        nulls = pc.equal(texts, NOTHING)
        texts = pc.if_else(nulls, NO_TEXT, texts) if pc.sum(nulls).as_py() == missing else None
    return texts if texts is not None and len(texts) == len(values) else pa.array(values, pa.string())


def _split(joined: str | bytes, separator: str = SEPARATOR) -> pa.Array:
    return pc.split_pattern(_array(joined), separator).values


def _array(*values: str | bytes | None) -> pa.Array:
    builder = pa.lib.StringBuilder()
    builder.append_values(values)
    return builder.finish()


NOTHING, NULL_TEXT, NO_TEXT = _array(MISSING, "null", None)


def _text(values: Values, type: pa.DataType) -> pa.Array:
    return _texts(values)


def _boolean(values: Values, type: pa.DataType) -> pa.Array:
    return _texts([*map(BOOLEANS.get, values)]).cast(type)


BOOLEANS = {True: "true", False: "false"}


def _integer(values: Values, type: pa.DataType) -> pa.Array:
    return _texts([None if value is None else str(value) for value in values]).cast(type)


def _number(values: Values, type: pa.DataType) -> pa.Array:
    if any(isinstance(value, int) and abs(value) > MOST_EXACT for value in values):
        raise pa.ArrowInvalid("an integer that would be rounded")
    return _texts([None if value is None else repr(value) for value in values]).cast(type)


def _moments(values: Values, type: pa.DataType) -> pa.Array:
    moments = _texts(values).cast(type)
    earliest = pc.min(moments)
    if earliest.is_valid and earliest.value < FIRST_MOMENT:
        raise pa.ArrowInvalid("a time before the year 1")
    return moments


def _json(values: Values, type: pa.DataType) -> pa.Array:
    """JSON texts, none of which has a line break, as of no row."""
    if values.count(NULL) == len(values):
        return pa.nulls(len(values), type)
    # In one piece: a Python object for each value takes more than twice the time.
    texts = _split(b"\n".join(values), "\n")
    nulls = pc.equal(texts, NULL_TEXT)
    if pc.any(nulls).as_py():
        texts = pc.if_else(nulls, NO_TEXT, texts)
    return texts if type == pa.string() else pa.ExtensionArray.from_storage(type, texts)


@dataclass(frozen=True)
class Kind:
    """How the values of a column are decoded, and made an array of its type; `absent` is decoded of nothing.

    :raises pyarrow.ArrowInvalid: by `array`, if a value is not of the type
    """

    type: pa.DataType
    decoded: Any
    array: Callable[[Values, pa.DataType], pa.Array]
    absent: Any = None


TEXT = Kind(pa.string(), str | None, _text)
BOOLEAN = Kind(pa.bool_(), bool | None, _boolean)
INTEGER = Kind(pa.int64(), Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None, _integer)
NUMBER = Kind(pa.float64(), int | float | None, _number)
MOMENT = Kind(pa.timestamp("us", "UTC"), str | None, _moments)
LOCAL_MOMENT = Kind(pa.timestamp("us"), str | None, _moments)
JSON = Kind(pa.json_(), Raw, _json, NULL)
PLAIN_JSON = Kind(pa.string(), Raw, _json, NULL)

KINDS = {"string": TEXT, "boolean": BOOLEAN, "integer": INTEGER, "number": NUMBER}
TIMES = {"timestamp_with_timezone": MOMENT, "timestamp_without_timezone": LOCAL_MOMENT}


class Columns:
    """The columns of a stream: those of the envelope, the others in the order of the schema, and `unknownFields`.

    `json_schema` is the stream's. Objects, arrays and fields of several types are JSON as `arrow.json`, or as plain
    text with `plain_json`, for consumers that do not know that type. With `only` there are these columns in this order,
    and the others are not even decoded, unless `unknownFields` is among them, which has what does not fit the others.
    Safe for threads.
    """

    def __init__(
        self, json_schema: Mapping[str, Any], *, plain_json: bool = False, only: Sequence[str] | None = None
    ) -> None:
        properties: Mapping[str, Mapping[str, Any]] = json_schema["properties"]
        json_kind = PLAIN_JSON if plain_json else JSON
        envelope = [name for name in ENVELOPE_FIELDS if name in properties]
        names = [*envelope, *(name for name in properties if name not in {*envelope, UNKNOWN_FIELDS})]
        self._declared = frozenset(names)
        if only is not None and UNKNOWN_FIELDS not in only:
            names = [name for name in names if name in only]
        self._kinds = {name: _kind(properties[name], json_kind) for name in names}
        self._unknown = json_kind
        types = {name: kind.type for name, kind in self._kinds.items()} | {UNKNOWN_FIELDS: json_kind.type}
        self.schema = pa.schema([(name, types[name]) for name in (types if only is None else only)])
        places = {name: f"field_{place}" for place, name in enumerate(names)}
        self._fields = msgspec.defstruct(
            "Fields",
            [
                (place, self._kinds[name].decoded, msgspec.field(name=name, default=self._kinds[name].absent))
                for name, place in places.items()
            ],
            gc=False,
        )
        self._decode = msgspec.json.Decoder(self._fields).decode
        self._decode_value = {name: msgspec.json.Decoder(kind.decoded).decode for name, kind in self._kinds.items()}

    def batches(self, rows: Sequence[Row[Any]]) -> Iterator[pa.RecordBatch]:
        """Batches of at most `ROWS` rows."""
        for start in range(0, len(rows), ROWS):
            yield self.batch(rows[start : start + ROWS])

    def batch(self, rows: Sequence[Row[Any]]) -> pa.RecordBatch:
        """The rows, of which there must be one at least and all with envelopes of one class, as one batch."""
        envelopes = [row.envelope for row in rows]
        misfits: Misfits = defaultdict(dict)
        values: dict[str, Values] = dict(zip(self._kinds, self._native(rows, misfits), strict=True))
        added = dict(zip(envelopes[0].__struct_fields__, zip(*map(astuple, envelopes), strict=True), strict=True))
        unknown = added.pop(UNKNOWN_FIELDS)
        for name, given in added.items():
            if name in values:
                values[name] = _over(given, values[name])
            elif name not in self._declared:
                _set_apart(name, given, misfits)
        arrays = {name: self._array(name, kind, values[name], misfits) for name, kind in self._kinds.items()}
        if UNKNOWN_FIELDS in self.schema.names:
            arrays[UNKNOWN_FIELDS] = _json(_unknown(unknown, misfits), self._unknown.type)
        return pa.RecordBatch.from_arrays([arrays[name] for name in self.schema.names], schema=self.schema)

    def _native(self, rows: Sequence[Row[Any]], misfits: Misfits) -> Iterator[Values]:
        """The values of the rows' own fields, field by field."""
        try:
            fields = [self._decode(row.raw) for row in rows]
        except (msgspec.DecodeError, ValueError):
            fields = [self._decode_alone(row, place, misfits) for place, row in enumerate(rows)]
        return zip(*map(astuple, fields), strict=True)

    def _decode_alone(self, row: Row[Any], place: int, misfits: Misfits) -> Any:
        try:
            return self._decode(row.raw)
        except (msgspec.DecodeError, ValueError):
            fields = {name: value for name, value in fields_of(row.raw).items() if name not in row.native}
            values = [self._value(name, fields, place, misfits) for name in self._kinds]
            return self._fields(*values)

    def _value(self, name: str, fields: Mapping[str, Raw], place: int, misfits: Misfits) -> Any:
        if name not in fields:
            return self._kinds[name].absent
        try:
            return self._decode_value[name](fields[name])
        except (msgspec.DecodeError, ValueError):
            misfits[place][name] = fields[name]
            return None

    def _array(self, name: str, kind: Kind, values: Values, misfits: Misfits) -> pa.Array:
        try:
            return kind.array(values, kind.type)
        except pa.ArrowInvalid:
            return pa.concat_arrays(list(_fitting(name, kind, values, 0, misfits)))


def _kind(property: Mapping[str, Any], json_kind: Kind) -> Kind:
    declared = property.get("type", ())
    types = {declared} if isinstance(declared, str) else {*declared} - {"null"}
    if types == {"string"} and property.get("airbyte_type") in TIMES:
        return TIMES[property["airbyte_type"]]
    return KINDS.get(types.pop(), json_kind) if len(types) == 1 else json_kind


def _over(envelope: Values, native: Values) -> Values:
    """The envelope's values of a field, and the row's own where it leaves them."""
    if UNSET not in envelope:
        return envelope
    return [own if given is UNSET else given for given, own in zip(envelope, native, strict=True)]


def _set_apart(name: str, values: Values, misfits: Misfits) -> None:
    """Fields of the envelope that have no column."""
    for place, value in enumerate(values):
        if value is not UNSET:
            misfits[place][name] = Raw(encode(value))


def _fitting(name: str, kind: Kind, values: Values, place: int, misfits: Misfits) -> Iterator[pa.Array]:
    """Arrays of all values that are of the type, and null for the others, which are searched by halves."""
    try:
        yield kind.array(values, kind.type)
    except pa.ArrowInvalid:
        if len(values) == 1:
            misfits[place][name] = Raw(json.dumps(values[0]).encode())
            yield pa.nulls(1, kind.type)
            return
        half = len(values) // 2
        yield from _fitting(name, kind, values[:half], place, misfits)
        yield from _fitting(name, kind, values[half:], place + half, misfits)


def _unknown(unknown: Values, misfits: Misfits) -> Values:
    """For each row the fields that are in no column, as JSON."""
    if not misfits and unknown.count(UNSET) == len(unknown):
        return [NULL] * len(unknown)
    return [
        NULL if fields is UNSET and place not in misfits else encode({**(fields or {}), **misfits.get(place, {})})
        for place, fields in enumerate(unknown)
    ]


encode = msgspec.json.Encoder().encode

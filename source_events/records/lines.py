"""From rows to finished records, without decoding them.

A row keeps the bytes that the API sent, and its envelope is spliced into them. Nothing of the native record is decoded
and encoded again, so nothing of it can change on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw

from source_events.records.rows import UNKNOWN_FIELDS, Row, fields_of

COMMA, OPENING_BRACE = b",{"
_encoder = msgspec.json.Encoder()


def splice(rows: Iterable[Row[Any]], head: bytes = b"", tail: bytes = b"\n") -> bytearray:
    """For each row `head`, its bytes with the envelope's fields at their end, and `tail`.

    A field that the row has itself would then stand there twice: the names in `native` are taken out first, with all
    other values kept byte for byte; a row's own `unknownFields` stands within the envelope's.
    """
    lines = bytearray()
    encode_into = _encoder.encode_into
    for row in rows:
        lines += head
        unknown = row.envelope.unknownFields
        if row.native or (unknown is not UNSET and UNKNOWN_FIELDS in unknown):
            lines += without_fields((*row.native, UNKNOWN_FIELDS), row.raw)
        else:
            lines += row.raw
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
    return _encoder.encode({name: value for name, value in fields_of(raw).items() if name not in names})

"""The properties of each type of events: rows that do not say whose they are."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from airbyte_cdk.sources.types import Config
from msgspec import Raw

from source_events.providers.carecloud.answers import NAME, Named, host_of, own_fields, text
from source_events.providers.kit import (
    ABSENT,
    UNKNOWN_FIELDS,
    Entity,
    Identity,
    ListDecoder,
    Row,
    RowFields,
    Selection,
    Slice,
    SliceSelection,
)


class _Property(Named, kw_only=True):
    property_id: str | int
    event_type_id: Raw = ABSENT


class TypeProperty(Identity):
    """What a property gets from the type that it was asked for with."""

    event_type_id: str | None = None


IDENTITY_FIELDS = [name for name in TypeProperty.__struct_fields__ if name != UNKNOWN_FIELDS]


class TypePropertyDecoder(ListDecoder):
    """Decodes properties, whose ids are as yet those of the properties alone."""

    def __init__(self, config: Config, known: Collection[str] | None, rows: str, total: str | None = None) -> None:
        super().__init__(config, known, rows, total=total)
        self._host = host_of(config)
        self._decode_property = RowFields(_Property, known).decode

    def row(self, raw: Raw) -> Entity:
        found, unknown = self._decode_property(raw)
        if not text(found.property_id):
            raise msgspec.ValidationError("Object missing required field `property_id`")
        identity = TypeProperty(NAME, self._host, id=str(found.property_id), unknownFields=unknown)
        return Row(raw, identity, own_fields(found, IDENTITY_FIELDS))


class TypePropertySelection(Selection):
    """Puts the type before the id."""

    def begin(self, part: Slice) -> SliceSelection:
        return TypeProperties(self, part)


class TypeProperties(SliceSelection):
    def identify(self, rows: list[Row[Any]]) -> list[Row[Any]]:
        for row in rows:
            row.envelope.event_type_id = self.part.contact
            row.envelope.id = f"{self.part.contact}:{row.envelope.id}"
        return rows

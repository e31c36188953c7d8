"""Rows: the bytes that the API sent, and the few fields that are read of them or added to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import fields

ABSENT = Raw(b"")
"""The value of a field that a row does not have."""
UNKNOWN_FIELDS = "unknownFields"

Unknown = dict[str, Raw] | UnsetType
"""The top-level fields of a row that its stream's schema does not name; `UNSET` where there are none."""


class Envelope(Struct, gc=False):
    """The fields that every event record has in common; `UNSET` leaves the native field of that name as it is."""

    id: str
    provider: str
    type: str | UnsetType | None
    createdAt: str | None
    organizationId: str | UnsetType = UNSET
    contactId: str | None = None
    unknownFields: Unknown = UNSET


ENVELOPE_FIELDS = tuple(name for name in Envelope.__struct_fields__ if name != UNKNOWN_FIELDS)


class Identity(Struct, gc=False):
    """What is added to a record that is no event, as a contact or an event type."""

    provider: str
    organizationId: str
    id: str | UnsetType = UNSET
    unknownFields: Unknown = UNSET


AnEnvelope = TypeVar("AnEnvelope", bound=Envelope | Identity)


class Row(Struct, Generic[AnEnvelope], gc=False):
    """A row and its envelope. `native` names the envelope's fields that the row has itself and that must give way."""

    raw: Raw
    envelope: AnEnvelope
    native: Sequence[str] = ()


class EntityRow(Row[Identity], gc=False):
    """A contact and the like, with the times in UTC of its creation and its last change, if they are known.

    Until `active_until` it may have been active, as far as its list says.
    """

    created_at: str | None = None
    changed_at: str | None = None
    active_until: str | None = None


Event = Row[Envelope]
Entity = Row[Identity]

Needed = TypeVar("Needed", bound=Struct)


class RowFields(Generic[Needed]):
    """Decodes what is needed of a row, and finds the fields that the stream's schema does not name.

    `needed` declares what is decoded, `known` are the top-level fields of the schema. A row that has no others is
    decoded once, and pays nothing for the question. Without `known` nobody asks it.
    """

    def __init__(self, needed: type[Needed], known: Collection[str] | None) -> None:
        declared = {field.encode_name for field in fields(needed)}
        others = [name for name in known or () if name not in declared]
        strict = msgspec.defstruct(
            needed.__name__,
            [(f"other_{place}", Raw, msgspec.field(name=name, default=ABSENT)) for place, name in enumerate(others)],
            bases=(needed,),
            forbid_unknown_fields=known is not None,
            gc=False,
        )
        self._known = frozenset(known or ())
        self._unnamed = [
            (field.name, field.default)
            for field in fields(needed)
            if known is not None and field.encode_name not in self._known
        ]
        self._decode: Any = msgspec.json.Decoder(strict).decode
        self._decode_leniently = msgspec.json.Decoder(needed).decode

    def decode(self, raw: Raw) -> tuple[Needed, Unknown]:
        """
        :raises msgspec.DecodeError: if a needed field is missing or not of its type
        """
        try:
            needed: Needed = self._decode(raw)
            if not self._unnamed or all(getattr(needed, name) == default for name, default in self._unnamed):
                return needed, UNSET
        except msgspec.ValidationError:
            needed = self._decode_leniently(raw)
        return needed, {name: value for name, value in fields_of(raw).items() if name not in self._known} or UNSET


fields_of = msgspec.json.Decoder(dict[str, Raw]).decode
"""The top-level fields of an object, each as its bytes."""


def own(fields: Mapping[str, Any], absent: object = ABSENT) -> list[str]:
    """The names of the fields that a row has itself."""
    return [name for name, value in fields.items() if value is not absent]

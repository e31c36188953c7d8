"""Paths to values within JSON objects, such as `data.events`, and the decoding of nothing but what is at them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from source_events.components.templates import InvalidManifest
from source_events.records.rows import ABSENT


@dataclass(frozen=True)
class Path:
    """Names of fields within each other. What is at a path with a `?` behind it may be missing."""

    text: str
    names: tuple[str, ...]
    optional: bool

    @classmethod
    def of(cls, text: str) -> Path:
        """
        :raises InvalidManifest: if it is no path
        """
        names = tuple(str(text).removesuffix("?").split("."))
        if not all(names) or any(character in str(text) for character in " {}[]/$"):
            raise InvalidManifest(f"`{text}` is no path: names of fields with dots between them, as `data.events`.")
        return cls(str(text).removesuffix("?"), names, str(text).endswith("?"))


@dataclass
class _Field:
    """A field of a struct: a value that is asked for, or an object with some."""

    type: Any = None
    fields: dict[str, _Field] = field(default_factory=dict)
    optional: bool = True


class Paths:
    """A struct that has what is at some paths, and the reading of it.

    `beside` are further fields of the object itself, which may be missing.
    """

    def __init__(self, wanted: Mapping[Path, Any], beside: Mapping[str, Any] | None = None) -> None:
        self._root = _Field()
        for path, kind in wanted.items():
            self._add(path, kind)
        self.names = tuple(self._root.fields)
        """The fields of the object itself that lead to a value."""
        self._attributes: dict[tuple[str, ...], str] = {}
        self.struct = self._struct(self._root, (), beside or {})

    def _add(self, path: Path, kind: Any) -> None:
        place = self._root
        for name in path.names:
            if place.type is not None:
                raise InvalidManifest(f"`{path.text}` leads through a value that another path asks for as a whole.")
            place = place.fields.setdefault(name, _Field())
            place.optional = place.optional and path.optional
        if place.fields:
            raise InvalidManifest(f"`{path.text}` asks for an object as a whole, of which other paths ask for parts.")
        place.type = kind

    def _struct(self, place: _Field, at: tuple[str, ...], beside: Mapping[str, Any]) -> type[Struct]:
        fields: list[tuple[str, Any, Any]] = []
        for number, (name, entry) in enumerate(place.fields.items()):
            attribute = f"field_{number}"
            self._attributes[(*at, name)] = attribute
            kind = entry.type if entry.type is not None else self._struct(entry, (*at, name), {}) | None
            fields.append(_declared(attribute, name, kind, optional=entry.optional))
        for number, (name, kind) in enumerate(beside.items()):
            if name not in place.fields:
                self._attributes[(name,)] = f"beside_{number}"
                fields.append(_declared(f"beside_{number}", name, kind, optional=True))
        return msgspec.defstruct("Wanted", fields, kw_only=True, gc=False)

    def attribute(self, names: tuple[str, ...]) -> str:
        """The attribute of the struct, with dots, where the value at these names is."""
        return ".".join(self._attributes[names[: depth + 1]] for depth in range(len(names)))

    def getter(self, path: Path) -> Callable[[Any], Any]:
        """Reads the value; `None` also where an object on the way to it is null, or may be missing and is."""
        read = attrgetter(self.attribute(path.names))

        def get(struct: Any) -> Any:
            try:
                value = read(struct)
            except AttributeError:
                return None
            return None if value is UNSET else value

        return read if len(path.names) == 1 and not path.optional else get

    def found(self, struct: Any, path: Path) -> Any:
        """The value; `UNSET` if it, or an object on the way to it, is missing, and `None` if that is null."""
        for attribute in self.attribute(path.names).split("."):
            if struct is None or struct is UNSET:
                break
            struct = getattr(struct, attribute)
        return UNSET if struct is ABSENT else struct


def _declared(attribute: str, name: str, kind: Any, *, optional: bool) -> tuple[str, Any, Any]:
    if not optional:
        return attribute, kind, msgspec.field(name=name)
    if kind is Raw:
        return attribute, kind, msgspec.field(name=name, default=ABSENT)
    return attribute, kind | UnsetType, msgspec.field(name=name, default=UNSET)

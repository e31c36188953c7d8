"""What a record and the schema of its stream say about each other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft7Validator

from source_events import providers
from source_events.records.rows import UNKNOWN_FIELDS

Json = Mapping[str, Any]

TEXT_OF = {
    "timestamp_with_timezone": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"),
    "timestamp_without_timezone": re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?"),
}
"""The form of a text that is declared to be a moment, or a time on a clock that somebody must know."""


def contradictions(schema: Json, record: Any) -> set[str]:
    """Where the record is not what the schema says: each as `path: rule`, with `[]` for the members of a list."""
    errors = {
        f"{_path(error.absolute_path)}: {error.validator}" for error in Draft7Validator(schema).iter_errors(record)
    }
    times = {
        f"{path}: {declared['airbyte_type']}"
        for path, declared, value in _values(schema, record, "")
        if isinstance(value, str) and declared.get("airbyte_type") in TEXT_OF
        if not TEXT_OF[declared["airbyte_type"]].fullmatch(value)
    }
    return errors | times


def undeclared(schema: Json, record: Any) -> set[str]:
    """The fields that the schema does not name. An object without any named field is free in form."""
    return {path for path, declared, _ in _values(schema, record, "") if declared is UNKNOWN}


def fields(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """All declared fields at all levels, and the members of lists."""
    for name, field in schema.get("properties", {}).items():
        yield _joined(path, name), field
        yield from fields(field, _joined(path, name))
    if schema.get("items"):
        yield f"{path}[]", schema["items"]
        yield from fields(schema["items"], f"{path}[]")


UNKNOWN: Json = {}


def _values(schema: Json, value: Any, path: str) -> Iterator[tuple[str, Json, Any]]:
    if isinstance(value, Mapping) and schema.get("properties"):
        for name, entry in value.items():
            declared = schema["properties"].get(name, UNKNOWN)
            yield _joined(path, name), declared, entry
            yield from _values(declared, entry, _joined(path, name))
    if isinstance(value, list) and schema.get("items"):
        for entry in value:
            yield from _values(schema["items"], entry, f"{path}[]")


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _path(parts: Any) -> str:
    path = ""
    for part in parts:
        path = f"{path}[]" if isinstance(part, int) else _joined(path, part)
    return path


def names_in(provider: str, schema: str) -> list[str]:
    """The top-level fields that a provider's schema names, as decoders are given them."""
    path = providers.FOLDER / provider / "schemas" / f"{schema}.json"
    return [name for name in json.loads(path.read_text(encoding="utf-8"))["properties"] if name != UNKNOWN_FIELDS]

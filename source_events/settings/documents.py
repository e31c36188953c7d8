"""The files that a command names: JSON documents, read once, with words for what a person has to mend in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import yaml
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

Document = TypeVar("Document")


class InvalidDocument(AirbyteTracedException):
    """A `config_error` that names the file or the stream, and what is wrong with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message=message, internal_message=message, failure_type=FailureType.config_error)


def read_document(
    what: str, path: str, load: Callable[[Any], Document], remedies: Mapping[str, str] = MappingProxyType({})
) -> Document:
    """Read a file that the command names. It may be a pipe, so it is opened once.

    `load` makes the document of the JSON, and fails in words if it cannot. `remedies` say of another that a command
    takes or prints how to make the right one of it, by what it is (see `name_of`).

    :raises InvalidDocument: if it is not there, is no JSON, or is not of the protocol's form
    """

    def invalid(problem: str) -> InvalidDocument:
        return InvalidDocument(f"The {what} file {path} is not valid: {problem}.")

    def another(name: str) -> InvalidDocument:
        return invalid(remedies.get(name, f"it is {name}"))

    try:
        with Path(path).open("rb") as file:
            first = file.readline()
            if message := _message(first):
                raise another(_printed(message, file))
            content = first + file.read()
    except OSError as error:
        raise InvalidDocument(f"The {what} file {path} cannot be read: {error.strerror}.") from None
    if problem := _not_json(content):
        raise invalid(problem)
    document = json.loads(content)
    name = name_of(document)
    if name and name != f"a {what}":
        raise another(name)
    try:
        return load(document)
    except Exception as error:
        raise invalid(_on_one_line(error)) from None


def name_of(document: Any) -> str | None:
    """What it is, if it is one of the documents that a command takes or prints."""
    if (kind := _kind(document)) is not None:
        return MESSAGES[kind][1]
    if isinstance(document, dict):
        if isinstance(document.get("provider"), dict):
            return "a configuration"
        if isinstance(document.get("connectionSpecification"), dict):
            return PRINTED_BY_SPEC
        streams = document.get("streams")
        if isinstance(streams, list):
            described = any(isinstance(entry, dict) and "json_schema" in entry for entry in streams)
            return PRINTED_BY_DISCOVER if described else "a catalogue"
    if isinstance(document, list) and document:
        return "a state" if all(isinstance(entry, dict) and "stream" in entry for entry in document) else None
    return None


PRINTED_BY_SPEC = "what `spec` prints"
PRINTED_BY_DISCOVER = "what `discover` prints"
PRINTED_BY_READ = "what `read` prints"
MESSAGES = {
    "RECORD": ("record", PRINTED_BY_READ),
    "STATE": ("state", PRINTED_BY_READ),
    "CATALOG": ("catalog", PRINTED_BY_DISCOVER),
    "SPEC": ("spec", PRINTED_BY_SPEC),
    "CONNECTION_STATUS": ("connectionStatus", "what `check` prints"),
    "LOG": ("log", "the log of a command"),
    "TRACE": ("trace", "the log of a command"),
}
"""The messages that a command prints: the field beside `type`, and what a document that begins with one is."""


def _kind(document: Any) -> str | None:
    """The type of the message that it is, if it is one."""
    kind = document.get("type") if isinstance(document, dict) else None
    is_message = isinstance(kind, str) and kind in MESSAGES and isinstance(document.get(MESSAGES[kind][0]), dict)
    return kind if is_message else None


def _message(line: bytes) -> dict[str, Any] | None:
    """The message that a line is, if it is one."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return document if _kind(document) else None


def _printed(first: dict[str, Any], lines: Iterable[bytes]) -> str:
    """What has printed these messages: the first that is not of the log tells it."""
    kinds = chain([first["type"]], filter(None, (_kind(_message(line)) for line in lines)))
    return MESSAGES[next((kind for kind in kinds if kind not in ("LOG", "TRACE")), "LOG")][1]


TRAILING_COMMA = re.compile(r",\s*(?=[}\]])")


def _not_json(content: bytes) -> str | None:
    """What a person who wrote the file has to mend, with line and column; nothing, if it is JSON. Quotes no content."""
    try:
        text = content.decode()
        json.loads(text)
    except UnicodeDecodeError:
        return "it is not UTF-8; save it with this encoding"
    except json.JSONDecodeError as error:
        before = text[: error.pos].rstrip().removesuffix(",")
        if not text.strip():
            return "it is empty"
        if text.startswith("\ufeff"):
            return "it begins with a byte order mark; save it as UTF-8 without one"
        if TRAILING_COMMA.match(text, len(before)):
            return f"{_position(text, len(before))}: remove the comma behind the last entry"
        if text[error.pos : error.pos + 1] == "'":
            return f"{_position(text, error.pos)}: use double quotes"
        if text.lstrip()[0] not in "{[" and _is_yaml(text):
            return "it is YAML, but must be JSON"
        return f"{_position(text, error.pos)}: {error.msg}"
    except RecursionError:
        return "it is nested too deeply"
    return None


def _position(text: str, index: int) -> str:
    return f"line {text.count(chr(10), 0, index) + 1}, column {index - text.rfind(chr(10), 0, index)}"


def _is_yaml(text: str) -> bool:
    """Whether it is an object or a list in that notation. A JSON text without braces is one too, but no object."""
    try:
        return isinstance(yaml.safe_load(text), (dict, list))
    except yaml.YAMLError:
        return False


def _on_one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].removesuffix(".") or type(error).__name__

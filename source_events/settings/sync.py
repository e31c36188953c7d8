"""What a sync is asked for, beside its configuration: the catalogue and the state, checked before anything is read."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeVar

import yaml
from airbyte_cdk.models import AirbyteStateMessage, AirbyteStateType, ConfiguredAirbyteCatalog, FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.records.times import UnreadableTime, normalize_time

Document = TypeVar("Document")


class InvalidSync(AirbyteTracedException):
    """A `config_error` that names the file or the stream, and what is wrong with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message=message, internal_message=message, failure_type=FailureType.config_error)


def read_document(what: str, path: str, read: Callable[[str], Document]) -> Document:
    """Read a file that the command names.

    :raises InvalidSync: if it is not there, is no JSON, or is not of the protocol's form
    """
    try:
        return read(path)
    except OSError as error:
        raise InvalidSync(f"The {what} file {path} cannot be read: {error.strerror}.") from None
    except Exception as error:
        content = Path(path).read_bytes()
        problem = _not_json(content) or _no_state_of_a_stream(content) or _on_one_line(error)
        raise InvalidSync(f"The {what} file {path} is not valid: {problem}.") from None


def check_catalog(catalog: ConfiguredAirbyteCatalog, names: Collection[str]) -> None:
    """
    :raises InvalidSync: if the catalogue selects no stream, one that the system does not have, or one twice
    """
    selected = [configured.stream.name for configured in catalog.streams]
    twice = [name for name, number in Counter(selected).items() if number > 1]
    if not selected:
        raise InvalidSync("The catalogue selects no stream.")
    unknown = [name for name in selected if name not in names]
    if unknown:
        raise InvalidSync(f"The catalogue selects `{unknown[0]}`, but the streams are: {', '.join(sorted(names))}.")
    if twice:
        raise InvalidSync(f"The catalogue selects `{twice[0]}` more than once.")


def readable_state(state: list[AirbyteStateMessage] | None) -> list[AirbyteStateMessage]:
    """The state with its times in the notation that the cursors write; a stream without a cursor has none to check.

    :raises InvalidSync: if a stream's cursor is not a time, or the state is not one of streams
    """
    messages = deepcopy(state or [])
    for message in messages:
        if message.stream is None and (message.global_ is not None or message.data):
            raise InvalidSync(
                "The state is not valid: it has an entry that is not of the type STREAM. Reset the connection."
            )
        if message.type is not AirbyteStateType.STREAM or message.stream is None or message.stream.stream_state is None:
            continue
        name, blob = message.stream.stream_descriptor.name, vars(message.stream.stream_state)
        if blob.get("createdAt") is not None:
            blob["createdAt"] = _cursor(name, "createdAt", blob["createdAt"])
        contacts = blob.get("contacts")
        if contacts is not None:
            if not isinstance(contacts, Mapping):
                raise InvalidSync(f"The state of `{name}` is not valid: `contacts` must be an object.")
            blob["contacts"] = {
                contact: _cursor(name, f"contacts.{contact}", time) for contact, time in contacts.items()
            }
    return messages


def _cursor(stream: str, field: str, value: Any) -> str:
    try:
        return normalize_time(value)[:19] + "Z"
    except (UnreadableTime, TypeError):
        raise InvalidSync(
            f"The state of `{stream}` is not valid: `{field}` is {json.dumps(value)}, "
            "but must be a time like 2024-01-01T00:00:00Z. Correct it, or reset the stream."
        ) from None


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
    return None


def _no_state_of_a_stream(content: bytes) -> str | None:
    """Which stream of a list of states has one that is no object; nothing, if it is something else that is wrong."""
    document = json.loads(content)
    for entry in document if isinstance(document, list) else ():
        stream = entry.get("stream") if isinstance(entry, dict) else None
        if isinstance(stream, dict) and not isinstance(stream.get("stream_state"), (dict, type(None))):
            descriptor = stream.get("stream_descriptor")
            name = descriptor.get("name") if isinstance(descriptor, dict) else None
            return f"the state of `{name}` must be an object"
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

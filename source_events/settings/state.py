"""The state: how far each stream has been read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from airbyte_cdk.models import AirbyteMessage, AirbyteStateMessage, AirbyteStateMessageSerializer, AirbyteStateType

from source_events.records.times import UnreadableTime, normalize_time
from source_events.settings.documents import PRINTED_BY_READ, InvalidDocument, read_document

COLLECT = (
    "it is what `read` prints; a state is a list of what the last STATE message of each stream has as `state`, and "
    "examples/docker/last_state.py makes it: python last_state.py messages.jsonl state.json"
)
CURSORS = ("createdAt", "changed_at", "none_skipped_until")


def read_state(path: str | None) -> list[AirbyteStateMessage]:
    """The state of a file; an empty one without a file.

    :raises InvalidDocument: if it cannot be read, or is no state
    """
    return read_document("state", path, _load, {PRINTED_BY_READ: COLLECT}) if path else []


def _load(document: Any) -> list[AirbyteStateMessage]:
    if not document:
        return []
    if not isinstance(document, list):
        raise ValueError('it must be a list, as [{"type": "STREAM", "stream": {...}}]')
    return [_entry(entry) for entry in document]


def _entry(entry: Any) -> AirbyteStateMessage:
    if not isinstance(entry, dict) or not (entry.get("stream") or entry.get("data") or entry.get("global")):
        raise ValueError('an entry of it is not of the form {"type": "STREAM", "stream": {...}}')
    stream = entry.get("stream")
    if isinstance(stream, dict) and not isinstance(stream.get("stream_state"), (dict, type(None))):
        descriptor = stream.get("stream_descriptor")
        name = descriptor.get("name") if isinstance(descriptor, dict) else None
        raise ValueError(f"the state of `{name}` must be an object")
    message: AirbyteStateMessage = AirbyteStateMessageSerializer.load(entry)
    return message


def state_of(stream: str, state: Mapping[str, Any] | None) -> list[AirbyteStateMessage]:
    """The state of one stream, as an entry of a state file is: see `document_of`.

    :raises InvalidDocument: if it is no state, or that of another stream
    """
    if not state:
        return []
    try:
        entry = _entry(state)
    except Exception as error:
        raise InvalidDocument(f"The state of `{stream}` is not valid: {error}.") from None
    name = entry.stream.stream_descriptor.name if entry.stream else None
    if name != stream:
        raise InvalidDocument(f"The state of `{stream}` is not valid: it is that of `{name}`.")
    return readable_state([entry])


def document_of(message: AirbyteMessage) -> dict[str, Any] | None:
    """The entry of a state file that a STATE message is; nothing of any other message."""
    if message.state is None or message.state.stream is None:
        return None
    stream = message.state.stream
    return {
        "type": "STREAM",
        "stream": {
            "stream_descriptor": {"name": stream.stream_descriptor.name},
            "stream_state": deepcopy(vars(stream.stream_state)) if stream.stream_state else {},
        },
    }


def readable_state(state: list[AirbyteStateMessage] | None) -> list[AirbyteStateMessage]:
    """The state with its times in the notation that the cursors write; a stream without a cursor has none to check.

    :raises InvalidDocument: if a stream's cursor is not a time, or the state is not one of streams
    """
    messages = deepcopy(state or [])
    for message in messages:
        if message.stream is None and (message.global_ is not None or message.data):
            raise InvalidDocument(
                "The state is not valid: it has an entry that is not of the type STREAM. Reset the connection."
            )
        if message.type is not AirbyteStateType.STREAM or message.stream is None or message.stream.stream_state is None:
            continue
        name, blob = message.stream.stream_descriptor.name, vars(message.stream.stream_state)
        for cursor in CURSORS:
            if blob.get(cursor) is not None:
                blob[cursor] = _cursor(name, cursor, blob[cursor])
        contacts = blob.get("contacts")
        if contacts is not None:
            if not isinstance(contacts, Mapping):
                raise InvalidDocument(f"The state of `{name}` is not valid: `contacts` must be an object.")
            blob["contacts"] = {
                contact: _cursor(name, f"contacts.{contact}", time) for contact, time in contacts.items()
            }
        place = blob.get("list_read")
        if place is not None:
            if not isinstance(place, Mapping) or not place.keys() >= {"created_at", "until"}:
                raise InvalidDocument(
                    f"The state of `{name}` is not valid: `list_read` must be an object with `created_at` and `until`."
                )
            blob["list_read"] = {field: _cursor(name, f"list_read.{field}", time) for field, time in place.items()}
    return messages


def _cursor(stream: str, field: str, value: Any) -> str:
    try:
        return normalize_time(value)[:19] + "Z"
    except (UnreadableTime, TypeError):
        raise InvalidDocument(
            f"The state of `{stream}` is not valid: `{field}` is {json.dumps(value)}, "
            "but must be a time like 2024-01-01T00:00:00Z. Correct it, or reset the stream."
        ) from None

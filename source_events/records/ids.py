"""Ids for events that their system gives none."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import msgspec
from msgspec import Raw


def synthetic_id(
    contact_id: str | None,
    type: str | None,
    time: str | None,
    properties: Raw | None,
    created_by: Raw | None,
    occurrence: int,
) -> str:
    """The SHA-256, in hexadecimal, over what tells an event from others of its contact.

    It does not depend on how the API writes JSON: `properties` and `created_by` are hashed by their values, with
    sorted keys, and a number of integral value is the same with and without a fraction or an exponent. Absent is the
    same as null. `occurrence` counts the events that are alike in everything else, from 0.
    """
    identity = [contact_id, type, time, _value(properties), _value(created_by), occurrence]
    return hashlib.sha256(msgspec.json.encode(identity, order="sorted")).hexdigest()


def _value(raw: Raw | None) -> Any:
    try:
        return _decode(raw) if raw else None
    except (msgspec.DecodeError, RecursionError):
        # A number of thousands of digits, or thousands of levels: then it does depend on how the API writes it.
        return bytes(raw or b"").decode()


def _number(literal: str) -> float | int | str:
    number = float(literal)
    if not math.isfinite(number):
        return literal
    return int(number) if number.is_integer() else number


_decode = msgspec.json.Decoder(float_hook=_number).decode

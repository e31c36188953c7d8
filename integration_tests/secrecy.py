"""What must never be in any output: the secrets of a configuration, in every form in which they may be written."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, quote_plus

NAMES = ("client_secret", "api_key", "api_secret", "password")


def secrets_of(config: Mapping[str, Any]) -> list[str]:
    """The values of the fields that the specification calls secret."""
    found = [value for name, value in config.items() if name in NAMES]
    return found + [secret for value in config.values() if isinstance(value, Mapping) for secret in secrets_of(value)]


def forms_of(secret: str) -> set[str]:
    """As it is, in JSON, in JSON within JSON, in URLs, in base64 and as the representation of bytes."""
    in_json = json.dumps(secret)[1:-1]
    text_in_json = json.dumps(secret, ensure_ascii=False)[1:-1]
    return {
        secret,
        in_json,
        text_in_json,
        json.dumps(in_json)[1:-1],
        json.dumps(text_in_json, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        quote(secret, safe="").lower(),
        base64.b64encode(secret.encode()).decode(),
        base64.urlsafe_b64encode(secret.encode()).decode().rstrip("="),
        repr(secret.encode())[2:-1],
    }

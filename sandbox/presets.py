"""Faults that are worth trying, for the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Preset:
    """`fault` has no field with its default value, so that it can be compared with the active faults."""

    name: str
    summary: str
    fault: Mapping[str, Any]


PRESETS = (
    Preset(
        "Rate limit",
        "the next three get 429, Retry-After 1 s",
        {"times": 3, "status": 429, "headers": {"Retry-After": "1"}},
    ),
    Preset("Server error", "the next three get 503 without a body", {"times": 3, "status": 503}),
    Preset(
        "Not JSON",
        "the next two get 200 and a page of HTML",
        {"times": 2, "status": 200, "body": "<html><body>Maintenance</body></html>"},
    ),
    Preset("Slow", "every answer comes a second later", {"times": None, "delay": 1}),
    Preset("Cut short", "every fifth answer ends after 200 bytes", {"times": None, "every": 5, "cut": 200}),
    Preset("Broken connection", "every fifth is reset without an answer", {"times": None, "every": 5, "reset": True}),
    Preset(
        "Expired token",
        "once, in use: Cloud4Wi and CareCloud",
        {"path": "/events$", "expire_token": True},
    ),
    Preset(
        "Expired scroll",
        "once, in use: Cloud4Wi",
        {"query": {"scrollId": "."}, "expire_scroll": True},
    ),
    Preset("Refusal", "every request for events gets 403", {"path": "/events", "times": None, "status": 403}),
)

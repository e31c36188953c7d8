"""The answers that Cloud4Wi gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unit_tests.exchange import Response

EXAMPLE_FILE = Path(__file__).parents[3] / "sandbox" / "cloud4wi" / "example.json"
CONTACT = "f4c6be2cebc56bf4b8a16a2d463d5b60"
OMITTED = object()


def example() -> dict[str, Any]:
    """The answer that the API's documentation publishes."""
    document: dict[str, Any] = json.loads(EXAMPLE_FILE.read_text())
    return document


def event(
    event_id: str, created_at: str = "2024-01-01T12:00:00Z", event_type: str = "visit", contact: Any = CONTACT
) -> dict[str, Any]:
    return {
        "organizationId": "155d60f21dc1938562900a0e201d54f6",
        "customerId": contact,
        "event": {"type": event_type, "id": event_id},
        "when": {"createdAt": created_at, "timezone": "UTC"},
    }


def token(value: str = "token-1") -> Response:
    return json_answer({"token": value})


def page(events: list[Any], scroll: Any = OMITTED, count: Any = OMITTED, **headers: str) -> Response:
    body = {"generated": "2024-01-02T00:00:00Z", "events": events}
    if count is not OMITTED:
        body["count"] = count
    if scroll is not OMITTED:
        body["scrollId"] = scroll
    return json_answer(body, headers=headers)


def empty(scroll: Any = OMITTED) -> Response:
    return page([], scroll)


def json_answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(body).encode(), status, {"Content-Type": "application/json", **(headers or {})})


def error(status: int, message: str = "the API's own words", **headers: str) -> Response:
    return json_answer({"status": "KO", "message": message}, status, headers)


def refused(message: str = "the organisation is suspended") -> Response:
    """A success that is none."""
    return json_answer({"status": "KO", "message": message})

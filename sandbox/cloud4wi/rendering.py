"""Responses as Cloud4Wi writes them: the envelope and the two published shapes of an event."""

import json
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, Literal

from sandbox.cloud4wi.behaviour import Behaviour
from sandbox.joined_body import JoinedBody

# A stride keeps the shuffle deterministic and nearly free.
STRIDE = 7


def shuffled(positions: Sequence[int]) -> Sequence[int]:
    """A fixed permutation: every seventh row from the seventh on, then from the sixth on, down to the first."""
    return [position for first in reversed(range(STRIDE)) for position in positions[first::STRIDE]]


def envelope(texts: Sequence[bytes], fields: dict[str, Any], behaviour: Behaviour) -> JoinedBody:
    """The rendered events within the envelope; only the unusual shapes are decoded again."""
    if behaviour.shape != "wrapped":
        texts = [_shaped(text, index, behaviour.shape) for index, text in enumerate(texts)]
    head, tail = _around(fields)
    return JoinedBody(head, texts, tail)


def indented(body: JoinedBody) -> bytes:
    """The same JSON with line breaks, as published."""
    return json.dumps(json.loads(body.to_bytes()), ensure_ascii=False, indent=2).encode()


def announced(total: int, rows: int, behaviour: Behaviour) -> dict[str, int]:
    """The `count` of the envelope, for an answer with so many rows of a result of `total`."""
    counts = {
        "exact": {"count": total},
        "plus_one": {"count": total + 1},
        "page": {"count": rows},
        "zero": {"count": 0},
        "absent": {},
    }
    return counts[behaviour.count]


def _around(fields: dict[str, Any]) -> tuple[bytes, bytes]:
    generated = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    content = {"status": "OK", "generated": generated, **fields}
    scroll = {name: content.pop(name) for name in ("scrollId",) if name in content}
    head = _compact(content)[:-1] + b',"events":['
    tail = b"]," + _compact(scroll)[1:] if scroll else b"]}"
    return head, tail


def _shaped(text: bytes, index: int, shape: Literal["flat", "mixed"]) -> bytes:
    return _flat(text) if shape == "flat" or index % 2 else text


def _flat(text: bytes) -> bytes:
    item = json.loads(text)
    flat: dict[str, Any] = {}
    for name, value in item.items():
        flat.update(value if name == "event" else {name: value})
    return _compact(flat)


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

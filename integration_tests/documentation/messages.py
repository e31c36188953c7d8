"""The messages of the code, as they are written there, and those of a page of the documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

DIFFERS = "…"
"""What stands for a part of a message that differs."""
FEWEST_WORDS = 3
"""Texts of fewer words are names, and parts of sentences that are looked for as wholes."""


FOR_AUTHORS = "InvalidManifest"
"""The error whose messages only those meet who write a manifest."""


def texts(code: str) -> Iterator[str]:
    """The texts of a Python module that are no docstrings, nor for authors; what is filled in is `…`."""
    tree = ast.parse(code)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for_authors = {
        id(part) for call in calls if ast.unparse(call.func).endswith(FOR_AUTHORS) for part in ast.walk(call)
    }
    parts = {id(value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for value in node.values}
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in for_authors:
            continue
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else DIFFERS for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts | docstrings:
            yield node.value


def values(document: Any) -> Iterator[str]:
    """The texts of a YAML document, but for those that are evaluated."""
    if isinstance(document, dict):
        document = list(document.values())
    if isinstance(document, list):
        for entry in document:
            yield from values(entry)
    elif isinstance(document, str) and "{{" not in document:
        yield document


def messages(folder: Path) -> Iterator[str]:
    """Everything in a package that reads as words: of its modules, and of its documents but forms and schemas.

    Nothing of the module that writes new providers: no user meets it.
    """
    for path in sorted(set(folder.rglob("*.py")) - {folder / "providers" / "new.py"}):
        yield from filter(_is_prose, texts(path.read_text(encoding="utf-8")))
    for path in sorted(folder.rglob("*.yaml")):
        if path.name != "spec.yaml":
            yield from filter(_is_prose, values(yaml.safe_load(path.read_text(encoding="utf-8"))))


def _is_prose(text: str) -> bool:
    return len([word for word in text.split() if re.search(r"[A-Za-z]{2}", word)]) >= FEWEST_WORDS


def missing(told: Iterable[str], rows: Iterable[str], lines: Iterable[str]) -> list[str]:
    """The messages that no row is about, and that are no part of a line of the page."""
    rows = [row for row in rows if _words(row) >= FEWEST_WORDS]
    lines = [*map(plain, lines)]
    return [
        message
        for message in told
        if not any(_in_order(fragments(message), line) for line in lines)
        and not any(_in_order(fragments(row), plain(message)) for row in rows)
    ]


def gone(rows: Iterable[str], told: Iterable[str]) -> list[str]:
    """The rows of which a part is in no message."""
    said = [*map(plain, told)]
    return [row for row in rows if not all(any(part in message for message in said) for part in fragments(row))]


def plain(text: str) -> str:
    return " ".join(text.replace("`", "").split())


def fragments(message: str) -> list[str]:
    """The parts of a message between what differs."""
    return [part for part in (piece.strip(" :.,;()?") for piece in plain(message).split(DIFFERS)) if part]


def _words(message: str) -> int:
    return sum(len(part.split()) for part in fragments(message))


def _in_order(parts: Iterable[str], text: str) -> bool:
    place = 0
    for part in parts:
        place = text.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True

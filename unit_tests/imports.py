"""What the modules of the package import, also within functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import source_events

PACKAGE = Path(source_events.__file__).parent


def modules() -> Iterator[Path]:
    return PACKAGE.rglob("*.py")


def name_of(module: Path) -> str:
    """As an import would say it."""
    names = module.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imported_by(module: Path) -> set[str]:
    """The modules, and what is imported from them, as `module.name`."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module} has a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found

"""The version, wherever files repeat it: it is set in `source_events/__init__.py`, and `python -m docs.generate` writes
it into the others.
"""

from __future__ import annotations

import re
from pathlib import Path

from source_events import __version__

PROJECT = Path(__file__).resolve().parent.parent
FILES = (
    "Dockerfile",
    "metadata.yaml",
    "*.md",
    "docs/**/*.md",
    "examples/**/*.md",
    "examples/**/*.yml",
    ".github/**/*.yml",
)
REPEATED = re.compile(
    r"""(\bsource-events:|io\.airbyte\.version="|dockerImageTag:\ |^\ *tag:\ |placeholder:\ """
    r"""|Docker\ image\ tag\ \|\ `)"""
    r"""\d+\.\d+\.\d+[\w.-]*""",
    re.MULTILINE | re.VERBOSE,
)


def files() -> list[Path]:
    """The files that may repeat the version."""
    return sorted(path for pattern in FILES for path in PROJECT.glob(pattern))


def repeats(text: str) -> bool:
    return REPEATED.search(text) is not None


def up_to_date(text: str) -> str:
    """The text with the present version wherever it repeats one."""
    return REPEATED.sub(rf"\g<1>{__version__}", text)

"""The version, wherever files repeat it: it is set in `source_events/__init__.py`, and `python -m docs.generate` writes
it into the others.

`python -m docs.version v1.2.3` prints the notes of this release, and ends with 1 where that is not the present version.
"""

from __future__ import annotations

import re
import sys
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
    r"(\bsource-events:|io\.airbyte\.version=\"|dockerImageTag: |^ *tag: |placeholder: |Docker image tag \| `)"
    r"\d+\.\d+\.\d+[\w.-]*",
    re.MULTILINE,
)


def files() -> list[Path]:
    """The files that may repeat the version."""
    return sorted(path for pattern in FILES for path in PROJECT.glob(pattern))


def repeats(text: str) -> bool:
    return REPEATED.search(text) is not None


def up_to_date(text: str) -> str:
    """The text with the present version wherever it repeats one."""
    return REPEATED.sub(rf"\g<1>{__version__}", text)


def notes(tag: str, changelog: str) -> str:
    """What the changelog says of a release.

    :raises ValueError: if the tag is not that of the present version, or the changelog has no dated entry of it
    """
    if tag != f"v{__version__}":
        raise ValueError(f"The tag is {tag}, and the version is {__version__}: it must be v{__version__}.")
    heading = rf"^## \[{re.escape(__version__)}\] - \d{{4}}-\d\d-\d\d\n"
    found = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise ValueError(f"CHANGELOG.md has no entry `## [{__version__}] - YYYY-MM-DD`.")
    return found[1].strip()


def main() -> None:
    (tag,) = sys.argv[1:]
    outdated = [path for path in files() if up_to_date(text := path.read_text(encoding="utf-8")) != text]
    if outdated:
        sys.exit(f"{', '.join(map(str, outdated))}: another version. Run `python -m docs.generate`.")
    try:
        print(notes(tag, (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()

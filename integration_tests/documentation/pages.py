"""The documentation's pages: their code blocks, links, headings and tables, and a shell that runs their commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from sandbox.provider import descriptions

PROJECT = Path(__file__).resolve().parent.parent.parent
PATTERNS = ("*.md", "docs/**/*.md", "examples/**/*.md", "dbt/*.md", ".github/**/*.md")
METADATA = yaml.safe_load((PROJECT / "metadata.yaml").read_text(encoding="utf-8"))["data"]
TIMEOUT = 900
"""Seconds for a page's commands, which take one minute at most on an idle machine."""
IMAGE = f"{METADATA['dockerRepository']}:{METADATA['dockerImageTag']}"

FENCE = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>.+?) -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A code block; `not_run` is the reason why its commands are not run, if they are not."""

    language: str
    text: str
    not_run: str | None


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return self.path.relative_to(PROJECT).as_posix()

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @property
    def prose(self) -> str:
        """The page without its code blocks."""
        return FENCE.sub("", self.text)

    @property
    def needs(self) -> set[str]:
        """What the commands need: `<!-- needs: NAME -->`."""
        return set(re.findall(r"<!-- needs: (\w+) -->", self.text))

    def blocks(self, *languages: str) -> list[Block]:
        found = (Block(match["language"], _dedented(match), match["reason"]) for match in FENCE.finditer(self.text))
        return [block for block in found if block.language in languages]

    @property
    def commands(self) -> list[str]:
        """What is run, in its order: shell blocks as they are, Python's by an interpreter that reads them."""
        run = [block for block in self.blocks("sh", "python") if block.not_run is None]
        return [block.text if block.language == "sh" else f"python - <<'CELL'\n{block.text}CELL\n" for block in run]

    @property
    def links(self) -> list[str]:
        """Where the page leads to within the project."""
        found = re.findall(r"\]\(([^)\s]+)\)", self.prose)
        return [link for link in found if not re.match(r"https?:|mailto:", link)]

    @property
    def anchors(self) -> set[str]:
        """The headings, as the forge names them in addresses."""
        headings = re.findall(r"^#+ (.+)$", self.prose, re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}

    @property
    def first_cells(self) -> list[str]:
        """The first cell of each row of its tables."""
        rows = re.findall(r"^\| (.+?) \|", self.prose, re.MULTILINE)
        return [row.strip() for row in rows]


def _dedented(match: re.Match[str]) -> str:
    indent = match["indent"]
    return "".join(line.removeprefix(indent) for line in match["text"].splitlines(keepends=True))


def pages() -> list[Page]:
    return [Page(path) for pattern in PATTERNS for path in sorted(PROJECT.glob(pattern))]


def addresses(url: str) -> dict[str, str]:
    """The address of each system at a sandbox."""
    configs = {name: description.config for name, description in descriptions(url).items()}
    return {name: config["provider"]["api_url"] for name, config in configs.items()}  # type: ignore[index]


@dataclass(frozen=True)
class Outcome:
    """What a page's commands wrote, and the folder that they were run in."""

    status: int
    text: str
    folder: Path


def run_page(
    page: Page, url: str, folder: Path, python: str = sys.executable, environment: Mapping[str, str] | None = None
) -> Outcome:
    """Run a page's commands one after the other, as a person would at the root of a checkout."""
    return run_commands(page.commands, addresses(url), folder, python, environment)


def run_commands(
    commands: Sequence[str],
    addresses: Mapping[str, str],
    folder: Path,
    python: str = sys.executable,
    environment: Mapping[str, str] | None = None,
) -> Outcome:
    """Run commands one after the other in a folder that has the examples, with the systems at these addresses."""
    shutil.copytree(PROJECT / "examples", folder / "examples")
    programs = folder / "bin"
    programs.mkdir()
    stand_in = f"{sys.executable} {PROJECT}/integration_tests/documentation/stand_in.py"
    for name, command in {
        "docker": f"{stand_in} docker",
        "source-events": f"{stand_in} source-events",
        "python": python,
    }.items():
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {command} "$@"\n', encoding="utf-8")
        program.chmod(0o755)
    configurations = folder / "configurations"
    configurations.mkdir()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-x", "-c", "\n".join(commands)],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "STAND_IN_IMAGE": IMAGE,
            "STAND_IN_ADDRESSES": json.dumps(addresses),
            "STAND_IN_FOLDER": str(configurations),
            **(environment or {}),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
    )
    return Outcome(done.returncode, done.stdout, folder)

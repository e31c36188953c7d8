"""Where the demo's programs and files are."""

import shutil
import sys
from pathlib import Path

from sandbox.process import PROJECT

FOLDER = PROJECT / ".demo"
DATABASE = FOLDER / "events.duckdb"
LOG = FOLDER / "pyairbyte.log"
LOGS = FOLDER / "logs"
QUERY = FOLDER / "query.sql"
CONNECTOR_PROGRAMS = PROJECT / ".venv" / "bin"


class NotInstalled(RuntimeError):
    """Something that the demo needs is missing; the message says what to do."""


def fresh_folder() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)


def connector_executable() -> Path:
    for folder in (CONNECTOR_PROGRAMS, Path(sys.executable).parent):
        if (program := folder / "source-events").exists():
            return program
    raise NotInstalled("the connector is not installed; run `make demo`, or `pip install -e .` into .venv")


def shown(path: Path) -> str:
    """As a person at the repository's root would type it."""
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)

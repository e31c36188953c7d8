"""Where the demo's programs and files are."""

import os
import shutil
import sys
from pathlib import Path

from sandbox.process import PROJECT

FOLDER = Path(os.environ.get("DEMO_FOLDER") or PROJECT / ".demo").absolute()
DATABASE = FOLDER / "events.duckdb"
CACHE = FOLDER / "cache"
LOG = FOLDER / "pyairbyte.log"
LOGS = FOLDER / "logs"
QUERY = FOLDER / "query.sql"
CONNECTOR_PROGRAMS = PROJECT / ".venv" / "bin"


class NotInstalled(RuntimeError):
    """Something that the demo needs is missing; the message says what to do."""


def fresh_folder() -> None:
    """The folder without what an earlier demo has left there; anything else in it stays."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for folder in (CACHE, LOGS):
        shutil.rmtree(folder, ignore_errors=True)
    for file in (DATABASE, LOG, QUERY):
        file.unlink(missing_ok=True)


def connector_executable() -> Path:
    for folder in (CONNECTOR_PROGRAMS, Path(sys.executable).parent):
        if (program := folder / "source-events").exists():
            return program
    raise NotInstalled("the connector is not installed; run `make demo`, or `pip install -e .` into .venv")


def shown(path: Path) -> str:
    """As a person at the repository's root would type it."""
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)

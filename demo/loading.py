"""The same events into a warehouse of one's own, with `source-events load`."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from demo import environment
from demo.providers import Provider
from demo.report import Screen
from demo.story import Stage, configuration

VARIABLE = "SOURCE_EVENTS_LOAD_TO"
"""Of the environment: where to; the command reads it, so that no list of processes shows a password."""


def load_own(providers: Sequence[Provider], stage: Stage) -> list[str]:
    """Load each system into a dataset of its own, if somebody has said where to; what failed."""
    if not os.environ.get(VARIABLE):
        return []
    return [f"{one.title}: the load has failed" for one in providers if not _loaded(one, stage)]


def _loaded(provider: Provider, stage: Stage) -> bool:
    dataset = f"demo_{provider.name}"
    stage.screen.heading(f"{provider.title}: into a warehouse of yours, dataset {dataset}, with source-events load")
    file = environment.FOLDER / f"{provider.name}.json"
    file.write_text(json.dumps(configuration(provider, stage)), encoding="utf-8")
    sys.stdout.flush()
    return subprocess.run([stage.executable, "load", "--config", file, "--dataset", dataset]).returncode == 0


def suggest_own(screen: Screen) -> None:
    """How to have the same in one's own database, and then one's own events."""
    if not os.environ.get(VARIABLE):
        screen.heading("The same in a database of yours, in schemas that begin with demo_")
        screen.code(f"{VARIABLE}=postgresql://USER:PASSWORD@HOST/DATABASE make demo")
    screen.heading("Your own events, with your credentials in config.json")
    screen.code(".venv/bin/source-events load --config config.json --to duckdb:mine.duckdb")

"""What running a program costs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

MEASURED = Path(__file__).with_name("measured.py")


@dataclass(frozen=True)
class Cost:
    """What a program took: seconds, seconds of CPU, and the megabytes that it had in memory at most."""

    wall: float
    cpu: float
    memory: float


def measure(
    command: Sequence[str], output: Path = Path(os.devnull), *, until_first_record: bool = False, tree: bool = False
) -> Cost:
    """What it takes; with `tree` together with all that it starts, which it must wait for.

    :raises RuntimeError: if the command fails; the message ends with what it said
    """
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "errors").open("w+b") as errors:
        result = Path(folder) / "cost.json"
        mode = "first" if until_first_record else "tree" if tree else "whole"
        launcher = [sys.executable, "-I", "-S", str(MEASURED), str(result), str(output), mode]
        # Each of the peers would report its use to its makers.
        quiet = {"DO_NOT_TRACK": "1", "RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "CRITICAL"}
        subprocess.run([*launcher, *command], stderr=errors, env={**os.environ, **quiet}, check=True)
        found = json.loads(result.read_text(encoding="utf-8"))
        if found.pop("status"):
            errors.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed: {errors.read()[-2000:].decode(errors='replace')}")
        return Cost(**found)


def median(costs: Sequence[Cost]) -> Cost:
    """The median seconds, and the highest peak of memory."""
    return Cost(
        statistics.median(cost.wall for cost in costs),
        statistics.median(cost.cpu for cost in costs),
        max(cost.memory for cost in costs),
    )

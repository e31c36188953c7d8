"""Stands for `docker` and for `source-events` when the commands of the documentation are run.

Runs the connector of this checkout, with the system's address in the configuration replaced by the sandbox's. As docker
it takes one image only, and knows the folders that are mounted.

    stand_in.py docker run --rm -v FOLDER:/secrets:ro IMAGE COMMAND...
    stand_in.py source-events COMMAND...

Environment: STAND_IN_IMAGE; STAND_IN_ADDRESSES, a JSON object from provider types to addresses; STAND_IN_FOLDER, for
the configurations with these addresses.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

PROJECT = Path(__file__).resolve().parent.parent.parent


def main() -> NoReturn:
    name, *arguments = sys.argv[1:]
    if name == "docker":
        arguments = _from_docker(arguments)
    command = [sys.executable, "-m", "source_events", *_with_sandbox(arguments)]
    # In its own place, so that a signal that is sent to the program is one to the connector.
    os.execve(command[0], command, {**os.environ, "PYTHONPATH": str(PROJECT)})


def _from_docker(arguments: list[str]) -> list[str]:
    parser = argparse.ArgumentParser(prog="docker")
    parser.add_argument("run", choices=["run"])
    for flag in ("--rm", "--read-only"):
        parser.add_argument(flag, action="store_true")
    for option in ("--cap-drop", "--security-opt"):
        parser.add_argument(option)
    parser.add_argument("-v", "--volume", action="append", default=[])
    parser.add_argument("image", choices=[os.environ["STAND_IN_IMAGE"]])
    parser.add_argument("command", nargs=argparse.REMAINDER)
    given = parser.parse_args(arguments)
    mounts = [volume.removesuffix(":ro").rsplit(":", 1) for volume in given.volume]
    return [_on_host(argument, mounts) for argument in given.command]


def _on_host(argument: str, mounts: list[list[str]]) -> str:
    for there, here in mounts:
        if argument.startswith(f"{here}/"):
            return there + argument.removeprefix(here)
    return argument


def _with_sandbox(arguments: list[str]) -> list[str]:
    """The arguments with another configuration: the same, but for the address."""
    if "--config" not in arguments:
        return arguments
    place = arguments.index("--config") + 1
    config = json.loads(Path(arguments[place]).read_text(encoding="utf-8"))
    provider = config["provider"]
    provider["api_url"] = json.loads(os.environ["STAND_IN_ADDRESSES"])[provider["provider_type"]]
    file, replaced = tempfile.mkstemp(suffix=".json", dir=os.environ["STAND_IN_FOLDER"])
    with os.fdopen(file, "w", encoding="utf-8") as output:
        json.dump(config, output)
    return [*arguments[:place], replaced, *arguments[place + 1 :]]


if __name__ == "__main__":
    main()

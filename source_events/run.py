"""The console script `source-events`."""

from __future__ import annotations

import json
import sys


def run() -> None:
    """Run a command of the protocol with the process's arguments.

    `spec` is answered without the CDK, whose import takes longer than everything else that `spec` does. Two dashes
    before the command are left out: Meltano's wrapper writes them, and the CDK's parser takes them for the command.
    """
    arguments = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    if arguments == ["spec"]:
        from source_events.specification import specification

        print(json.dumps({"type": "SPEC", "spec": specification()}), flush=True)
        return
    from source_events.imports import prepare_imports

    prepare_imports()
    from source_events.entrypoint import launch

    launch(arguments)

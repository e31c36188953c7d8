"""The console script `source-events`."""

from __future__ import annotations

import contextlib
import gc
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
    prepare_import()
    from source_events.entrypoint import launch

    launch(arguments)


def prepare_import() -> None:
    """Halve the import of the CDK, which is most of what a short command does.

    The library behind its models looks for descriptions of their fields in their source code, for JSON schemas that
    nobody asks it for. And of what an import makes nothing is garbage.
    """
    gc.disable()
    with contextlib.suppress(ImportError):
        import attributes_doc

        attributes_doc.get_attributes_doc = lambda cls: {}

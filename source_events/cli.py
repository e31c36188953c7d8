"""The console script `source-events`, and its help."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from source_events.process.signals import end_on_request

if TYPE_CHECKING:
    from argparse import ArgumentParser

PROGRAM = "source-events"
WRONG_USAGE = 2
COMMANDS = {
    "spec": "print what a configuration consists of",
    "check": "try out a configuration with one cheap request",
    "discover": "print the streams that the system has, with their schemas",
    "read": "read the streams of a catalogue, and print their records",
}
FILES = {
    "config": "JSON: the system, its credentials, and what to read of it",
    "catalog": "JSON: the streams to read, made of what `discover` prints",
    "state": "JSON: where the last sync ended; without it, everything from start_date on is read",
}
NEEDED = {"spec": (), "check": ("config",), "discover": ("config",), "read": ("config", "catalog")}
TAKEN = {**NEEDED, "read": ("config", "catalog", "state")}
CATALOG = {
    "streams": [
        {
            "stream": {
                "name": "org_events",
                "json_schema": {},
                "supported_sync_modes": ["full_refresh", "incremental"],
            },
            "sync_mode": "incremental",
            "destination_sync_mode": "append_dedup",
        }
    ]
}
STATE = [
    {
        "type": "STREAM",
        "stream": {
            "stream_descriptor": {"name": "org_events"},
            "stream_state": {"createdAt": "2024-02-01T00:00:00Z"},
        },
    }
]


def run() -> None:
    """Run a command of the protocol with the process's arguments.

    `spec` and help are answered without the CDK, whose import takes longer than everything else that they do. Two
    dashes before the command are left out: Meltano's wrapper writes them, and a parser takes them for the command.
    """
    end_on_request()
    arguments = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    with silent_without_a_reader():
        if arguments != ["spec"]:
            check_usage(arguments)
        if arguments[0] == "spec":
            from source_events.settings.specification import specification

            print(json.dumps({"type": "SPEC", "spec": specification()}))
            return
    from source_events.process.imports import prepare_imports

    prepare_imports()
    from source_events.process.entrypoint import launch

    launch(arguments)


@contextlib.contextmanager
def silent_without_a_reader() -> Iterator[None]:
    """End the process where the standard output that is written here is read by nobody, as behind `| head -1`."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)


def check_usage(arguments: Sequence[str]) -> None:
    """
    :raises SystemExit: with 0 after help that was asked for; with 2 after a mistake, told on standard error
    """
    parser = _parser()
    if not arguments:
        parser.print_help(sys.stderr)
        parser.exit(WRONG_USAGE, f"\n{PROGRAM}: error: name a command: {', '.join(COMMANDS)}\n")
    if not arguments[0].startswith("-") and arguments[0] not in COMMANDS:
        parser.error(f"there is no command {arguments[0]!r}{_alike(arguments[0])}; try {PROGRAM} --help")
    parser.parse_args(arguments)


def _parser() -> ArgumentParser:
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    from source_events import __version__

    form: dict[str, Any] = {"formatter_class": RawDescriptionHelpFormatter, "allow_abbrev": False}
    parser = ArgumentParser(PROGRAM, description=_introduction(), epilog=_calls(), **form)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for name, does in COMMANDS.items():
        description = f"{does[0].upper()}{does[1:]}."
        command = commands.add_parser(name, help=does, description=description, epilog=_example(name), **form)
        for file in TAKEN[name]:
            command.add_argument(f"--{file}", metavar="FILE", required=file in NEEDED[name], help=FILES[file])
        command.add_argument("--debug", action="store_true", help="write detailed log messages too")
    return parser


def _introduction() -> str:
    from source_events import providers

    titles = {name: providers.connection_specification(name)["title"] for name in providers.names()}
    systems = "\n".join(f"  {name:12}  {title}" for name, title in titles.items())
    return (
        "Reads customer events completely, typed, and fast: a source connector of Airbyte's protocol.\n"
        "It writes messages to standard output, one JSON object a line. Systems, by their `provider_type`:\n\n"
        + systems
    )


def _calls() -> str:
    return (
        "example:\n"
        f"  {PROGRAM} spec > spec.json\n"
        f"  {PROGRAM} check --config config.json\n"
        f"  {PROGRAM} discover --config config.json\n"
        f"  {PROGRAM} read --config config.json --catalog catalog.json --state state.json > messages.jsonl\n\n"
        f"what is in these files:\n  {PROGRAM} COMMAND --help"
    )


def _example(command: str) -> str:
    """A call, and files that it could be made with: the configuration has the examples of the form's first system."""
    options = "".join(f" --{file} {file}.json" for file in TAKEN[command])
    text = f"example:\n  {PROGRAM} {command}{options}\n"
    if not options:
        return text
    from source_events.settings.specification import specification

    form = specification()["connectionSpecification"]
    config = _required(form) | {"provider": _required(form["properties"]["provider"]["oneOf"][0])}
    contents = {"config": config, "catalog": CATALOG, "state": STATE}
    return text + "".join(f"\n{file}.json:\n{json.dumps(contents[file], indent=2)}\n" for file in TAKEN[command])


def _required(schema: dict[str, Any]) -> dict[str, Any]:
    fields = {name: schema["properties"][name] for name in schema["required"]}
    return {name: field.get("const") or field.get("examples", ["..."])[0] for name, field in fields.items()}


def _alike(name: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, COMMANDS, n=1)
    return f", did you mean {found[0]!r}" if found else ""

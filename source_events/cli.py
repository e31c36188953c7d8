"""The console script `source-events`, and its help."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from source_events.process.signals import end_on_request
from source_events.process.unwritable import written

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

PROGRAM = "source-events"
HELP = ("-h", "--help")
OPTIONS = (*HELP, "--version")
"""Those of no command."""
WRONG_USAGE = 2
COMMANDS = {
    "spec": "print what a configuration consists of",
    "check": "try out a configuration with one cheap request",
    "discover": "print the streams that the system has, with their schemas",
    "read": "read the streams of a catalogue, and print their records",
    "catalog": "print a catalogue of all streams, or of those that are named",
    "preview": "show some records of a stream as a table",
    "load": "load streams into a warehouse, and go on from there the next time",
}
FOR_PEOPLE = {
    "catalog": "source_events.process.catalog",
    "preview": "source_events.process.preview",
    "load": "source_events.process.load",
}
"""The commands beside the protocol's: the module whose `run` is called with the arguments, and shows what people read.
They have no messages: warnings and errors are sentences on standard error."""
FILES = {
    "config": "JSON: the system, its credentials, and what to read of it",
    "catalog": "JSON: the streams to read, as `source-events catalog` prints them",
    "state": "JSON: where the last sync ended; without it, everything from start_date on is read",
}
NEEDED = {
    "spec": (),
    "check": ("config",),
    "discover": ("config",),
    "read": ("config", "catalog"),
    "catalog": ("config",),
    "preview": ("config",),
    "load": ("config",),
}
TAKEN = {**NEEDED, "read": ("config", "catalog", "state")}
MOST_SHOWN = 1000
LOAD_TO = "SOURCE_EVENTS_LOAD_TO"
"""The environment variable of a destination, whose password then stands in no list of processes."""
SETTINGS: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "catalog": {
        "stream": {"action": "append", "metavar": "NAME", "help": "a stream to read; again for another; default: all"}
    },
    "preview": {
        "stream": {"metavar": "NAME", "help": "default: org_events, or else the first stream of events"},
        "limit": {"metavar": "N", "default": "10", "help": f"how many records, 1 to {MOST_SHOWN}; default: 10"},
        "json": {"action": "store_true", "help": "whole records, one JSON object a line"},
    },
    "load": {
        "to": {
            "metavar": "DESTINATION",
            "help": "duckdb:PATH, postgresql://USER@HOST/DATABASE, parquet:FOLDER, or a destination of dlt by its "
            f"name; default: the environment variable {LOAD_TO}, the place for a URL with a password",
        },
        "stream": {"action": "append", "metavar": "NAME", "help": "a stream to load; again for another; default: all"},
        "dataset": {"metavar": "NAME", "help": "where the tables go: a schema or folder; default: the system's name"},
        "full-refresh": {"action": "store_true", "help": "read everything again, and replace the tables"},
    },
}
"""The options of a command that are no files, as a parser takes them."""
SHOWN = {
    "catalog": " --stream org_events > catalog.json",
    "preview": " --stream contact_events --limit 20",
    "load": " --to duckdb:events.duckdb",
}
"""What stands behind the files in a command's example."""
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
    """Run a command with the process's arguments.

    `spec` and help are answered without the CDK, whose import takes longer than everything else that they do. Two
    dashes before the command are left out: Meltano's wrapper writes them, and a parser takes them for the command.
    """
    end_on_request()
    arguments = sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]
    with written():
        given = check_usage(arguments) if arguments != ["spec"] else None
        if given is None or given.command == "spec":
            from source_events.settings.specification import specification

            print(json.dumps({"type": "SPEC", "spec": specification()}))
            return
    from source_events.process.imports import prepare_imports

    prepare_imports()
    if given.command in FOR_PEOPLE:
        from source_events.process.people import launch_for_people

        launch_for_people(FOR_PEOPLE[given.command], given)
        return
    from source_events.process.entrypoint import launch

    launch(arguments)


def check_usage(arguments: Sequence[str]) -> Namespace:
    """The arguments, as a parser has understood them.

    :raises SystemExit: with 0 after help that was asked for; with 2 after a mistake, told on standard error
    """
    parser, commands = _parsers()
    if not arguments:
        parser.print_help(sys.stderr)
        parser.exit(WRONG_USAGE, f"\n{PROGRAM}: error: name a command: {', '.join(COMMANDS)}\n")
    first = arguments[0]
    if not first.startswith("-") and first not in commands:
        parser.error(f"there is no command {first!r}{_meant(_alike(first, COMMANDS))}; try {PROGRAM} --help")
    options = _options(first) if first in commands else OPTIONS
    for unknown in (option for option in _given(arguments) if option not in options):
        asked = commands.get(first, parser)
        meant = _meant(_alike_options(unknown, options))
        asked.error(f"there is no option {unknown!r}{meant}; try {asked.prog} --help")
    given = parser.parse_args(arguments)
    if "limit" in given:
        if not given.limit.isascii() or not given.limit.isdecimal() or not 1 <= int(given.limit) <= MOST_SHOWN:
            commands[first].error(f"argument --limit: it must be a whole number from 1 to {MOST_SHOWN}")
        given.limit = int(given.limit)
    if first == "load":
        given.to = given.to or os.environ.get(LOAD_TO)
        if not given.to:
            commands[first].error(f"say where to: --to DESTINATION, or the environment variable {LOAD_TO}")
    return given


def _parsers() -> tuple[ArgumentParser, Mapping[str, ArgumentParser]]:
    """The parser of all arguments, and that of each command."""
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
        for setting, form_of_it in SETTINGS.get(name, {}).items():
            command.add_argument(f"--{setting}", **form_of_it)
        if name not in FOR_PEOPLE:
            command.add_argument("--debug", action="store_true", help="write detailed log messages too")
    return parser, commands.choices


def _introduction() -> str:
    from source_events import providers

    titles = {name: providers.connection_specification(name)["title"] for name in providers.names()}
    systems = "\n".join(f"  {name:12}  {title}" for name, title in titles.items())
    return (
        "Reads customer events completely, typed, and fast: a source connector of Airbyte's protocol.\n"
        "spec, check, discover and read write the protocol's messages to standard output, one JSON object a\n"
        "line; catalog, preview and load are for people. Systems, by their `provider_type`:\n\n" + systems
    )


def _calls() -> str:
    return (
        "example:\n"
        f"  {PROGRAM} spec > spec.json\n"
        f"  {PROGRAM} check --config config.json\n"
        f"  {PROGRAM} preview --config config.json\n"
        f"  {PROGRAM} load --config config.json --to duckdb:events.duckdb\n"
        f"  {PROGRAM} catalog --config config.json > catalog.json\n"
        f"  {PROGRAM} read --config config.json --catalog catalog.json --state state.json > messages.jsonl\n\n"
        f"what is in these files:\n  {PROGRAM} COMMAND --help"
    )


def _example(command: str) -> str:
    """A call, and files that it could be made with: the configuration has the examples of the form's first system."""
    options = "".join(f" --{file} {file}.json" for file in TAKEN[command])
    text = f"example:\n  {PROGRAM} {command}{options}{SHOWN.get(command, '')}\n"
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


def _options(command: str) -> list[str]:
    names = [*TAKEN[command], *SETTINGS.get(command, ()), *(() if command in FOR_PEOPLE else ("debug",))]
    return [*(f"--{name}" for name in names), *HELP]


def _given(arguments: Sequence[str]) -> list[str]:
    """The names of the options that are given; a dash alone, or two, are none."""
    return [argument.partition("=")[0] for argument in arguments if argument.startswith("-") and argument.strip("-")]


def _alike(name: str, known: Iterable[str]) -> list[str]:
    from difflib import get_close_matches

    return get_close_matches(name, known, n=1)


def _alike_options(name: str, known: Sequence[str]) -> list[str]:
    """Those that begin as it does, where it is one letter or cut off; else the one that is most like it."""
    word = name.strip("-").lower()
    return [option for option in known if option.startswith(f"--{word}")] or _alike(name, known)


def _meant(names: Sequence[str]) -> str:
    return f", did you mean {' or '.join(map(repr, names))}" if names else ""

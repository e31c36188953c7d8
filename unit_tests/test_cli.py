from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import AirbyteStateMessageSerializer, ConfiguredAirbyteCatalogSerializer

import source_events
from source_events import providers
from source_events.cli import FOR_PEOPLE, run
from source_events.process import entrypoint
from source_events.settings.configuration import validate
from source_events.settings.specification import specification
from source_events.settings.state import readable_state
from unit_tests.reading import configuration

CATALOG = {
    "streams": [
        {
            "stream": {"name": "org_events", "json_schema": {}, "supported_sync_modes": ["full_refresh"]},
            "sync_mode": "full_refresh",
            "destination_sync_mode": "overwrite",
        }
    ]
}


def process(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Exit code, messages and standard error."""
    made = subprocess.run(
        [sys.executable, "-m", "source_events", *arguments], capture_output=True, timeout=60, check=False, text=True
    )
    return made.returncode, [json.loads(line) for line in made.stdout.splitlines()], made.stderr


def terminal(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error, as a person sees them."""
    made = subprocess.run(
        [sys.executable, "-m", "source_events", *arguments],
        capture_output=True,
        timeout=60,
        check=False,
        text=True,
        env={**os.environ, "COLUMNS": "120"},
    )
    return made.returncode, made.stdout, made.stderr


def written(folder: Path, **documents: Any) -> list[str]:
    arguments = []
    for name, document in documents.items():
        path = folder / f"{name}.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        arguments += [f"--{name}", str(path)]
    return arguments


def test_spec_is_answered_without_the_cdk():
    code = (
        "import sys; sys.argv = ['source-events', 'spec']; from source_events.cli import run; run();"
        "sys.exit('airbyte_cdk' in sys.modules or 'requests' in sys.modules)"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert made.returncode == 0
    assert json.loads(made.stdout) == {"type": "SPEC", "spec": specification()}


@pytest.mark.parametrize("separator", [[], ["--"]], ids=["as is", "behind two dashes"])
def test_other_commands_are_for_the_entry_point(monkeypatch, separator):
    launched = []
    monkeypatch.setattr(entrypoint, "launch", launched.append)
    # It changes settings of the process.
    monkeypatch.setattr("source_events.process.imports.prepare_imports", lambda: None)
    monkeypatch.setattr(sys, "argv", ["source-events", *separator, "check", "--config", "c.json"])
    run()
    assert launched == [["check", "--config", "c.json"]]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["catalog"], {"command": "catalog", "stream": None}),
        (["catalog", "--stream", "a", "--stream=b"], {"command": "catalog", "stream": ["a", "b"]}),
        (["preview"], {"command": "preview", "stream": None, "limit": 10, "json": False}),
        (
            ["preview", "--stream", "a", "--limit", "3", "--json"],
            {"command": "preview", "stream": "a", "limit": 3, "json": True},
        ),
    ],
    ids=" ".join,
)
def test_commands_for_people_get_their_arguments_and_never_the_entry_point(monkeypatch, arguments, given):
    launched = []
    monkeypatch.setattr("source_events.process.people.launch_for_people", lambda *call: launched.append(call))
    monkeypatch.setattr("source_events.process.imports.prepare_imports", lambda: None)
    monkeypatch.setattr(sys, "argv", ["source-events", *arguments, "--config", "c.json"])
    run()
    [(module, namespace)] = launched
    assert module == f"source_events.process.{arguments[0]}"
    assert vars(namespace) == {**given, "config": "c.json"}


@pytest.mark.parametrize("module", FOR_PEOPLE.values())
def test_every_command_for_people_has_a_module_that_runs_it(module):
    assert callable(import_module(module).run)


def test_help_says_what_there_is():
    code, text, errors = terminal("--help")
    assert (code, errors) == (0, "")
    assert all(
        f"  {command} " in text for command in ("spec", "check", "discover", "read", "catalog", "preview", "load")
    )
    assert all(f"  {name} " in text for name in providers.names())
    assert "source-events check --config config.json" in text


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("check", ["config"]),
        ("discover", ["config"]),
        ("read", ["config", "catalog", "state"]),
        ("catalog", ["config"]),
        ("preview", ["config"]),
    ],
)
def test_the_help_of_a_command_shows_files_that_it_would_take(command, files):
    code, text, errors = terminal(command, "--help")
    assert (code, errors) == (0, "")
    assert f"source-events {command}" + "".join(f" --{file} {file}.json" for file in files) in text
    shown = {
        name: json.loads(content)
        for name, content in re.findall(r"^(\w+)\.json:\n(.+?)\n(?=\n|\Z)", text, re.MULTILINE | re.DOTALL)
    }
    assert list(shown) == files
    validate(shown["config"])
    if command == "read":
        assert ConfiguredAirbyteCatalogSerializer.load(shown["catalog"]).streams[0].stream.name == "org_events"
        assert readable_state([AirbyteStateMessageSerializer.load(entry) for entry in shown["state"]])


READ, CHECK = "source-events read", "source-events check"
UNKNOWN_OPTIONS = [
    (READ, ["read", "--config", "c.json", "--catalogue"], ", did you mean '--catalog'"),
    (READ, ["read", "--config", "c.json", "--catalogue=c.json"], ", did you mean '--catalog'"),
    (READ, ["read", "--config", "c.json", "--catalog", "c.json", "--stat"], ", did you mean '--state'"),
    (READ, ["read", "-c"], ", did you mean '--config' or '--catalog'"),
    (CHECK, ["check", "-c"], ", did you mean '--config'"),
    (CHECK, ["check", "--configuration"], ", did you mean '--config'"),
    (CHECK, ["check", "--conf"], ", did you mean '--config'"),
    (CHECK, ["check", "--config", "c.json", "--catalog"], ""),
    (CHECK, ["check", "-x"], ""),
    ("source-events spec", ["spec", "--config"], ""),
    ("source-events catalog", ["catalog", "--config", "c.json", "--streams"], ", did you mean '--stream'"),
    ("source-events preview", ["preview", "--config", "c.json", "--debug"], ""),
    ("source-events", ["-V"], ", did you mean '--version'"),
    ("source-events", ["--debug"], ""),
]
WRONG_LIMIT = "source-events preview: error: argument --limit: it must be a whole number from 1 to 1000"
EXPECTED_ONE = "source-events read: error: argument --config: expected one argument"


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "source-events: error: name a command: spec, check, discover, read, catalog, preview, load"),
        *(
            (["preview", "--config", "c.json", f"--limit={limit}"], WRONG_LIMIT)
            for limit in ("0", "1001", "-1", "ten", "1.5", "²")
        ),
        (["catalog"], "source-events catalog: error: the following arguments are required: --config"),
        (["chek"], "source-events: error: there is no command 'chek', did you mean 'check'; try source-events --help"),
        (["sync"], "source-events: error: there is no command 'sync'; try source-events --help"),
        (["config.json"], "source-events: error: there is no command 'config.json'; try source-events --help"),
        (["check"], "source-events check: error: the following arguments are required: --config"),
        (["check", "config.json"], "source-events check: error: the following arguments are required: --config"),
        (["read", "--config", "c.json"], "source-events read: error: the following arguments are required: --catalog"),
        (["discover", "--config"], "source-events discover: error: argument --config: expected one argument"),
        *(
            (arguments, f"{call}: error: there is no option {arguments[-1].split('=')[0]!r}{meant}; try {call} --help")
            for call, arguments, meant in UNKNOWN_OPTIONS
        ),
        (["read", "--config", "--catalog", "c.json"], EXPECTED_ONE),
        (["check", "--config"], EXPECTED_ONE.replace("read", "check")),
    ],
    ids=" ".join,
)
def test_a_wrong_call_says_what_to_do_on_standard_error(arguments, problem):
    code, text, errors = terminal(*arguments)
    assert (code, text) == (2, "")
    assert errors.startswith("usage: source-events")
    assert errors.splitlines()[-1] == problem


@pytest.mark.parametrize("arguments", [["--help"], ["read", "--help"], ["--version"], [], ["chek"]], ids=" ".join)
def test_a_person_does_not_wait_for_the_cdk(arguments):
    code = (
        f"import sys; sys.argv = ['source-events', *{arguments!r}]\nfrom source_events.cli import run\n"
        "try: run()\nexcept SystemExit: pass\nsys.exit('airbyte_cdk' in sys.modules or 'requests' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60).returncode == 0


def test_the_version_is_the_packages():
    assert terminal("--version") == (0, f"source-events {source_events.__version__}\n", "")


@pytest.mark.parametrize("command", ["check", "discover", "read"])
def test_a_file_that_a_person_got_wrong_is_a_message_of_the_protocol_alone(tmp_path, command):
    files = written(tmp_path, config='{"start_date": "2024-01-01T00:00:00Z",}', catalog=CATALOG)
    code, messages, standard_error = process(command, *(files if command == "read" else files[:2]))
    assert (code, standard_error) == (1, "")
    [error] = [message["trace"]["error"] for message in messages if message["type"] == "TRACE"]
    assert error["message"].endswith(
        "config.json is not valid: line 1, column 38: remove the comma behind the last entry."
    )
    assert "stack_trace" not in error


def test_a_wrong_configuration_is_a_failed_check_and_no_failed_process(tmp_path):
    config = {key: value for key, value in configuration().items() if key != "start_date"}
    code, messages, _ = process("check", *written(tmp_path, config=config))
    [status] = [message["connectionStatus"] for message in messages if message["type"] == "CONNECTION_STATUS"]
    assert code == 0
    assert status["status"] == "FAILED"
    assert "`start_date` is missing" in status["message"]


def test_what_the_user_can_mend_is_one_error_without_a_stack(tmp_path):
    state = {"stream_descriptor": {"name": "org_events"}, "stream_state": {"createdAt": "yesterday"}}
    files = written(tmp_path, config=configuration(), catalog=CATALOG, state=[{"type": "STREAM", "stream": state}])
    code, messages, standard_error = process("read", *files)
    assert code == 1
    [error] = [message["trace"]["error"] for message in messages if message["type"] == "TRACE"]
    assert error["failure_type"] == "config_error"
    assert "The state of `org_events` is not valid" in error["message"]
    assert "Traceback" not in json.dumps(messages) + standard_error
    assert "an-example-secret" not in json.dumps(messages) + standard_error


def test_the_package_is_imported_without_the_cdk():
    code = "import sys, source_events; assert source_events.__version__; assert 'airbyte_cdk' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_package_has_nothing_else():
    with pytest.raises(AttributeError, match="no attribute 'SourceNothing'"):
        _ = source_events.SourceNothing

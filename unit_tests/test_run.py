from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from source_events import entrypoint
from source_events.run import run
from source_events.specification import specification
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


def written(folder: Path, **documents: Any) -> list[str]:
    arguments = []
    for name, document in documents.items():
        path = folder / f"{name}.json"
        path.write_text(document if isinstance(document, str) else json.dumps(document))
        arguments += [f"--{name}", str(path)]
    return arguments


def test_spec_is_answered_without_the_cdk():
    code = (
        "import sys; sys.argv = ['source-events', 'spec']; from source_events.run import run; run();"
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
    monkeypatch.setattr("source_events.imports.prepare_imports", lambda: None)
    monkeypatch.setattr(sys, "argv", ["source-events", *separator, "check", "--config", "c.json"])
    run()
    assert launched == [["check", "--config", "c.json"]]


def test_help_says_what_there_is():
    made = subprocess.run([sys.executable, "-m", "source_events", "--help"], capture_output=True, timeout=60, text=True)
    assert made.returncode == 0
    assert all(command in made.stdout for command in ("spec", "check", "discover", "read"))


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
    import source_events

    with pytest.raises(AttributeError, match="no attribute 'SourceNothing'"):
        _ = source_events.SourceNothing

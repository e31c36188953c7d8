"""`catalog` and `preview`, as people call them: tables, sentences, and no more requests than needed."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests.connector import COMMAND, Json, changed, run
from integration_tests.systems import STREAMS, config
from sandbox.process import Sandbox
from source_events import providers

EACH = [(system, stream) for system in providers.names() for stream in STREAMS[system]]
ENVIRONMENT = {**os.environ, "COLUMNS": "80"}
MOST_REQUESTS = 12
"""A login, five parts of the time, and some contacts."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=2000) as running:
        yield running


def call(folder: Path, command: str, config: Json, *options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    path = folder / "config.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    arguments = [*COMMAND, command, "--config", str(path), *options]
    return subprocess.run(
        arguments, capture_output=True, text=True, timeout=120, check=False, env=ENVIRONMENT, **settings
    )


def secrets(value: Any) -> Iterator[str]:
    """The values of the configuration that the form declares as secrets."""
    for name, entry in value.items():
        if isinstance(entry, dict):
            yield from secrets(entry)
        elif name in ("client_secret", "api_key", "api_secret", "password"):
            yield entry


class TestCatalog:
    @pytest.mark.parametrize("system", providers.names())
    def test_what_it_prints_reads_every_stream(self, system: str, sandbox: Sandbox, tmp_path: Path) -> None:
        settings = config(system, sandbox)
        sandbox.control.clear_requests()
        done = call(tmp_path, "catalog", settings)
        assert (done.returncode, done.stderr, sandbox.control.requests()) == (0, "", [])
        catalog = json.loads(done.stdout)
        assert [entry["stream"]["name"] for entry in catalog["streams"]] == list(STREAMS[system])
        output = run("read", config=settings, catalog=catalog)
        assert output.status == 0
        assert all(output.records(stream) for stream in STREAMS[system])


class TestPreview:
    @pytest.mark.parametrize(("system", "stream"), EACH)
    def test_every_stream_is_shown_at_the_cost_of_few_requests(
        self, system: str, stream: str, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        settings = config(system, sandbox)
        sandbox.control.clear_requests()
        done = call(tmp_path, "preview", settings, "--stream", stream, "--limit", "2")
        assert (done.returncode, done.stderr) == (0, "")
        made = sandbox.control.requests()
        assert 1 <= len(made) <= MOST_REQUESTS
        head, *lines = done.stdout.splitlines()
        assert head == f"2 records of {stream}, {providers.connection_specification(system)['title']}"
        assert len([line for line in lines if line.startswith("──")]) == 1
        assert max(map(len, lines)) <= 80
        assert "\x1b" not in done.stdout
        assert not [secret for secret in secrets(settings) if secret in done.stdout]

    @pytest.mark.parametrize("system", providers.names())
    def test_whole_records_are_those_of_a_read(self, system: str, sandbox: Sandbox, tmp_path: Path) -> None:
        settings = config(system, sandbox)
        done = call(tmp_path, "preview", settings, "--json", "--limit", "7")
        assert (done.returncode, done.stderr) == (0, "")
        shown = [json.loads(line) for line in filter(None, done.stdout.split("\n"))]
        assert len(shown) == 7
        stream = "org_events" if "org_events" in STREAMS[system] else "contact_events"
        catalog = json.loads(call(tmp_path, "catalog", settings, "--stream", stream).stdout)
        records = run("read", config=settings, catalog=catalog).records(stream)
        assert [record for record in shown if record not in records] == []

    def test_more_than_a_page_are_read_page_by_page(self, sandbox: Sandbox, tmp_path: Path) -> None:
        done = call(tmp_path, "preview", config("app_market", sandbox), "--json", "--limit", "250")
        assert (done.returncode, len({*done.stdout.split("\n")} - {""})) == (0, 250)

    def test_a_time_without_events_is_told(self, sandbox: Sandbox, tmp_path: Path) -> None:
        settings = config("cloud4wi", sandbox, start_date="2021-01-01", end_date="2021-01-02")
        done = call(tmp_path, "preview", settings)
        assert (done.returncode, done.stdout) == (0, "")
        assert done.stderr == (
            "source-events: note: no records of `org_events` were found from 2021-01-01T00:00:00Z to "
            "2021-01-02T23:59:59Z.\n"
        )

    def test_a_terminal_gets_colours(self, sandbox: Sandbox, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(json.dumps(config("cloud4wi", sandbox)), encoding="utf-8")
        reader, writer = pty.openpty()
        arguments = [*COMMAND, "preview", "--config", str(tmp_path / "config.json"), "--limit", "1"]
        environment = {name: value for name, value in ENVIRONMENT.items() if name != "NO_COLOR"}
        done = subprocess.run(
            arguments,
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
            env={**environment, "TERM": "xterm"},
        )
        os.close(writer)
        with os.fdopen(reader, "rb", buffering=0) as screen:
            text = screen.read(65536)
        assert (done.returncode, done.stderr) == (0, b"")
        assert text.startswith(b"\x1b[1m1 record of org_events, Cloud4Wi\x1b[0m")


class TestErrors:
    @pytest.mark.parametrize("system", providers.names())
    @pytest.mark.parametrize("command", ["catalog", "preview"])
    def test_a_stream_that_there_is_not_is_one_sentence(
        self, command: str, system: str, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        stream = STREAMS[system][0]
        done = call(tmp_path, command, config(system, sandbox), "--stream", stream[:-1])
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == (
            f"source-events: error: There is no stream `{stream[:-1]}` (did you mean `{stream}`?); the streams "
            f"are: {', '.join(sorted(STREAMS[system]))}.\n"
        )

    def test_wrong_credentials_are_one_sentence_without_them(self, sandbox: Sandbox, tmp_path: Path) -> None:
        secret = "a-wrong-secret-that-is-none"
        done = call(tmp_path, "preview", changed(config("cloud4wi", sandbox), {"client_secret": secret}))
        assert (done.returncode, done.stdout) == (1, "")
        [line] = done.stderr.splitlines()
        assert line.startswith(
            "source-events: error: Cloud4Wi does not accept the credentials. Check `provider.client_key`"
        )
        assert secret not in line

    def test_a_field_that_is_not_read_is_a_warning(self, sandbox: Sandbox, tmp_path: Path) -> None:
        done = call(tmp_path, "catalog", {**config("cloud4wi", sandbox), "streets": 1})
        assert done.returncode == 0
        assert done.stderr == (
            "source-events: warning: Fields of the configuration that are not read: `streets`. Correct their names, or "
            "delete them.\n"
        )


class TestEnd:
    def test_ctrl_c_ends_it_by_the_signal_and_without_a_word(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """While it waits for an answer."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            address = "http://{}:{}".format(*server.getsockname())
            settings = changed(config("cloud4wi", sandbox), {"api_url": address})
            (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
            arguments = [*COMMAND, "preview", "--config", str(tmp_path / "config.json")]
            process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            server.settimeout(60)
            connection, _ = server.accept()
            with connection:
                process.send_signal(signal.SIGINT)
                output, errors = process.communicate(timeout=20)
        assert (process.returncode, output, errors) == (-signal.SIGINT, b"", b"")

    def test_a_reader_that_has_gone_ends_it_without_a_word(self, sandbox: Sandbox, tmp_path: Path) -> None:
        (tmp_path / "config.json").write_text(json.dumps(config("cloud4wi", sandbox)), encoding="utf-8")
        for options in ([], ["--json"]):
            reader, writer = os.pipe()
            os.close(reader)
            arguments = [*COMMAND, "preview", "--config", str(tmp_path / "config.json"), *options]
            with os.fdopen(writer, "wb") as output:
                done = subprocess.run(arguments, stdout=output, stderr=subprocess.PIPE, timeout=60, check=False)
            assert (done.returncode, done.stderr) == (1, b""), options

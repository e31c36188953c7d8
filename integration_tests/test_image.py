"""The container image, run as a careful platform runs it: no privileges, a read-only file system, 128 MB of memory."""

import importlib.metadata
import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import source_events
from integration_tests.test_package import constraints
from sandbox import cloud4wi
from sandbox.process import PROJECT, Sandbox

# The first build fetches the base image's packages and everything that the connector depends on.
pytestmark = [pytest.mark.image, pytest.mark.timeout(1800)]

BUILD = PROJECT / "integration_tests" / "image" / "build.sh"
IMAGE = "localhost/source-events:test"
PROVIDER = "cloud4wi"
WRONG_SECRET = "not-a-secret-sandbox-only-wrong-one"
START = "2020-01-01T00:00:00Z"


@dataclass(frozen=True)
class Outcome:
    """How a command ended in the container."""

    exit_code: int
    messages: list[dict[str, Any]]
    text: str

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of the messages of this type; a body stands under its type's name in camel case."""
        first, *others = kind.lower().split("_")
        key = first + "".join(map(str.title, others))
        return [message[key] for message in self.messages if message["type"] == kind]

    def records(self, stream: str) -> list[dict[str, Any]]:
        return [record["data"] for record in self.of_type("RECORD") if record["stream"] == stream]


class Container:
    """Runs the connector's commands, each in a container of its own; `folder` is `/secrets` in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.chmod(0o755)

    def put(self, name: str, content: object) -> str:
        path = self._folder / name
        path.write_text(json.dumps(content))
        path.chmod(0o644)
        return f"/secrets/{name}"

    def command(self, *arguments: str) -> list[str]:
        return [str(BUILD), "run", IMAGE, str(self._folder), *arguments]

    def run(self, *arguments: str) -> Outcome:
        result = subprocess.run(self.command(*arguments), capture_output=True, text=True)
        # Standard output carries messages of the protocol and nothing else, so every line must be one.
        # (`splitlines` would also split at the line separators that Unicode has and JSON allows.)
        messages = [json.loads(line) for line in result.stdout.split("\n") if line]
        return Outcome(result.returncode, messages, result.stdout + result.stderr)


@pytest.fixture(scope="module", autouse=True)
def image() -> None:
    built = subprocess.run([BUILD, "build", IMAGE], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert built.returncode == 0, built.stdout[-4000:]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


@pytest.fixture
def config(sandbox: Sandbox) -> dict[str, Any]:
    provider = {
        "provider_type": PROVIDER,
        "organization_id": cloud4wi.ORGANIZATION_ID,
        "client_key": cloud4wi.CLIENT_KEY,
        "client_secret": cloud4wi.CLIENT_SECRET,
        "api_url": sandbox.url,
    }
    return {"provider": provider, "start_date": START}


@pytest.fixture
def wrong_config(config: dict[str, Any]) -> dict[str, Any]:
    return {**config, "provider": {**config["provider"], "client_secret": WRONG_SECRET}}


class TestImage:
    def test_is_labelled_with_name_and_version(self) -> None:
        labels = inspected()["Labels"]
        assert labels["io.airbyte.name"] == "source-events"
        assert labels["io.airbyte.version"] == source_events.__version__

    def test_runs_as_a_user_without_privileges(self) -> None:
        assert inspected()["User"] == "airbyte"
        assert engine("run", "--rm", "--entrypoint=id", IMAGE, "-u").strip() == "1000"

    def test_announces_its_entry_point(self) -> None:
        (entrypoint,) = inspected()["Entrypoint"]
        assert f"AIRBYTE_ENTRYPOINT={entrypoint}" in inspected()["Env"]

    def test_holds_the_connector_and_none_of_its_tests(self) -> None:
        others = ["sandbox", "seed", "unit_tests", "integration_tests", "demo", "benchmarks", "pytest"]
        program = f"import importlib.util as u; print([n for n in {['source_events', *others]} if u.find_spec(n)])"
        assert engine("run", "--rm", "--entrypoint=python", IMAGE, "-c", program).strip() == "['source_events']"

    def test_keeps_no_configuration_of_the_machine_that_built_it(self) -> None:
        listing = engine(
            "run", "--rm", "--entrypoint=sh", IMAGE, "-c", "cat /etc/pip.conf 2>/dev/null; pip config list"
        )
        assert listing.strip() == ""


class TestInventory:
    """The bill of materials and the licences that the build has left in the image."""

    def test_lists_every_package_that_is_installed_and_no_other(self) -> None:
        sbom = json.loads(read_file("sbom.cdx.json"))
        assert sbom["bomFormat"] == "CycloneDX"
        assert packages(sbom["components"], "name", "version") == installed()

    def test_lists_the_versions_that_the_tests_run_with(self) -> None:
        pinned = constraints()
        needed = needed_by("source-events")
        assert {"airbyte-cdk", "requests", "urllib3", "certifi"} <= needed
        versions = {name: version for name, version in installed() if name in needed}
        assert versions == {name: pinned[name] for name in needed}

    def test_names_the_licence_of_every_package(self) -> None:
        licences = json.loads(read_file("licences.json"))
        assert packages(licences, "Name", "Version") == installed()
        assert [entry["Name"] for entry in licences if entry["License"] in ("", "UNKNOWN")] == []

    def test_has_left_no_tool_behind(self) -> None:
        assert {"cyclonedx-bom", "pip-licenses"}.isdisjoint(name for name, _ in installed())
        assert engine("run", "--rm", "--entrypoint=ls", IMAGE, "/opt").strip() == ""


class TestCommands:
    def test_spec_tells_the_connection_form(self, container: Container) -> None:
        outcome = container.run("spec")
        assert outcome.exit_code == 0
        (spec,) = outcome.of_type("SPEC")
        assert "provider" in spec["connectionSpecification"]["properties"]

    def test_check_succeeds(self, container: Container, config: dict[str, Any]) -> None:
        outcome = container.run("check", "--config", container.put("config.json", config))
        assert outcome.exit_code == 0, outcome.text
        assert [status["status"] for status in outcome.of_type("CONNECTION_STATUS")] == ["SUCCEEDED"]
        assert_no_secret(outcome)

    def test_discover_finds_all_streams(self, container: Container, config: dict[str, Any]) -> None:
        outcome = container.run("discover", "--config", container.put("config.json", config))
        assert outcome.exit_code == 0, outcome.text
        (catalog,) = outcome.of_type("CATALOG")
        names = {stream["name"] for stream in catalog["streams"]}
        assert names == {"org_events", "contact_events", "contacts", "locations"}
        assert_no_secret(outcome)

    def test_read_finds_every_event(self, container: Container, config: dict[str, Any], sandbox: Sandbox) -> None:
        arguments = configured(container, config)
        outcome = container.run("read", *arguments)
        assert outcome.exit_code == 0, outcome.text[-4000:]
        organization = outcome.records("org_events")
        assert sorted(record["id"] for record in organization) == sorted(sandbox.control.event_ids(PROVIDER))
        of_contacts = {record["id"] for record in organization if record["contactId"]}
        assert {record["id"] for record in outcome.records("contact_events")} == of_contacts
        assert_no_secret(outcome)

    def test_read_goes_on_from_its_state(self, container: Container, config: dict[str, Any]) -> None:
        arguments = configured(container, config, "org_events")
        first = container.run("read", *arguments)
        state = container.put("state.json", first.of_type("STATE")[-1:])
        second = container.run("read", *arguments, "--state", state)
        assert second.exit_code == 0, second.text[-4000:]
        again = {record["id"] for record in second.records("org_events")}
        assert again < {record["id"] for record in first.records("org_events")}


class TestOwnAuthority:
    """As docs/network.md tells: the certificate is mounted, and named as the container sees it."""

    @pytest.mark.parametrize(("path", "status"), [("/authority.pem", "SUCCEEDED"), ("/elsewhere.pem", "FAILED")])
    def test_is_trusted_where_it_is_mounted(
        self, container: Container, config: dict[str, Any], tmp_path: Path, path: str, status: str
    ) -> None:
        with Sandbox(events=1, tls=str(tmp_path / "tls")) as encrypted:
            container.put("config.json", {**config, "provider": {**config["provider"], "api_url": encrypted.url}})
            mounts = ["-v", f"{tmp_path}:/secrets:ro", "-v", f"{encrypted.authority}:/authority.pem:ro"]
            options = ["--rm", "--network=host", *mounts, "-e", f"REQUESTS_CA_BUNDLE={path}"]
            output = engine("run", *options, IMAGE, "check", "--config", "/secrets/config.json")
        messages = [json.loads(line) for line in output.split("\n") if line]
        assert [m["connectionStatus"]["status"] for m in messages if m["type"] == "CONNECTION_STATUS"] == [status]
        assert ("the file of certificate authorities cannot be read" in output) == (status == "FAILED")


class TestManyEvents:
    """As many as fill the memory that a sync takes at most: full pages for all workers."""

    EVENTS = 200_000

    @pytest.fixture
    def arguments(self, container: Container, config: dict[str, Any]) -> Iterator[list[str]]:
        start, end = "2024-01-01T00:00:00Z", "2024-01-31T23:59:59Z"
        with Sandbox(streamed=self.EVENTS, contacts=100, start=start, end=end) as many:
            provider = {**config["provider"], "api_url": many.url}
            settings = {"provider": provider, "start_date": start, "end_date": end}
            yield configured(container, settings, "org_events")

    def test_are_read_within_128_mb(self, container: Container, arguments: list[str]) -> None:
        result = subprocess.run(container.command("read", *arguments), capture_output=True)
        assert result.returncode == 0, result.stderr[-4000:]
        assert result.stdout.count(b'{"type":"RECORD"') == self.EVENTS

    def test_are_no_longer_written_within_a_second_of_sigterm(self, container: Container, arguments: list[str]) -> None:
        with subprocess.Popen(container.command("read", *arguments), stdout=subprocess.PIPE) as reading:
            assert reading.stdout is not None
            while not reading.stdout.readline().startswith(b'{"type":"RECORD"'):
                pass
            reading.send_signal(signal.SIGTERM)
            began = time.monotonic()
            *lines, last = reading.stdout.read().split(b"\n")
            assert time.monotonic() - began < 1
        assert reading.returncode == 128 + signal.SIGTERM
        assert (last, json.loads(lines[-1])["type"]) == (b"", "RECORD")
        assert len(lines) < self.EVENTS


class TestWrongSecret:
    def test_check_reports_it_and_ends_well(self, container: Container, wrong_config: dict[str, Any]) -> None:
        outcome = container.run("check", "--config", container.put("config.json", wrong_config))
        assert outcome.exit_code == 0, outcome.text
        assert [status["status"] for status in outcome.of_type("CONNECTION_STATUS")] == ["FAILED"]
        assert_no_secret(outcome)

    def test_read_fails_with_an_error_that_the_user_can_mend(
        self, container: Container, wrong_config: dict[str, Any]
    ) -> None:
        outcome = container.run("read", *configured(container, wrong_config))
        assert outcome.exit_code == 1, outcome.text[-4000:]
        errors = [trace["error"] for trace in outcome.of_type("TRACE") if trace["type"] == "ERROR"]
        assert {error["failure_type"] for error in errors} == {"config_error"}
        assert outcome.of_type("RECORD") == []
        assert_no_secret(outcome)


def read_file(name: str) -> str:
    return engine("run", "--rm", "--entrypoint=cat", IMAGE, f"/usr/local/share/source-events/{name}")


def installed() -> set[tuple[str, str]]:
    """Names and versions of the packages that the image's interpreter finds; the base image may bring an older one."""
    versions = "[[found.metadata['Name'], found.version] for found in importlib.metadata.distributions()]"
    program = f"import importlib.metadata, json; print(json.dumps({versions}))"
    found = json.loads(engine("run", "--rm", "--entrypoint=python", IMAGE, "-c", program))
    return {(normal(name), version) for name, version in found}


def needed_by(name: str) -> set[str]:
    """All packages that this one asks for, and those that these ask for."""
    found: set[str] = set()
    waiting = [Requirement(name)]
    while waiting:
        requirement = waiting.pop()
        for extra in ("", *requirement.extras):
            for line in importlib.metadata.requires(requirement.name) or ():
                asked = Requirement(line)
                applies = asked.marker is None or asked.marker.evaluate({"extra": extra})
                if applies and normal(asked.name) not in found:
                    found.add(normal(asked.name))
                    waiting.append(asked)
    return found


def packages(entries: list[dict[str, str]], name: str, version: str) -> set[tuple[str, str]]:
    return {(normal(entry[name]), entry[version]) for entry in entries}


def normal(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def configured(container: Container, config: dict[str, Any], *names: str) -> list[str]:
    """The arguments of a read of these streams, or of all."""
    where = container.put("config.json", config)
    (catalog,) = container.run("discover", "--config", where).of_type("CATALOG")
    streams = [
        {"stream": stream, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
        for stream in catalog["streams"]
        if not names or stream["name"] in names
    ]
    return ["--config", where, "--catalog", container.put("catalog.json", {"streams": streams})]


def assert_no_secret(outcome: Outcome) -> None:
    for secret in (cloud4wi.CLIENT_SECRET, WRONG_SECRET):
        assert secret not in outcome.text


def inspected() -> dict[str, Any]:
    (image,) = json.loads(engine("inspect", "--type=image", IMAGE))
    config: dict[str, Any] = image["Config"]
    return config


def engine(*arguments: str) -> str:
    result = subprocess.run([BUILD, "engine", *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout

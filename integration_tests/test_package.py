"""What is delivered besides the code: versions, metadata, the Dockerfile, and the wheel."""

import email
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from airbyte_connector_models.metadata.v0.connector_metadata_definition_v0 import ConnectorMetadataDefinitionV0
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import source_events
from docs import version
from integration_tests import cloud4wi, connector
from integration_tests.warehouse.loading import DEMO_PYTHON, marks
from sandbox.process import Sandbox
from source_events import providers
from source_events.settings.specification import specification

PROJECT = Path(__file__).resolve().parent.parent
DOCKERFILE = (PROJECT / "Dockerfile").read_text()
METADATA = yaml.safe_load((PROJECT / "metadata.yaml").read_text())["data"]
RELEASE = yaml.safe_load((PROJECT / ".github/workflows/release.yml").read_text())
SCRIPTS = Path(sys.executable).parent


REPEATING = [path for path in version.files() if version.repeats(path.read_text(encoding="utf-8"))]


class TestVersion:
    """It is set in one place, and nothing that repeats it says another."""

    @pytest.mark.parametrize("path", REPEATING, ids=lambda path: path.relative_to(PROJECT).as_posix())
    def test_is_the_same_in_every_file_that_repeats_it(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert version.up_to_date(text) == text, "run `python -m docs.generate`"

    def test_is_looked_for_where_it_is_repeated(self) -> None:
        repeating = {path.relative_to(PROJECT).as_posix() for path in REPEATING}
        assert {
            ".github/ISSUE_TEMPLATE/defect.yml",
            "Dockerfile",
            "README.md",
            "docs/network.md",
            "examples/airbyte-ui/README.md",
            "examples/docker/README.md",
            "examples/meltano/meltano.yml",
            "metadata.yaml",
        } <= repeating

    def test_of_another_release_is_replaced(self) -> None:
        assert version.up_to_date("docker run source-events:0.0.9rc1 spec") == (
            f"docker run source-events:{source_events.__version__} spec"
        )
        assert version.up_to_date("FROM python-connector-base:4.0.2") == "FROM python-connector-base:4.0.2"

    def test_is_the_same_in_the_metadata(self) -> None:
        assert METADATA["dockerImageTag"] == source_events.__version__

    def test_is_the_same_on_the_image(self) -> None:
        assert label("io.airbyte.version") == source_events.__version__

    def test_has_an_entry_in_the_changelog(self) -> None:
        changelog = (PROJECT / "CHANGELOG.md").read_text()
        newest = re.findall(r"^## \[(\d[^]]*)\]", changelog, re.MULTILINE)[0]
        assert newest == source_events.__version__


class TestRelease:
    CHANGELOG = (
        f"## [Unreleased]\n\n- Later.\n\n## [{source_events.__version__}] - 2026-01-31\n\n- New.\n\n"
        "## [0.0.1] - 2025-01-01\n"
    )

    def test_has_the_notes_of_the_changelog(self) -> None:
        assert version.notes(f"v{source_events.__version__}", self.CHANGELOG) == "- New."

    @pytest.mark.parametrize("tag", ["v0.0.1", source_events.__version__, "v"])
    def test_is_refused_for_the_tag_of_another_version(self, tag: str) -> None:
        with pytest.raises(ValueError, match=f"The tag is {tag}, and the version is"):
            version.notes(tag, self.CHANGELOG)

    @pytest.mark.parametrize("changelog", ["", CHANGELOG.replace(" - 2026-01-31", ""), CHANGELOG.replace("- New.", "")])
    def test_is_refused_without_a_dated_entry_of_the_changelog(self, changelog: str) -> None:
        with pytest.raises(ValueError, match=r"CHANGELOG\.md has no entry"):
            version.notes(f"v{source_events.__version__}", changelog)

    def test_publishes_nothing_without_a_tag(self) -> None:
        publish, build = RELEASE["jobs"]["publish"], RELEASE["jobs"]["image"]["steps"]
        only = "github.ref_type == 'tag'"
        assert publish["if"] == only
        publishing = ("docker login", "docker run", "imagetools create", "actions/attest", "gh release", "twine upload")
        free = [
            step
            for name, job in RELEASE["jobs"].items()
            for step in job["steps"]
            if name != "publish" and step.get("if") != only and any(word in str(step) for word in publishing)
        ]
        assert free == []
        (image,) = (step["with"] for step in build if "build-push-action" in step.get("uses", ""))
        assert image["outputs"].endswith("push=${{ github.ref_type == 'tag' }}")

    def test_ends_where_a_part_of_a_pipe_fails(self) -> None:
        assert RELEASE["defaults"]["run"]["shell"] == "bash"

    def test_gives_every_job_no_more_than_it_needs(self) -> None:
        assert RELEASE["permissions"] == {"contents": "read"}
        assert {name for name, job in RELEASE["jobs"].items() if "permissions" in job} == {"image", "publish"}

    def test_has_a_list_of_contents_and_provenance_for_both_platforms(self) -> None:
        (image,) = (
            step["with"] for step in RELEASE["jobs"]["image"]["steps"] if "build-push-action" in step.get("uses", "")
        )
        assert (image["platforms"], image["sbom"], image["provenance"]) == ("linux/amd64,linux/arm64", True, "mode=max")

    def test_uses_no_namespace_of_somebody_else(self) -> None:
        assert METADATA["dockerRepository"] == "source-events"
        assert METADATA["remoteRegistries"]["pypi"]["packageName"] == "source-events"
        assert "ghcr.io/${GITHUB_REPOSITORY_OWNER,,}/source-events" in str(RELEASE)
        places = (
            "*.md",
            "*.py",
            "Makefile",
            "docs/**/*.md",
            "examples/**/*.*",
            "source_events/**/*.py",
            ".github/**/*.yml",
        )
        saying = [
            path.relative_to(PROJECT).as_posix()
            for place in places
            for path in PROJECT.glob(place)
            # Another test may have run an example, which Python compiles beside it.
            if path.suffix != ".pyc" and re.search("airbyte[/-]source-events", path.read_text(encoding="utf-8"))
        ]
        # These tell of the former names.
        assert set(saying) == {"CHANGELOG.md", "docs/upgrading.md"}


class TestMetadata:
    def test_is_valid(self) -> None:
        ConnectorMetadataDefinitionV0.model_validate(yaml.safe_load((PROJECT / "metadata.yaml").read_text()))

    def test_names_the_image_of_the_dockerfile(self) -> None:
        assert label("io.airbyte.name") == METADATA["dockerRepository"]
        assert base_image() == METADATA["connectorBuildOptions"]["baseImage"]

    def test_documents_what_the_specification_documents(self) -> None:
        assert METADATA["documentationUrl"] == specification()["documentationUrl"]

    def test_has_its_icon(self) -> None:
        assert (PROJECT / METADATA["icon"]).read_text().startswith("<svg")

    @pytest.mark.parametrize("provider", providers.names())
    def test_allows_the_default_host_of_every_provider(self, provider: str) -> None:
        address = providers.connection_specification(provider)["properties"]["api_url"].get("default")
        if address is not None:
            host = re.sub(r"^https://([^/]+).*", r"\1", address)
            assert host in METADATA["allowedHosts"]["hosts"]

    @pytest.mark.parametrize("provider", providers.names())
    def test_refers_to_the_documentation_of_every_providers_api(self, provider: str) -> None:
        title = providers.connection_specification(provider)["title"].partition(" /")[0]
        found = [entry for entry in METADATA["externalDocumentationUrls"] if entry["title"].startswith(title)]
        assert [entry["type"] for entry in found] == ["api_reference"]

    def test_allows_the_host_that_the_user_names(self) -> None:
        assert "${provider.api_url}" in METADATA["allowedHosts"]["hosts"]


class TestDockerfile:
    def test_is_clean_for_hadolint(self) -> None:
        # The platform knows the user by name, which hadolint would tell as a piece of information.
        command = [SCRIPTS / "hadolint", "--no-color", "--failure-threshold=warning", PROJECT / "Dockerfile"]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr

    def test_tells_the_platform_its_entry_point(self) -> None:
        (entrypoint,) = re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
        (announced,) = re.findall(r'AIRBYTE_ENTRYPOINT="([^"]+)"', DOCKERFILE)
        assert " ".join(json.loads(entrypoint)) == announced

    def test_ends_as_a_user_without_privileges(self) -> None:
        assert re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)[-1] == "airbyte"


class TestConstraints:
    """What is tested is what the image has."""

    def test_are_the_versions_that_the_tests_run_with(self) -> None:
        beside = {"source-events", "pip"}
        installed = {canonicalize_name(found.name): found.version for found in importlib.metadata.distributions()}
        assert {name: version for name, version in installed.items() if name not in beside} == constraints()

    def test_fit_what_setup_py_asks_for(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
            asked = email.message_from_bytes(archive.read(metadata)).get_all("Requires-Dist", [])
        requirements = [Requirement(line) for line in asked if "demo" not in line and "spark" not in line]
        assert len(requirements) > 20
        pinned = constraints()
        assert [str(r) for r in requirements if not r.specifier.contains(pinned[canonicalize_name(r.name)])] == []

    def test_hold_for_the_image(self) -> None:
        assert "pip install --no-cache-dir --constraint constraints.txt .\n" in DOCKERFILE
        assert "!constraints.txt" in (PROJECT / ".dockerignore").read_text().splitlines()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy: building leaves files behind."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    unwanted = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
    shutil.copytree(PROJECT, copy, ignore=unwanted)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, copy)
    (built,) = folder.glob("*.whl")
    return built


class TestWheel:
    def test_contains_every_module_document_and_schema_of_the_package(self, wheel: Path) -> None:
        package = PROJECT / "source_events"
        wanted = {
            path.relative_to(PROJECT).as_posix()
            for path in package.rglob("*")
            if path.is_file() and path.suffix != ".pyc"
        }
        assert wanted == {name for name in contents(wheel) if name.startswith("source_events/")}

    def test_contains_nothing_else(self, wheel: Path) -> None:
        assert {name.partition("/")[0] for name in contents(wheel)} == {
            "source_events",
            f"source_events-{source_events.__version__}.dist-info",
        }

    def test_works_where_it_is_installed(self, wheel: Path, tmp_path: Path) -> None:
        pip("install", "--no-deps", "--target", tmp_path, wheel)
        output = subprocess.run(
            [tmp_path / "bin" / "source-events", "spec"],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            check=True,
            capture_output=True,
        ).stdout
        assert json.loads(output) == {"type": "SPEC", "spec": specification()}


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with what the wheel asks for and nothing else, named as PyAirbyte's validation looks for it."""
    folder = tmp_path_factory.mktemp("environment") / ".venv-source-events"
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    install = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", wheel]
    result = subprocess.run(install, env=without_the_checkout(), capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=200, contacts=5, no_example=True) as running:
        yield running


@pytest.fixture(scope="module")
def config(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "config.json"
    path.write_text(json.dumps(cloud4wi.config(sandbox.url)))
    return path


@pytest.mark.timeout(900)
class TestCleanInstallation:
    """The wheel alone, without the checkout and what its tests need."""

    @pytest.fixture(autouse=True)
    def installed(self, environment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connector, "COMMAND", [str(environment / "bin" / "source-events")])
        monkeypatch.delenv("PYTHONPATH", raising=False)
        monkeypatch.chdir(tmp_path)

    def test_has_all_that_its_packages_ask_for(self, environment: Path) -> None:
        result = subprocess.run([environment / "bin" / "pip", "check"], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout

    @pytest.mark.parametrize(
        "name",
        ["sandbox", "seed", "demo", "docs", "benchmarks", "unit_tests", "integration_tests", "aiohttp", "pytest"],
    )
    def test_has_nothing_that_only_the_project_needs(self, environment: Path, name: str) -> None:
        code = f"from importlib.util import find_spec; raise SystemExit(find_spec({name!r}) is not None)"
        assert subprocess.run([environment / "bin" / "python", "-c", code]).returncode == 0

    def test_tells_its_specification(self) -> None:
        assert connector.run("spec").messages == [{"type": "SPEC", "spec": specification()}]

    def test_checks_a_connection(self, sandbox: Sandbox) -> None:
        assert connector.run("check", config=cloud4wi.config(sandbox.url)).connection_status == {"status": "SUCCEEDED"}

    def test_reads_every_event(self, sandbox: Sandbox) -> None:
        output = connector.read(cloud4wi.config(sandbox.url), "org_events")
        assert output.status == 0
        assert output.ids("org_events") == connector.once(sandbox.control.event_ids("cloud4wi"))


@pytest.mark.timeout(900)
class TestPyAirbytesValidation:
    """The checks that PyAirbyte has for connectors."""

    pytestmark = marks

    def test_pyab_validates_the_command(self, environment: Path, config: Path, tmp_path: Path) -> None:
        program = environment / "bin" / "source-events"
        validate = [Path(DEMO_PYTHON).with_name("pyab"), "validate", f"--connector={program}", f"--config={config}"]
        result = self.run(validate, tmp_path)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "Connection check succeeded" in result.stdout + result.stderr

    def test_the_module_validates_the_project(self, wheel: Path, environment: Path, config: Path) -> None:
        project = wheel.parent / "source"
        code = "from airbyte.validate import run; run()"
        options = [f"--connector-dir={project}", f"--sample-config={config}"]
        result = self.run([DEMO_PYTHON, "-c", code, *options], environment.parent)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "Trying to read from stream org_events" in result.stdout
        assert "Could not read" not in result.stdout
        assert "Unhandled error" not in result.stdout

    @staticmethod
    def run(command: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
        environment = {"AIRBYTE_OFFLINE_MODE": "1", "AIRBYTE_NO_UV": "1", "DO_NOT_TRACK": "1", "COLUMNS": "200"}
        return subprocess.run(
            command, cwd=folder, env=without_the_checkout() | environment, capture_output=True, text=True
        )


def without_the_checkout() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def constraints() -> dict[str, str]:
    """The pinned packages, by their names as they are compared, and their versions."""
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pinned = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(name): version for name, version in pinned}


def label(name: str) -> str:
    (value,) = re.findall(rf'{re.escape(name)}="([^"]+)"', DOCKERFILE)
    return value


def base_image() -> str:
    (image,) = re.findall(r"^ARG BASE_IMAGE=(.+)$", DOCKERFILE, re.MULTILINE)
    return image


def contents(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def pip(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr

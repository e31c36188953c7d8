"""The documentation says what the code does: its commands run, its links lead somewhere, its lists are complete."""

from __future__ import annotations

import ast
import functools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from docs import generate
from integration_tests.connector import run
from integration_tests.documentation.messages import gone, messages, missing, texts
from integration_tests.documentation.pages import IMAGE, PROJECT, Page, addresses, pages, run_page
from sandbox.process import Sandbox
from source_events import providers
from source_events.settings.configuration import validate
from source_events.settings.specification import specification

PAGES = pages()
EXAMPLES = PROJECT / "examples"
CONFIGS = sorted(EXAMPLES.glob("*/config*.json"))
DOCKER = Page(EXAMPLES / "docker/README.md")
RUN_HERE = [page for page in PAGES if page.commands and not page.needs and page != DOCKER]
STATED = "2024-02-15T00:00:00Z"
"""The time in the examples' states."""


def page(name: str) -> Page:
    return Page(PROJECT / name)


def by_name(value: object) -> str:
    if isinstance(value, Page):
        return value.name
    return str(value.relative_to(EXAMPLES)) if isinstance(value, Path) else ""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=400) as running:
        yield running


# --- pages


@pytest.mark.parametrize("page", [page for page in PAGES if "<!-- generated:" in page.text], ids=by_name)
def test_what_repeats_the_code_is_up_to_date(page: Page) -> None:
    assert generate.up_to_date(page.text) == page.text, "run `python -m docs.generate`"


@pytest.mark.parametrize("page", [page for page in PAGES if page.links], ids=by_name)
def test_links_lead_to_files_and_headings_that_exist(page: Page) -> None:
    for link in page.links:
        name, _, anchor = link.partition("#")
        target = (page.path.parent / name).resolve() if name else page.path
        assert target.exists(), link
        assert not anchor or anchor in Page(target).anchors, link


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_code_blocks_can_be_parsed(page: Page) -> None:
    for block in page.blocks("json"):
        json.loads(block.text)
    for block in page.blocks("yaml", "yml"):
        yaml.safe_load(block.text)
    for block in page.blocks("python"):
        ast.parse(block.text)


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_commands_are_in_blocks_that_are_run(page: Page) -> None:
    """Those of the languages `sh` and `python` are, unless a comment above them says why not."""
    assert page.blocks("bash", "shell", "console", "zsh", "py") == []


@pytest.mark.parametrize("page", RUN_HERE, ids=by_name)
def test_commands_run(page: Page, sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = run_page(page, sandbox.url, tmp_path)
    assert outcome.status == 0, outcome.text[-4000:]


def test_the_commands_for_docker_check_read_and_go_on(sandbox: Sandbox, tmp_path: Path) -> None:
    outcome = run_page(DOCKER, sandbox.url, tmp_path)
    assert outcome.status == 0, outcome.text[-4000:]
    assert outcome.text.count('"SUCCEEDED"') == 2
    (state,) = json.loads((tmp_path / "secrets/state.json").read_text(encoding="utf-8"))
    assert state["stream"]["stream_descriptor"]["name"] == "org_events"
    lines = (tmp_path / "messages.jsonl").read_text(encoding="utf-8").split("\n")
    records = [message["record"]["data"] for message in map(json.loads, filter(None, lines)) if "record" in message]
    assert 0 < len(records) < len(sandbox.control.event_ids("cloud4wi"))


# --- messages


NO_MESSAGES = (
    # What `--help` says.
    "Reads customer events completely",
    "example:\n",
    "print what a configuration consists of",
    "try out a configuration with one cheap request",
    "print the streams that the system has",
    "read the streams of a catalogue, and print",
    "print a catalogue of all streams",
    "show some records of a stream",
    " --stream ",
    "a stream to read; again for another",
    "default: org_events, or else",
    "how many records, 1 to …",
    "whole records, one JSON object a line",
    "load streams into a warehouse, and go on",
    "duckdb:PATH, postgresql://USER@HOST/DATABASE, parquet:FOLDER, or a destination",
    "a stream to load; again for another",
    "where the tables go: a schema or folder",
    "read everything again, and replace the tables",
    "JSON: ",
    "write detailed log messages too",
    # What `preview` says while it reads, and beneath a table.
    "…: looking for records",
    "\nNot shown: …",
    # What `load` says while it runs and at its end, and what it asks a warehouse.
    "…: asking the warehouse how far",
    "…: … records read, loading them",
    "…: … records loaded, counting the rows",
    "What was read of …, by type",
    "added to what is there",
    "… is no number of hours",
    "\nTo go on: …",
    "SELECT ",
    # What only those meet who change the connector.
    "module … has no attribute …",
    "the answer to a login has no rows",
    # What is looked for in the words of others.
    "Read \\d+ records from|",
    "Tunnel connection failed: ",
    "The HMAC key is",
    # What stands within a message, as the reason of an error that only a new version mends.
    "Object missing required field `",
    "it has neither `",
    "nothing is included at `",
    "a field occurs twice in an object",
    "it gives no reason",
    "the list of rows is null",
    "nothing is included at ",
    "a field occurs twice in an object",
    " It has no time zone, and none is given for it.",
    # What nobody is shown: another message takes its place.
    "no end of the body within … seconds",
    "no body is read any more",
    "The read has been abandoned.",
    "an integer that would be rounded",
    "a time before the year 1",
)
"""How texts begin that are no messages which somebody could look up."""

TROUBLESHOOTING = page("docs/troubleshooting.md")
NO_ROWS = ("Message", "Part", "No events, and no error")


@functools.cache
def told() -> list[str]:
    return [message for message in messages(PROJECT / "source_events") if not message.startswith(NO_MESSAGES)]


def rows() -> list[str]:
    return [row for row in TROUBLESHOOTING.first_cells if row not in NO_ROWS]


def test_every_message_of_the_troubleshooting_page_is_in_the_code() -> None:
    code = (path.read_text(encoding="utf-8") for path in (PROJECT / "source_events").rglob("*.py"))
    assert not gone(rows(), [*(text for module in code for text in texts(module)), *told()])


def test_the_troubleshooting_page_has_every_message_of_the_code() -> None:
    assert not missing(told(), rows(), TROUBLESHOOTING.prose.splitlines()), "describe them in docs/troubleshooting.md"


def test_each_row_of_the_troubleshooting_page_is_needed() -> None:
    """So no message is taken for described because of a row that is about another."""
    needed = set()
    for row in rows():
        others = [other for other in rows() if other != row]
        lines = [line for line in TROUBLESHOOTING.prose.splitlines() if not line.startswith(f"| {row} |")]
        if missing(told(), others, lines):
            needed.add(row)
    assert set(rows()) - needed == SHORT | PARTS_OF_OTHERS


SHORT = {
    "… rows read",
    "… repeated",
    "…: … records",
    "…: … records, …",
    "…: … of … contacts, … records",
    "line …, column …: …",
}
"""Rows about texts of one or two words, which are not looked for."""
PARTS_OF_OTHERS = {
    "The API answered … Try again later.",
    "The API refused the request. …",
    "The API refused the request: …",
    "there is nothing …",
    "there is nothing new since the last sync, up to …",
}
"""Rows about messages whose words stand in a row about a longer one, too."""


@pytest.mark.parametrize("beginning", NO_MESSAGES)
def test_what_is_left_out_of_the_messages_is_in_the_code(beginning: str) -> None:
    assert any(message.startswith(beginning) for message in messages(PROJECT / "source_events"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.py", "def a(): raise InvalidThing(f'Open the {window} and look out.')"),
        ("a.py", "A = {'b': 'Open the %s and look out.'}"),
        ("a.py", "def a():\n    problem = 'Open the window ' 'and look out'\n    raise Failure(problem)"),
        ("b/manifest.yaml", "refusals: {401: Open the window and look out.}"),
        ("b/manifest.yaml", "streams: [{a: {message: Open the window and look out, failure_type: config_error}}]"),
    ],
)
def test_a_message_that_is_not_on_the_page_is_noticed(name: str, content: str, tmp_path: Path) -> None:
    """Wherever in the package it stands."""
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(content, encoding="utf-8")
    [message] = missing(messages(tmp_path), rows(), TROUBLESHOOTING.prose.splitlines())
    assert message.startswith("Open the ")


def test_a_row_that_the_code_does_not_say_is_noticed() -> None:
    assert gone(["The window … is open."], told()) == ["The window … is open."]


# --- lists


def test_the_dependencies_are_those_of_setup_py() -> None:
    tree = ast.parse((PROJECT / "setup.py").read_text(encoding="utf-8"))
    (named,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "REQUIREMENTS"
    )
    required = {re.split(r"[<>=~!; ]", requirement)[0] for requirement in named}
    listed = {row.strip("`") for row in page("docs/dependencies.md").first_cells} - {"Package"}
    assert listed == required


@pytest.mark.parametrize("provider", providers.names())
def test_every_system_has_a_page_and_examples(provider: str) -> None:
    assert page(f"docs/providers/{provider}.md").path.exists()
    assert {path.name for path in (EXAMPLES / provider).iterdir()} >= {"config.json", "catalog.json", "state.json"}


@pytest.mark.parametrize("name", [*providers.names(), "common"])
def test_the_form_is_shown_folded_and_unfolded(name: str) -> None:
    text = page("docs/form/README.md").text
    folded, unfolded = (text.find(f"(pictures/{name}{suffix}.png)") for suffix in ("", "-unfolded"))
    assert 0 < folded < unfolded


def test_every_picture_of_the_form_is_shown() -> None:
    shown = re.findall(r"\(pictures/(.+?)\)", page("docs/form/README.md").text)
    assert sorted(shown) == sorted(path.name for path in (PROJECT / "docs/form/pictures").iterdir())


@pytest.mark.parametrize("provider", providers.names())
def test_every_stream_is_described_on_its_page(provider: str) -> None:
    text = page(f"docs/providers/{provider}.md").text
    for stream in generate.streams_of(provider):
        assert text.count(f"`{stream.name}`") >= 1
        assert f"    {stream.name} {{" in text


def test_the_readme_has_the_fields_that_all_systems_have() -> None:
    table = section(page("README.md"), "Configuration")
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == list(
        specification()["connectionSpecification"]["properties"]
    )


def test_the_readme_has_the_streams_of_each_system() -> None:
    rows = re.findall(r"^\| \[\*\*.+?\| `(\w+)` \| (.+?) \|", page("README.md").text, re.MULTILINE)
    listed = {provider: set(re.findall(r"`(\w+)`", streams)) for provider, streams in rows}
    assert listed == {name: {stream.name for stream in generate.streams_of(name)} for name in providers.names()}


def test_the_architecture_has_every_module() -> None:
    package = PROJECT / "source_events"
    modules = {path.relative_to(package) for path in package.rglob("*.py") if not path.name.startswith("_")}
    shared = {path.name for path in modules if path.parts[0] != "providers" or len(path.parts) == 2}
    assert set(re.findall(r"\b(\w+\.py)\b", page("docs/architecture.md").text)) == shared


def section(page: Page, heading: str) -> str:
    return page.text.partition(f"## {heading}\n")[2].partition("\n## ")[0]


# --- examples


@pytest.mark.parametrize("path", CONFIGS, ids=by_name)
def test_a_configuration_passes_the_connectors_own_checks(path: Path) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    validate(config)
    assert config["provider"]["provider_type"] == path.parent.name


@pytest.mark.parametrize("path", CONFIGS, ids=by_name)
def test_an_example_goes_on_from_its_state(path: Path, sandbox: Sandbox) -> None:
    config, catalog, state = (
        json.loads(path.with_name(name).read_text(encoding="utf-8"))
        for name in (path.name, "catalog.json", "state.json")
    )
    config["provider"]["api_url"] = addresses(sandbox.url)[config["provider"]["provider_type"]]
    output = run("read", config=config, catalog=catalog, state=state)
    assert output.status == 0, output.errors
    for entry in catalog["streams"]:
        name = entry["stream"]["name"]
        records = output.records(name)
        assert records, name
        if entry["sync_mode"] == "incremental":
            # The longest lookback of the examples is a day; CareCloud's events without a time always come.
            assert {record["createdAt"] >= "2024-02-14T00:00:00" for record in records if record["createdAt"]} == {True}
            assert output.cursor(name)["createdAt"] > STATED


@pytest.mark.parametrize("provider", providers.names())
def test_a_catalog_selects_what_the_system_has(provider: str) -> None:
    catalog = json.loads((EXAMPLES / provider / "catalog.json").read_text(encoding="utf-8"))
    known = {stream.name: stream for stream in generate.streams_of(provider)}
    for entry in catalog["streams"]:
        stream = known[entry["stream"]["name"]]
        assert ("incremental" in entry["stream"]["supported_sync_modes"]) == (stream.cursor is not None)
        assert entry.get("primary_key", [[stream.primary_key]]) == [[stream.primary_key]]


def test_meltanos_project_is_one_for_this_image() -> None:
    project = yaml.safe_load((EXAMPLES / "meltano/meltano.yml").read_text(encoding="utf-8"))
    (tap,) = project["plugins"]["extractors"]
    image = tap["config"]["airbyte_spec"]
    assert f"{image['image']}:{image['tag']}" == IMAGE
    validate(tap["config"]["airbyte_config"])
    names = {
        stream.name for stream in generate.streams_of(tap["config"]["airbyte_config"]["provider"]["provider_type"])
    }
    assert {rule.partition(".")[0] for rule in tap["select"]} <= names


# --- the forge, and others' formats


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("vendor.github-workflows", ".github/workflows/*.yml"),
        ("vendor.github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("vendor.github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.meltano", "examples/meltano/meltano.yml"),
    ],
)
def test_documents_have_the_form_that_their_readers_expect(schema: str, pattern: str) -> None:
    files = sorted(PROJECT.glob(pattern))
    assert files
    command = [Path(sys.executable).with_name("check-jsonschema"), "--builtin-schema", schema, *files]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow_tests_every_version_that_setup_py_names() -> None:
    workflow = yaml.safe_load((PROJECT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))
    named = re.findall(
        r"Programming Language :: Python :: (3\.\d+)", (PROJECT / "setup.py").read_text(encoding="utf-8")
    )
    assert workflow["jobs"]["unit"]["strategy"]["matrix"]["python"] == named


def test_the_workflows_use_actions_by_their_commits() -> None:
    """A tag can be moved; the version stands behind the commit, where the updates of dependencies look for it."""
    used = [
        line.partition("uses: ")[2]
        for path in sorted(PROJECT.glob(".github/workflows/*.yml"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if "uses: " in line
    ]
    assert used
    assert [action for action in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)] == []

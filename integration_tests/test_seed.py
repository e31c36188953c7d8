"""Seeding as a process against the sandbox: what is posted is read back, once, and never posted again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets

from integration_tests import app_market, carecloud, swipe_one, systems
from integration_tests.connector import Json, changed
from sandbox.app_market import API_SECRET
from sandbox.app_market.generator import contact_id as app_market_contact
from sandbox.carecloud import OTHER_LOGIN, OTHER_PASSWORD, PASSWORD
from sandbox.process import PROJECT, Sandbox
from sandbox.provider import descriptions
from sandbox.swipe_one import API_KEY, FOREIGN_API_KEY
from sandbox.swipe_one.generator import contact_id as swipe_one_contact
from seed.command import main
from seed.events import DEFAULT_FILE, SEED_KEY, read_events
from seed.providers import account_class
from source_events import providers
from source_events.settings.configuration import complete

EXAMPLES = DEFAULT_FILE.parent
WRONG = "wrong-but-not-real"
SECRETS = (API_KEY, FOREIGN_API_KEY, API_SECRET, PASSWORD, OTHER_PASSWORD, WRONG)
Build = Callable[[Sandbox], Json]


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A sandbox with three contacts for each provider and no events."""
    with Sandbox(events=0, contacts=3, no_example=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(events=0, contacts=3, no_example=True) as sandbox:
        yield sandbox


@pytest.fixture
def shared(running: Sandbox) -> Sandbox:
    """The same for tests in which nothing is created."""
    running.control.reset()
    running.control.clear_requests()
    running.control.clear_faults()
    return running


def seeded(system: str, sandbox: Sandbox) -> Json:
    """The configuration with the block that the documentation shows."""
    return systems.config(system, sandbox, seed=descriptions(sandbox.url)[system].seed)


SEEDED = [name for name in providers.names() if "REFUSAL" not in (PROJECT / f"seed/providers/{name}.py").read_text()]


for_swipe_one, for_app_market, for_carecloud = (
    partial(seeded, name) for name in ("swipe_one", "app_market", "carecloud")
)


def with_basic(sandbox: Sandbox) -> Json:
    return carecloud.config(sandbox.url, "basic", seed=for_carecloud(sandbox)["seed"])


BUILDERS: dict[str, Build] = {name: partial(seeded, name) for name in SEEDED}
of_each_provider = pytest.mark.parametrize(
    "build", [*BUILDERS.values(), with_basic], ids=[*BUILDERS, "carecloud with basic"]
)


def seeding(config: Json, **fields: Any) -> Json:
    """The configuration with other fields in its `seed` block; null leaves one out."""
    block = {name: value for name, value in {**config["seed"], **fields}.items() if value is not None}
    return {**config, "seed": block}


@dataclass(frozen=True)
class Run:
    status: int
    text: str


@dataclass(frozen=True)
class Seed:
    """Runs the command with its files in a folder of the test."""

    folder: Path
    execute: Callable[[list[str]], Run]

    def __call__(self, config: Any, *options: str, events: list[Json] | None = None) -> Run:
        files = ["--config", self._file("config.json", config)]
        if events is not None:
            files += ["--events", self._file("events.json", {"events": events})]
        result = self.execute([*files, *options])
        assert not [secret for secret in SECRETS if secret in result.text]
        return result

    def _file(self, name: str, content: Any) -> str:
        path = self.folder / name
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)


def as_process(arguments: list[str]) -> Run:
    command = [sys.executable, "-m", "seed", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert not done.stderr, done.stderr
    return Run(done.returncode, done.stdout)


@pytest.fixture
def seed(tmp_path: Path) -> Seed:
    return Seed(tmp_path, as_process)


@pytest.fixture
def quick_seed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Seed]:
    """The command within this process, for the many ways in which it ends before anything is created."""

    def execute(arguments: list[str]) -> Run:
        status = main(arguments)
        captured = capsys.readouterr()
        assert not captured.err
        return Run(status, captured.out)

    yield Seed(tmp_path, execute)
    update_secrets([])


def posts(sandbox: Sandbox) -> list[Json]:
    """The requests that create events."""
    requests = sandbox.control.requests()
    return [entry for entry in requests if entry["method"] == "POST" and re.search("/events(/post)?$", entry["path"])]


# --- end to end


@of_each_provider
def test_what_is_posted_is_read_back_and_a_second_run_posts_nothing(own: Sandbox, seed: Seed, build: Build) -> None:
    config = build(own)
    first = seed(config, "--verify")
    assert first.status == 0, first.text
    assert "5 posted, 0 were there already." in first.text
    assert "All 5 events were read back exactly once" in first.text
    assert len(posts(own)) == 5
    name = config["provider"]["provider_type"]
    assert len(own.control.event_ids(name)) == 5
    second = seed(config, "--verify")
    assert second.status == 0, second.text
    assert "0 posted, 5 were there already." in second.text
    assert "All 5 events were read back exactly once" in second.text
    assert len(own.control.event_ids(name)) == 5


@pytest.mark.parametrize("build", [for_swipe_one, for_app_market])
def test_only_what_is_missing_is_posted_by_systems_that_cannot_tell_twins(
    own: Sandbox, seed: Seed, build: Build
) -> None:
    events = [{"key": f"event {number}", "content": {"number": number}} for number in range(3)]
    assert seed(build(own), events=events[:2]).status == 0
    own.control.clear_requests()
    again = seed(build(own), events=events)
    assert "1 posted, 2 were there already." in again.text
    assert len(posts(own)) == 1


def test_events_behind_the_first_page_are_found(own: Sandbox, seed: Seed) -> None:
    own.control.add_events("app_market", generate=250, contacts=3)
    assert seed(for_app_market(own)).status == 0
    own.control.behaviour("app_market", order="added", limit_cap=30)
    assert "0 posted, 5 were there already." in seed(for_app_market(own)).text
    newer = [{**swipe_one.event(1, "2099-01-01T00:00:00Z", swipe_one_contact(0))} for _ in range(120)]
    assert seed(for_swipe_one(own)).status == 0
    own.control.add_events("swipe_one", newer)
    assert "0 posted, 5 were there already." in seed(for_swipe_one(own)).text


def test_swipe_one_is_waited_for_so_that_a_run_right_after_posts_nothing(own: Sandbox, seed: Seed) -> None:
    own.control.behaviour("swipe_one", visibility_delay_seconds=2)
    first = seed(for_swipe_one(own))
    assert first.status == 0
    assert "Waiting until the API shows what it has accepted ..." in first.text
    second = seed(for_swipe_one(own), "--verify")
    assert second.status == 0
    assert "0 posted, 5 were there already." in second.text
    assert len(own.control.event_ids("swipe_one")) == 5


def test_what_an_earlier_run_did_not_wait_for_is_not_posted_again(own: Sandbox, seed: Seed) -> None:
    events = [{"key": "late"}]
    own.control.behaviour("swipe_one", visibility_delay_seconds=600)
    first = seed(for_swipe_one(own), "--patience", "0", events=events)
    assert first.status == 1
    assert "accepted, but does not show yet: late." in first.text
    own.control.behaviour("swipe_one", visibility_delay_seconds=0)
    again = seed(for_swipe_one(own), "--patience", "0", events=[*events, {"key": "new"}])
    assert again.status == 1
    assert "1 posted, 0 were there already, 1 were accepted before." in again.text
    assert "accepted, but does not show yet: late." in again.text
    assert len(posts(own)) == 2
    (seed.folder / "config.json.pending").unlink()
    assert (
        "1 posted, 1 were there already."
        in seed(for_swipe_one(own), "--patience", "0", events=[*events, {"key": "new"}]).text
    )


def test_a_run_that_is_killed_while_it_waits_is_gone_on_with(own: Sandbox, seed: Seed) -> None:
    own.control.behaviour("swipe_one", visibility_delay_seconds=10)
    config = seed.folder / "config.json"
    config.write_text(json.dumps(for_swipe_one(own)), encoding="utf-8")
    command = [sys.executable, "-m", "seed", "--config", str(config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        assert any(line.startswith("Waiting until") for line in killed.stdout)
        killed.kill()
    again = seed(for_swipe_one(own))
    assert again.status == 0, again.text
    assert len(posts(own)) == len(own.control.event_ids("swipe_one")) == 5
    assert "0 posted, 5 were there already." in seed(for_swipe_one(own)).text


def test_nothing_is_posted_where_that_could_not_be_remembered(shared: Sandbox, quick_seed: Seed) -> None:
    pending = quick_seed.folder / "config.json.pending"
    pending.write_text("{", encoding="utf-8")
    result = quick_seed(for_swipe_one(shared))
    assert result.status == 1
    assert f"The file of pending events {pending} cannot be used" in result.text
    assert shared.control.requests() == []


def test_a_writing_key_is_used_for_posting_only(own: Sandbox, seed: Seed) -> None:
    config = for_swipe_one(own)
    assert seed(seeding(changed(config, {"api_key": WRONG}), api_key=API_KEY)).status == 1
    assert posts(own) == []
    refused = seed(seeding(config, api_key=WRONG))
    assert "The API answered 401" in refused.text
    assert "`seed.api_key`" in refused.text
    assert seed(seeding(config, api_key=API_KEY)).status == 0


def test_a_carecloud_event_has_its_time_and_property_records(own: Sandbox, seed: Seed) -> None:
    events = json.loads((EXAMPLES / "carecloud_events.json").read_text(encoding="utf-8"))["events"]
    assert seed(for_carecloud(own), "--verify", events=events).status == 0
    records = {"receipt": "another", "amount": 1}
    named = [{"property_id": name, "property_value": value} for name, value in records.items()]
    altered = [{**events[0], "property_records": named, "created_at": "2024-03-31 12:30:00"}]
    result = seed(for_carecloud(own), "--verify", "--patience", "0", events=altered)
    assert "0 posted, 1 were there already." in result.text
    assert result.status == 1
    assert [line for line in result.text.splitlines() if "WRONG" in line] == [
        "  WRONG  seed-0101: org_events: differs in createdAt; contact_events: differs in createdAt; "
        "property_records: receipt has another value; property_records: amount not read"
    ]


def test_an_app_market_event_needs_no_contact(own: Sandbox, seed: Seed) -> None:
    result = seed(seeding(for_app_market(own), contact_ids=None), "--verify")
    assert result.status == 0
    assert "contact " not in result.text.split("Reading back")[0]


def test_the_path_of_app_market_is_configurable(shared: Sandbox, seed: Seed) -> None:
    result = seed(seeding(for_app_market(shared), events_path="/events/elsewhere"))
    assert result.status == 1
    assert "The API answered 404" in result.text
    assert "`seed.events_path`" in result.text


# --- what verification finds


def test_an_event_that_is_there_twice_fails_the_verification(own: Sandbox, seed: Seed) -> None:
    twin = {SEED_KEY: "twin", "total": 1}
    for number in (1, 2):
        event = app_market.event(number, "2024-02-01T00:00:00Z", app_market_contact(0), "store_purchase", **twin)
        own.control.add_events("app_market", [event])
    result = seed(for_app_market(own), "--verify", events=[{"key": "twin", "content": {"total": 1}}])
    assert result.status == 1
    assert "WRONG  twin: org_events: read 2 times; contact_events: read 2 times" in result.text


def test_an_event_that_is_not_as_posted_fails_the_verification(own: Sandbox, seed: Seed) -> None:
    other = {SEED_KEY: "changed", "total": 2}
    own.control.add_events(
        "app_market", [app_market.event(1, "2024-02-01T00:00:00Z", app_market_contact(1), "new_contact", **other)]
    )
    event = {"key": "changed", "type": "new_contact", "content": {"total": 1}}
    result = seed(for_app_market(own), "--verify", "--patience", "0", events=[event])
    assert result.status == 1
    assert "org_events: differs in contactId, content" in result.text
    assert "contact_events: not read" in result.text
    assert "1 of 1 events were not read back as they were posted." in result.text


def test_an_event_from_before_the_start_date_is_not_said_to_be_read(own: Sandbox, seed: Seed) -> None:
    config = for_carecloud(own)
    event = {"key": "early", "created_at": "2023-12-31 12:00:00"}
    result = seed(config, "--verify", "--patience", "0", events=[event])
    assert result.status == 1
    assert "WRONG  early: org_events: not read; contact_events: not read" in result.text
    assert "`start_date`" in result.text


def test_an_error_of_the_connector_is_told_in_its_own_words(own: Sandbox, seed: Seed) -> None:
    own.control.add_fault(method="GET", path="/v1.0/events$", status=403, times=None)
    result = seed(for_carecloud(own), "--verify", "--patience", "0")
    assert result.status == 1
    assert "The connector's read failed: " in result.text
    assert "The user must be in the user group webservice" in result.text


# --- refusals

BEARER = {"auth_type": "bearer", "login": "x", "password": WRONG, "external_application_id": "y"}
BASIC = {"auth_type": "basic", "login": OTHER_LOGIN, "password": OTHER_PASSWORD}
REFUSED: dict[str, tuple[str, Json, list[str]]] = {
    "swipe_one, key": ("swipe_one", {"provider": {"api_key": WRONG}}, ["401", "`provider.api_key`"]),
    "swipe_one, workspace": (
        "swipe_one",
        {"provider": {"workspace_id": "deadbeef"}},
        ["404", "`provider.workspace_id`"],
    ),
    "swipe_one, foreign key that writes": (
        "swipe_one",
        {"seed": {"api_key": FOREIGN_API_KEY}},
        ["403", "`provider.workspace_id`", "allowed to write"],
    ),
    "swipe_one, type": (
        "swipe_one",
        {"seed": {"event_types": ["never_defined"]}},
        ["400", "predefined", "`seed.event_types`"],
    ),
    "swipe_one, contact": ("swipe_one", {"seed": {"contact_ids": ["unknown"]}}, ["404", "`seed.contact_ids`"]),
    "app_market, secret": (
        "app_market",
        {"provider": {"api_secret": WRONG}},
        ["401", "signed", "`provider.api_secret`"],
    ),
    "app_market, instance": ("app_market", {"provider": {"instance_id": "unknown"}}, ["401", "`provider.instance_id`"]),
    "carecloud, password": (
        "carecloud",
        {"provider": {"credentials": BEARER}},
        ["401", "`provider.credentials.password`"],
    ),
    "carecloud, rights": (
        "carecloud",
        {"provider": {"credentials": BASIC}},
        ["403", "webservice", "right to create events"],
    ),
    "carecloud, type": (
        "carecloud",
        {"seed": {"event_types": ["unknown"]}},
        ["event.event_type_id", "not_found", "`seed.event_types`"],
    ),
    "carecloud, contact": (
        "carecloud",
        {"seed": {"contact_ids": ["unknown"]}},
        ["event.customer_id", "not_found", "`seed.contact_ids`"],
    ),
}


@pytest.mark.parametrize(("system", "change", "named"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_has_the_status_the_apis_words_and_what_to_mend(
    shared: Sandbox, quick_seed: Seed, system: str, change: Json, named: list[str]
) -> None:
    config = changed(BUILDERS[system](shared), change.get("provider"))
    result = quick_seed(seeding(config, **change.get("seed", {})))
    assert result.status == 1
    assert "Traceback" not in result.text
    assert [word for word in named if word not in result.text] == [], result.text


def test_the_apis_words_are_shown_without_the_secrets_that_they_quote(shared: Sandbox, seed: Seed) -> None:
    for build, secret in ((for_swipe_one, API_KEY), (for_app_market, API_SECRET), (for_carecloud, PASSWORD)):
        shared.control.add_fault(
            method="POST", path="events(/post)?$", status=400, json={"message": f"not with {secret}"}
        )
        assert "The API answered 400 Bad Request: not with ****." in seed(build(shared)).text


def test_a_secret_is_masked_before_a_long_explanation_is_cut(shared: Sandbox, quick_seed: Seed) -> None:
    words = "x" * 290 + API_KEY
    shared.control.add_fault(method="POST", path="events$", status=400, json={"message": words})
    assert f"400 Bad Request: {'x' * 290}****" in quick_seed(for_swipe_one(shared)).text


@pytest.mark.parametrize("build", [for_swipe_one, for_app_market, for_carecloud])
@pytest.mark.parametrize("fault", [{"status": 503}, {"reset": True}, {"status": 429}], ids=["503", "reset", "429"])
def test_a_request_that_creates_is_sent_once_and_the_next_run_goes_on(
    own: Sandbox, seed: Seed, build: Build, fault: Json
) -> None:
    own.control.add_fault(method="POST", path="events(/post)?$", skip=2, **fault)
    first = seed(build(own))
    assert first.status == 1
    assert "seed-0003: The API " in first.text
    assert len(posts(own)) == 3
    second = seed(build(own))
    assert second.status == 0, second.text
    assert "3 posted, 2 were there already." in second.text


CARECLOUD_ERROR = {"error": {"type": "x", "title": "Maintenance", "detail": "The project is paused"}}
NO_ACCEPTANCE: dict[str, tuple[str, Json, str]] = {
    "swipe_one, fail": ("swipe_one", {"json": {"status": "fail", "message": "the plan is paused"}}, "plan is paused"),
    "swipe_one, error": ("swipe_one", {"json": {"status": "error", "message": "the plan is over"}}, "plan is over"),
    "app_market, KO": ("app_market", {"json": {"status": "KO", "message": "the plan is paused"}}, "plan is paused"),
    "carecloud, error": ("carecloud", {"json": CARECLOUD_ERROR}, "The project is paused"),
    "app_market, redirect": ("app_market", {"status": 302}, "`provider.api_url`"),
}


@pytest.mark.parametrize(("system", "answer", "said"), NO_ACCEPTANCE.values(), ids=NO_ACCEPTANCE)
def test_an_answer_that_is_no_acceptance_is_not_counted_as_posted(
    shared: Sandbox, quick_seed: Seed, system: str, answer: Json, said: str
) -> None:
    shared.control.add_fault(method="POST", path="events(/post)?$", **{"status": 200, **answer})
    result = quick_seed(BUILDERS[system](shared), "--patience", "0")
    assert result.status == 1
    assert "seed-0001: The API " in result.text
    assert said in result.text
    assert "posted  " not in result.text
    assert not (quick_seed.folder / "config.json.pending").exists()


@pytest.mark.parametrize(
    ("system", "method"),
    [("swipe_one", "GET"), ("swipe_one", "POST"), ("app_market", "GET"), ("app_market", "POST"), ("carecloud", "POST")],
)
def test_a_login_page_is_refused_in_words(shared: Sandbox, quick_seed: Seed, system: str, method: str) -> None:
    page = {"body": "<!doctype html><html><title>Login</title></html>", "headers": {"Content-Type": "text/html"}}
    shared.control.add_fault(method=method, path="events(/post|/get)?$", status=200, times=None, **page)
    result = quick_seed(BUILDERS[system](shared), "--patience", "0")
    assert result.status == 1
    assert "answered 200 with something else than the expected JSON (text/html)" in result.text
    assert "a web site, or of a login page" in result.text
    assert "Traceback" not in result.text


def test_cloud4wi_is_refused_with_the_reason_and_without_a_request(shared: Sandbox, seed: Seed) -> None:
    result = seed(systems.config("cloud4wi", shared))
    assert result.status == 1
    assert "Cloud4Wi documents no call that creates events" in result.text
    assert shared.control.requests() == []


WRONG_FILES: list[tuple[Json, list[Json] | None, str]] = [
    ({"start_date": "yesterday"}, None, "`start_date` must be a day like"),
    ({"provider": {"provider_type": "other"}}, None, "`provider.provider_type` must be one of"),
    ({"provider": None}, None, "`provider` must"),
    ({"provider": ["swipe_one"]}, None, "`provider` must be"),
    ({"provider": {"provider_type": ["swipe_one"]}}, None, "`provider.provider_type` must"),
    ({"seed": ["order_placed"]}, None, "The block `seed` cannot be used: Expected `object`, got `array`"),
    ({"seed": {"contacts": []}}, None, "unknown field `contacts`"),
    ({"seed": {"contact_ids": [7]}}, None, "`seed.contact_ids[0]`"),
    ({"seed": {}}, None, "set `seed.event_types`"),
    ({"seed": {"event_types": ["order_placed"]}}, None, "set `seed.contact_ids`"),
    ({}, [], "has no events"),
    ({}, [{"key": "a"}, {"key": "a"}], "a `key` of its own"),
    ({}, [{"content": {}}], "missing required field `key` - at `events[0]`"),
    ({}, [{"key": "a", "content": {"seed_key": "b"}}], "must not have a field `seed_key`"),
    ({}, [{"key": "a", "created_at": "2024-01-01 00:00:00"}], "has `created_at`"),
]


@pytest.mark.parametrize(("change", "events", "said"), WRONG_FILES, ids=[said for _, _, said in WRONG_FILES])
def test_a_wrong_file_is_named_before_any_request(
    shared: Sandbox, quick_seed: Seed, change: Json, events: list[Json] | None, said: str
) -> None:
    result = quick_seed({**for_swipe_one(shared), **change}, events=events)
    assert result.status == 1
    assert said in result.text
    assert shared.control.requests() == []


@pytest.mark.parametrize("content", [[], "text", 7, None], ids=json.dumps)
def test_a_configuration_that_is_no_object_is_named(shared: Sandbox, quick_seed: Seed, content: Any) -> None:
    result = quick_seed(content)
    assert result.status == 1
    assert "configuration file" in result.text
    assert "cannot be used: Expected `object`, got `" in result.text
    assert shared.control.requests() == []


@pytest.mark.parametrize("option", ["--config", "--events"])
def test_a_file_that_is_no_utf_8_is_named(tmp_path: Path, shared: Sandbox, seed: Seed, option: str) -> None:
    path = tmp_path / "latin.json"
    path.write_bytes('{"café": 1}'.encode("latin-1"))
    result = seed(for_swipe_one(shared), option, str(path))
    assert result.status == 1
    assert f"file {path} cannot be used: it is not UTF-8." in result.text


def test_a_login_that_goes_wrong_is_told_in_words_only(shared: Sandbox, seed: Seed) -> None:
    shared.control.add_fault(method="POST", path="login$", status=200, body="<html>Maintenance</html>", times=None)
    result = seed(for_carecloud(shared))
    assert result.status == 1
    assert "a body that is not the documented JSON" in result.text
    assert [line for line in result.text.splitlines() if line.startswith("{")] == []


# --- the examples


@pytest.mark.parametrize("name", SEEDED)
def test_the_example_files_are_valid(name: str) -> None:
    config = json.loads((EXAMPLES / f"{name}.json").read_text(encoding="utf-8"))
    kind = account_class(name)
    settings = msgspec.convert(config.pop("seed"), kind.settings_form)
    account = kind(complete(config), settings)
    own_events = EXAMPLES / f"{name}_events.json"
    for path in (DEFAULT_FILE, *([own_events] if own_events.exists() else [])):
        for event in read_events(path, settings):
            account.check_event(event)


def test_every_provider_is_seeded_or_refused_by_a_module_of_its_own() -> None:
    folder = EXAMPLES.parent / "providers"
    assert {path.stem for path in folder.glob("[a-z]*.py")} == set(providers.names())
    assert {name for name, description in descriptions("").items() if description.seed} == set(SEEDED), (
        "what is seeded is in `describe`"
    )

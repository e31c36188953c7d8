"""What is seeded is read back: the seed command as a process, against the sandbox."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration_tests import carecloud, systems
from integration_tests.connector import Json
from integration_tests.seed.plan import load
from sandbox import app_market as app_market_sandbox
from sandbox import carecloud as carecloud_sandbox
from sandbox import swipe_one as swipe_one_sandbox
from sandbox.process import PROJECT, Sandbox
from sandbox.swipe_one.generator import contact_id

EXAMPLES = PROJECT / "integration_tests" / "seed" / "examples"
SYSTEMS = ("swipe_one", "app_market", "carecloud")
SECRETS = {
    "swipe_one": swipe_one_sandbox.API_KEY,
    "app_market": app_market_sandbox.API_SECRET,
    "carecloud": carecloud_sandbox.PASSWORD,
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=200, contacts=5, no_example=True) as running:
        yield running


def connection(system: str, sandbox: Sandbox, **provider: Any) -> Json:
    config = systems.config(system, sandbox)
    # The end date is before now, when the events are created, and is not used.
    return {**config, "provider": {**config["provider"], **provider}}


def events(system: str, run: str) -> list[Json]:
    """The example's events for contacts and types that the sandbox has, with keys of their own for each test."""
    listed: list[Json] = json.loads((EXAMPLES / f"{system}.json").read_text(encoding="utf-8"))["events"]
    known = {
        "swipe_one": {"contact": contact_id(0)},
        "app_market": {},
        "carecloud": {"contact": carecloud.CUSTOMER, "type": carecloud.PURCHASE},
    }[system]
    return [{**event, **known, "key": f"{run}-{event['key']}"} for event in listed]


def seed(folder: Path, plan: Json, *options: str) -> subprocess.CompletedProcess[str]:
    path = folder / "seed.json"
    path.write_text(json.dumps(plan), encoding="utf-8")
    command = [sys.executable, "-m", "integration_tests.seed", "--file", str(path), *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_is_posted_is_read_back_and_posted_once(system: str, sandbox: Sandbox, tmp_path: Path) -> None:
    plan = {"connection": connection(system, sandbox), "events": events(system, "first")}
    number = len(plan["events"])
    before = len(sandbox.control.event_ids(system))
    read_back = f"{number} of {number} events were read back"
    first = seed(tmp_path, plan, "--verify")
    assert (first.returncode, first.stderr) == (0, "")
    assert f"{number} events posted, 0 were there already" in first.stdout
    assert read_back in first.stdout
    second = seed(tmp_path, plan, "--verify")
    assert (second.returncode, second.stderr) == (0, "")
    assert f"0 events posted, {number} were there already" in second.stdout
    assert read_back in second.stdout
    assert len(sandbox.control.event_ids(system)) == before + number
    assert SECRETS[system] not in first.stdout + second.stdout


def test_what_carecloud_has_in_another_way_counts_as_there(sandbox: Sandbox, tmp_path: Path) -> None:
    """An event that the API refuses because it has it, though the connector was not asked for it."""
    plan = {"connection": connection("carecloud", sandbox), "events": events("carecloud", "hidden")}
    assert seed(tmp_path, plan).returncode == 0
    other = {**plan, "connection": {**plan["connection"], "event_types": [carecloud.COMPLAINT]}}
    done = seed(tmp_path, other)
    assert (done.returncode, done.stdout.split(",")[0]) == (0, "0 events posted")


@pytest.mark.parametrize(
    ("system", "change", "named"),
    [
        ("swipe_one", {"type": "never_defined"}, "its `type` is defined"),
        ("swipe_one", {"contact": "unknown"}, "`contact`"),
        ("carecloud", {"type": "unknown"}, "`event_type_id`"),
    ],
)
def test_an_event_that_the_api_refuses_is_explained(
    system: str, change: Json, named: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    [event, *_] = events(system, "refused")
    done = seed(tmp_path, {"connection": connection(system, sandbox), "events": [{**event, **change}]})
    assert done.returncode == 1
    assert "The API answered 400" in done.stderr
    assert named in done.stderr


def test_a_wrong_key_that_writes_is_explained_and_not_shown(sandbox: Sandbox, tmp_path: Path) -> None:
    plan = {
        "connection": connection("swipe_one", sandbox),
        "events": events("swipe_one", "wrong"),
        "write_key": "an-example-of-a-wrong-key",
    }
    done = seed(tmp_path, plan)
    assert done.returncode == 1
    assert "The API answered 401" in done.stderr
    assert "Check `write_key`" in done.stderr
    assert "an-example-of-a-wrong-key" not in done.stdout + done.stderr


def test_a_wrong_key_that_reads_is_the_connectors_own_error(sandbox: Sandbox, tmp_path: Path) -> None:
    plan = {
        "connection": connection("swipe_one", sandbox, api_key="an-example-of-a-wrong-key"),
        "events": events("swipe_one", "wrong"),
    }
    done = seed(tmp_path, plan)
    assert done.returncode == 1
    assert "Check `provider.api_key`" in done.stderr
    assert "an-example-of-a-wrong-key" not in done.stdout + done.stderr


def test_events_that_do_not_appear_are_missed(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.control.behaviour("swipe_one", visibility_delay_seconds=60)
    try:
        plan = {"connection": connection("swipe_one", sandbox), "events": events("swipe_one", "late")[:1]}
        done = seed(tmp_path, plan, "--verify", "--wait", "1")
    finally:
        sandbox.control.reset()
    assert done.returncode == 1
    assert "late-seed-1: 0 records instead of one" in done.stderr
    assert "0 of 1 events were read back" in done.stdout


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("cloud4wi", "No call that creates events is known of cloud4wi"),
        ({"events": []}, "must have `connection`, `events`"),
        ("no events", "`events` must be a list"),
        ("unknown field", "`events[0]` must have `key` and `type`"),
        ("same key", "Two events have the same `key`"),
        ("no start date", "`start_date` is missing"),
    ],
)
def test_a_wrong_file_is_explained(plan: Any, said: str, sandbox: Sandbox, tmp_path: Path) -> None:
    event, connected = {"key": "a", "type": "b"}, connection("swipe_one", sandbox)
    plans = {
        "cloud4wi": {"connection": connection("cloud4wi", sandbox), "events": [event]},
        "no events": {"connection": connected, "events": []},
        "unknown field": {"connection": connected, "events": [{**event, "time": "now"}]},
        "same key": {"connection": connected, "events": [event, event]},
        "no start date": {"connection": {"provider": connected["provider"]}, "events": [event]},
    }
    done = seed(tmp_path, plans[plan] if isinstance(plan, str) else plan)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_examples_are_right_but_for_the_account(system: str) -> None:
    plan = load(EXAMPLES / f"{system}.json")
    assert plan.config["provider"]["provider_type"] == system
    assert plan.events

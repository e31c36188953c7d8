"""What an API limits beside the connector's own limits: the requests of a second, and the sessions of an account."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from integration_tests import carecloud, cloud4wi, swipe_one
from integration_tests.connector import COMMAND, Json, Output, catalog, once, read
from sandbox.process import Sandbox

EVENTS, CONTACTS = 600, 150
SYNCS, PER_SECOND = 3, 5


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(events=EVENTS, contacts=CONTACTS, no_example=True) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.control.reset()
    running.control.clear_requests()
    running.control.clear_faults()
    return running


@pytest.mark.parametrize(("provider", "config"), [("cloud4wi", cloud4wi.config), ("carecloud", carecloud.config)])
def test_syncs_whose_logins_end_each_others_sessions_all_complete(
    sandbox: Sandbox, tmp_path: Path, provider: str, config: Callable[..., Json]
) -> None:
    sandbox.control.behaviour(provider, single_session=True)
    # So that the others have logged in when the requests of the first one come to be looked at.
    sandbox.control.add_fault(path="/events$", delay=5, times=8)
    sandbox.control.add_fault(path="/events$", delay=0.05, times=None)
    files = {"config": config(sandbox.url, num_workers=8), "catalog": catalog("org_events")}
    arguments = []
    for name, content in files.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        arguments += [f"--{name}", str(path)]
    command = [*COMMAND, "read", *arguments]
    syncs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(SYNCS)]
    outputs = [Output(sync.communicate(timeout=300)[0], sync.returncode) for sync in syncs]
    assert [(output.status, output.errors) for output in outputs] == [(0, [])] * SYNCS
    for output in outputs:
        assert output.ids("org_events") == once(sandbox.control.event_ids(provider))
    logins = [request for request in sandbox.control.requests() if request["method"] == "POST"]
    assert len(logins) > SYNCS


def test_a_limit_that_the_api_does_not_tell_is_kept_to(sandbox: Sandbox) -> None:
    """One request in twenty is refused at most, and the read takes at most a quarter more than it must."""
    sandbox.control.add_fault(path="", per_second=PER_SECOND, times=None, status=429)
    output = read(swipe_one.config(sandbox, num_workers=8), "contact_events")
    assert (output.status, output.errors) == (0, [])
    assert swipe_one.contents(output.records("contact_events")).total() == EVENTS
    requests = sandbox.control.requests()
    refused = [request for request in requests if request["status"] == 429]
    ideal = (len(requests) - len(refused)) / PER_SECOND
    took = (moment(requests[-1]) - moment(requests[0])).total_seconds()
    assert ideal > 30
    assert 1 <= len(refused) <= len(requests) / 20
    assert took <= 1.25 * ideal


def moment(request: Json) -> datetime:
    return datetime.fromisoformat(request["time"])

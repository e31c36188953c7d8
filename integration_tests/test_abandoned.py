"""A program that reads in its own process and leaves in the middle can end at once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from integration_tests import carecloud, cloud4wi
from integration_tests.connector import Json, catalog
from sandbox.process import Sandbox

PROGRAM = """
import json, logging, signal, sys, threading
from airbyte_cdk.models import ConfiguredAirbyteCatalogSerializer, Type
from source_events import SourceEvents

logging.disable()
leave = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: leave.set())
config, catalog = json.loads(sys.argv[1]), ConfiguredAirbyteCatalogSerializer.load(json.loads(sys.argv[2]))
for message in SourceEvents().read(logging.getLogger("airbyte"), config, catalog):
    if message.type is Type.RECORD:
        print("reads", flush=True)
        leave.wait()
        print("leaves", flush=True)
        break
print(*(thread.name for thread in threading.enumerate() if not thread.daemon), flush=True)
"""
LONGEST = 2.0
"""Seconds from leaving the read to the first line behind it."""
LONGEST_END = 30.0
"""Seconds that the interpreter may take for its own end, on a busy machine; what the requests wait for is longer."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=3000, contacts=60, no_example=True) as running:
        yield running


FAULTS: dict[str, Json] = {
    "no answer": {"delay": 120},
    "another attempt": {"status": 503},
    "a limit": {"status": 429, "headers": {"Retry-After": "90"}},
    "the end of a body": {"trickle": 10.0},
}


@pytest.mark.parametrize("config", [cloud4wi.config, carecloud.config], ids=["cloud4wi", "carecloud"])
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_program_that_leaves_a_read_can_end_at_once(
    sandbox: Sandbox, config: Callable[..., Json], fault: Json
) -> None:
    """Whatever its other requests are waiting for."""
    control = sandbox.control
    control.reset()
    control.clear_faults()
    control.clear_requests()
    control.add_fault(path="/events$", skip=6, times=None, **fault)
    settings = config(sandbox.url, window_size="P2D", num_workers=4)
    arguments = [json.dumps(settings), json.dumps(catalog("org_events", "contact_events"))]
    with subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "reads\n"
        while len(control.requests()) < 10:
            time.sleep(0.05)
        program.send_signal(signal.SIGUSR1)
        assert program.stdout.readline() == "leaves\n"
        began = time.monotonic()
        assert program.stdout.readline() == "MainThread\n"
        assert time.monotonic() - began < LONGEST
        assert program.wait(LONGEST_END) == 0

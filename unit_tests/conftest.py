from __future__ import annotations

import functools
import logging
import time
from collections.abc import Iterator

import pytest
from airbyte_cdk.sources.declarative import concurrent_declarative_source
from airbyte_cdk.utils import airbyte_secrets_utils
from hypothesis import settings

from source_events import runtime
from source_events.transport.network import Network
from source_events.transport.rate import Rate
from unit_tests.exchange import Transport, intercepted

# The CDK reads the schema of its manifests anew for each source, which takes longer than all the rest of a test.
concurrent_declarative_source.safe_load_yaml = functools.cache(concurrent_declarative_source.safe_load_yaml)

settings.register_profile("unit", max_examples=60, deadline=None, derandomize=True, database=None)
settings.load_profile("unit")


@pytest.fixture(autouse=True)
def network() -> Iterator[Transport]:
    """What is not expected of it fails: no test reaches the real network."""
    with intercepted() as transport:
        yield transport
    transport.verify()


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that were waited before requests were repeated; nobody really waits for them."""
    seconds: list[float] = []
    wait = Network.wait

    def noting(network: Network, duration: float) -> None:
        if duration:
            seconds.append(duration)
        wait(network, 0)

    monkeypatch.setattr(Network, "wait", noting)
    return seconds


@pytest.fixture(autouse=True)
def no_waiting_for_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a 429 all requests of a command slow down; in tests the time that they wait for has passed at once."""
    monkeypatch.setattr(runtime, "Rate", lambda requests_per_minute, **_: RateOfTests(requests_per_minute))


class RateOfTests(Rate):
    def __init__(self, requests_per_minute: int | None) -> None:
        self.passed = 0.0
        super().__init__(requests_per_minute, clock=lambda: time.monotonic() + self.passed, wait=self._pass)

    def _pass(self, seconds: float) -> None:
        self.passed += seconds


@pytest.fixture(autouse=True)
def no_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets are registered in the process; one test's must not mask the words of another."""
    monkeypatch.setattr(airbyte_secrets_utils, "__SECRETS_FROM_CONFIG", [])


class Lines(logging.Handler):
    """The log lines of a test."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def text(self) -> str:
        return "\n".join(record.getMessage() for record in self.records)


@pytest.fixture
def log() -> Iterator[Lines]:
    logger = logging.getLogger("airbyte")
    lines = Lines()
    logger.addHandler(lines)
    level = logger.level
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(lines)
    logger.setLevel(level)

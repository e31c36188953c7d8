from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from airbyte_cdk.sources.declarative import concurrent_declarative_source
from airbyte_cdk.sources.streams.http import rate_limiting
from airbyte_cdk.utils import airbyte_secrets_utils
from hypothesis import settings

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
    monkeypatch.setattr(rate_limiting, "time", SimpleNamespace(sleep=seconds.append))
    return seconds


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

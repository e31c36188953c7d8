"""What the connector emits is what it announces: every record that the sandbox can serve, in each of its forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests import systems
from integration_tests.connector import catalog, run
from sandbox.process import Sandbox
from source_events import providers
from unit_tests.schemas import contradictions, undeclared

PUBLISHED = {"start_date": "2022-01-01T00:00:00Z", "end_date": "2024-12-31T23:59:59Z"}
"""A time that has the events of the published examples in it too."""
INVENTED = {"event.survey.answers", "survey.answers"}
"""What the sandbox serves although no documentation that could be found has it."""
FORMS: list[tuple[str, dict[str, Any]]] = [
    *((provider, {}) for provider in providers.names()),
    ("cloud4wi", {"shape": "flat"}),
    ("swipe_one", {"time_field": "createdAt", "native_ids": True}),
    ("app_market", {"ids": "event_id", "contact_ids": "contact_id"}),
    ("app_market", {"ids": "_id", "contact_ids": "_id", "time_field": "created_at", "time_notation": "offset"}),
    ("app_market", {"ids": "none", "time_field": "timestamp", "time_notation": "milliseconds"}),
    ("app_market", {"time_field": "createdAt", "contact_field": "contactId", "type_field": "type"}),
    ("carecloud", {"property_records": "null"}),
    ("carecloud", {"property_records": "missing", "old_installation": True}),
]
"""The forms of every system as it usually is, and further ones."""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=600, contacts=12) as running:
        yield running


@pytest.mark.parametrize(("provider", "form"), FORMS, ids=[f"{name} {' '.join(form)}" for name, form in FORMS])
def test_every_record_is_as_announced(sandbox: Sandbox, provider: str, form: dict[str, Any]) -> None:
    sandbox.control.reset()
    sandbox.control.behaviour(provider, **form)
    config = systems.config(provider, sandbox, **PUBLISHED)
    (announced,) = [message["catalog"] for message in run("discover", config=config).messages if "catalog" in message]
    streams = {stream["name"]: stream["json_schema"] for stream in announced["streams"]}
    output = run("read", config=config, catalog=catalog(*streams, sync_mode="full_refresh"))
    assert output.errors == []
    for name, schema in streams.items():
        records = output.records(name)
        assert records, name
        assert set().union(*(contradictions(schema, record) for record in records)) == set()
        assert set().union(*(undeclared(schema, record) for record in records)) <= INVENTED

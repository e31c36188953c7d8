"""What the connector emits is what it announces: every record that the sandbox can serve, in each of its forms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from integration_tests import app_market, carecloud, cloud4wi, swipe_one
from integration_tests.connector import Json, catalog, run
from sandbox.process import Sandbox
from source_events import providers
from unit_tests.schemas import contradictions, undeclared

CONFIGS: dict[str, Callable[[Sandbox], Json]] = {
    "cloud4wi": lambda sandbox: cloud4wi.config(sandbox.url),
    "swipe_one": swipe_one.config,
    "app_market": lambda sandbox: app_market.config(sandbox.url),
    "carecloud": lambda sandbox: carecloud.config(sandbox.url),
}
PUBLISHED = {"start_date": "2022-01-01T00:00:00Z", "end_date": "2024-12-31T23:59:59Z"}
"""A time that has the events of the published examples in it too."""
INVENTED = {"event.survey.answers", "survey.answers"}
"""What the sandbox serves although no documentation that could be found has it."""
FORMS = [
    ("cloud4wi", {}),
    ("cloud4wi", {"shape": "flat"}),
    ("swipe_one", {}),
    ("swipe_one", {"time_field": "createdAt", "native_ids": True}),
    ("app_market", {}),
    ("app_market", {"ids": "event_id", "contact_ids": "contact_id", "id_form": "number"}),
    ("app_market", {"ids": "_id", "contact_ids": "_id", "time_field": "created_at", "time_notation": "offset"}),
    ("app_market", {"ids": "none", "time_field": "timestamp", "time_notation": "milliseconds"}),
    ("app_market", {"time_field": "createdAt", "contact_field": "contactId", "type_field": "type"}),
    ("carecloud", {}),
    ("carecloud", {"property_records": "null"}),
    ("carecloud", {"property_records": "missing", "old_installation": True}),
]


def test_no_provider_is_left_out() -> None:
    assert {name for name, _ in FORMS} == set(providers.names())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=600, contacts=12) as running:
        yield running


@pytest.mark.parametrize(("provider", "form"), FORMS, ids=[f"{name} {' '.join(form)}" for name, form in FORMS])
def test_every_record_is_as_announced(sandbox: Sandbox, provider: str, form: dict[str, Any]) -> None:
    sandbox.control.behaviour(provider, **form)
    config = {**CONFIGS[provider](sandbox), **PUBLISHED}
    (announced,) = [message["catalog"] for message in run("discover", config=config).messages if "catalog" in message]
    streams = {stream["name"]: stream["json_schema"] for stream in announced["streams"]}
    output = run("read", config=config, catalog=catalog(*streams, sync_mode="full_refresh"))
    assert output.errors == []
    for name, schema in streams.items():
        records = output.records(name)
        assert records, name
        assert set().union(*(contradictions(schema, record) for record in records)) == set()
        assert set().union(*(undeclared(schema, record) for record in records)) <= INVENTED

"""What goes wrong on the way: the data are complete, each record once, or there is one clear error."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from integration_tests.secrecy import forms_of, secrets_of
from integration_tests.spark.conftest import Frame, configuration
from sandbox.process import Sandbox

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def large() -> Iterator[Sandbox]:
    """Enough for two tasks, in many pages."""
    with Sandbox(events=20_000, no_example=True) as running:
        yield running


@pytest.fixture
def config(large: Sandbox) -> dict[str, Any]:
    large.control.reset()
    large.control.behaviour("cloud4wi", page_cap=400)
    return configuration(large, "cloud4wi")


@pytest.mark.parametrize(
    ("faults", "least"),
    [
        pytest.param(
            [{"path": "/events$", "skip": 5, "times": 4, "every": 6, "expire_token": True}], 4, id="expired token"
        ),
        pytest.param(
            [{"query": {"scrollId": "."}, "skip": 6, "times": 2, "every": 9, "expire_scroll": True}],
            2,
            id="expired scroll",
        ),
        pytest.param(
            [{"query": {"scrollId": "."}, "skip": 6, "times": 2, "every": 9, "reset_after": 5000}],
            2,
            id="lost page of a scroll",
        ),
        pytest.param(
            [
                {"path": "/events", "status": 429, "per_second": 6, "times": None},
                {"path": "/events$", "skip": 5, "times": 5, "status": 429},
            ],
            5,
            id="storm of 429",
        ),
        pytest.param([{"path": "/events$", "skip": 4, "times": 2, "every": 7, "status": 503}], 2, id="server errors"),
    ],
)
def test_the_data_are_complete_and_each_record_is_there_once(
    large: Sandbox, frame: Frame, config: dict[str, Any], faults: list[dict[str, Any]], least: int
) -> None:
    for fault in faults:
        large.control.add_fault(**fault)
    found = Counter(row.id for row in frame(config, schema="id string").collect())
    assert found == Counter(dict.fromkeys(large.control.event_ids("cloud4wi"), 1))
    assert sum(each["fired"] for each in large.control.faults()) >= least


def test_a_stream_that_fails_is_one_clear_error(
    large: Sandbox, frame: Frame, config: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    large.control.add_fault(path="/events$", skip=10, status=403, echo=True, times=None)
    with pytest.raises(Exception, match=r"Cloud4Wi|account is in use elsewhere") as raised:
        frame(config, schema="id string").collect()
    out, err = capfd.readouterr()
    for secret in [*secrets_of(config), *large.control.credentials()]:
        for form in forms_of(secret.removeprefix("Bearer ")):
            assert form not in str(raised.value) + out + err


def test_a_filter_needs_the_pushing_down_of_filters(spark: Any, frame: Frame, config: dict[str, Any]) -> None:
    spark.conf.set("spark.sql.python.filterPushdown.enabled", "false")
    try:
        with pytest.raises(Exception, match=r"spark\.sql\.python\.filterPushdown\.enabled"):
            frame(config).count()
        reader = spark.read.format("source_events").options(
            config=json.dumps(config), stream="org_events", pushdown="false"
        )
        assert reader.load().where("createdAt < '2023-01-01'").count() == 0
    finally:
        spark.conf.set("spark.sql.python.filterPushdown.enabled", "true")

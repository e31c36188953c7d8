from __future__ import annotations

import json

import pytest

from source_events.settings.configuration import InvalidConfiguration
from source_events.spark.options import read_options, shares
from unit_tests.reading import configuration

pytestmark = pytest.mark.spark


def options(config: dict | None = None, **given: str):
    return read_options({"config": json.dumps({**configuration(), **(config or {})}), "stream": "org_events", **given})


def test_names_may_be_written_in_any_case():
    assert read_options({"CONFIG": json.dumps(configuration()), "Stream": "org_events"}).stream == "org_events"


def test_what_a_platform_adds_is_no_option():
    assert options(**{"__internal": "x", "spark.some": "y"}).partitions == 8


@pytest.mark.parametrize(
    ("config", "given", "partitions", "together"),
    [
        ({}, {}, 8, 8),
        ({"num_workers": 3}, {}, 3, 3),
        ({"num_workers": 40}, {"partitions": "16"}, 16, 16),
        ({"requests_per_minute": 5}, {}, 5, 5),
        ({"num_workers": 2}, {"partitions": "64", "tasks": "2"}, 64, 2),
        ({}, {"partitions": "4", "tasks": "8"}, 4, 4),
    ],
)
def test_no_more_is_read_at_the_same_time_than_there_are_workers(config, given, partitions, together):
    found = options(config, **given)
    assert (found.partitions, found.together) == (partitions, together)


def test_tasks_that_cannot_share_a_limit_are_an_error():
    with pytest.raises(
        InvalidConfiguration, match="`requests_per_minute` is 3, which 4 tasks cannot share: set `tasks` to 3"
    ):
        options({"requests_per_minute": 3}, tasks="4")


@pytest.mark.parametrize(
    ("config", "tasks", "share"),
    [
        ({}, 8, {"num_workers": 1}),
        ({"num_workers": 10, "requests_per_minute": 100}, 3, {"num_workers": 3, "requests_per_minute": 33}),
        ({"num_workers": 8}, 0, {"num_workers": 8}),
    ],
)
def test_each_task_has_its_share(config, tasks, share):
    assert shares(config, tasks) == share


def test_a_configuration_that_is_no_json_is_not_quoted():
    with pytest.raises(Exception, match=r"^The option `config` is not JSON\.$"):
        read_options({"config": '{"api_key": "fake-secret', "stream": "org_events"})

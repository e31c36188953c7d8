"""A stream as a table: its rows, its columns, and what is asked of the API for a query."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from integration_tests.secrecy import forms_of, secrets_of
from integration_tests.spark.conftest import Frame, configuration
from integration_tests.test_arrow import EACH
from sandbox.process import Sandbox
from source_events import arrow

pytestmark = pytest.mark.spark

YEAR = {"start_date": "2024-01-01", "end_date": "2024-12-31"}
DAY = "createdAt >= '2024-05-05' and createdAt < '2024-05-06'"


@pytest.fixture(scope="module")
def year() -> Iterator[Sandbox]:
    """40,000 events in a year, 50 on a page."""
    with Sandbox(events=40_000, start="2024-01-01T00:00:00Z", end="2024-12-31T00:00:00Z", no_example=True) as running:
        running.control.behaviour("cloud4wi", page_cap=50)
        yield running


@pytest.fixture
def requests_of(year: Sandbox) -> Any:
    def requests_of(action: Any) -> tuple[Any, list[dict[str, Any]]]:
        year.control.clear_requests()
        result = action()
        return result, year.control.requests()

    return requests_of


def plan_of(frame: Any) -> str:
    text: str = frame._sc._jvm.PythonSQLUtils.explainString(frame._jdf.queryExecution(), "formatted")
    return text


def comparable(rows: list[dict[str, Any]]) -> Counter[str]:
    def moment(value: Any) -> Any:
        return value.astimezone(timezone.utc).replace(tzinfo=None).isoformat() if isinstance(value, datetime) else value

    return Counter(json.dumps({name: moment(value) for name, value in row.items()}, sort_keys=True) for row in rows)


@pytest.mark.parametrize(("provider", "stream"), EACH)
def test_the_rows_are_those_of_arrow(sandbox: Sandbox, frame: Frame, provider: str, stream: str) -> None:
    config = configuration(sandbox, provider)
    table = frame(config, stream).toArrow()
    with arrow.read(config, stream, plain_json=True) as events:
        expected = pa.table(events)
    assert expected.num_rows
    assert table.schema.names == expected.schema.names
    assert comparable(table.to_pylist()) == comparable(expected.to_pylist())


def test_a_day_costs_a_hundredth_of_a_year_and_one_request_more(year: Sandbox, frame: Frame, requests_of: Any) -> None:
    events = frame(configuration(year, "cloud4wi", **YEAR))
    number, whole = requests_of(lambda: events.select("id").distinct().count())
    assert number == 40_000
    found, day = requests_of(lambda: events.where(DAY).select("id").distinct().count())
    with arrow.read(
        configuration(year, "cloud4wi", start_date="2024-05-05", end_date="2024-05-05"), "org_events"
    ) as read:
        assert found == pa.table(read).num_rows > 50
    assert len(day) <= len(whole) / 100 + 1
    asked = {(each["query"].get("dateStart"), each["query"].get("dateEnd")) for each in day if each["method"] == "GET"}
    assert asked == {("2024-05-05T00:00:00Z", "2024-05-06T00:00:00Z")}


def test_what_is_pushed_down_is_in_the_plan_and_spark_does_not_filter_again(year: Sandbox, frame: Frame) -> None:
    plan = plan_of(frame(configuration(year, "cloud4wi", **YEAR)).where(f"{DAY} and type = 'visit'"))
    pushed = next(line for line in plan.splitlines() if "PushedFilters" in line)
    assert "GreaterThanOrEqual(createdAt,2024-05-05 00:00:00" in pushed
    assert "LessThan(createdAt,2024-05-06 00:00:00" in pushed
    assert "EqualTo(type,visit)" in pushed
    assert "Filter [codegen" not in plan


@pytest.mark.parametrize(
    ("condition", "pushed"),
    [
        ("createdAt > '2024-05-05 10:00:00' and createdAt <= '2024-05-05 20:00:00'", True),
        ("createdAt between '2024-05-05 10:00:00.5' and '2024-05-05 20:00:00.25'", True),
        ("createdAt = '{first}'", True),
        ("createdAt >= '2024-05-05 10:00:00' and createdAt < '2024-05-05 20:00:00.5' and type <> 'visit'", True),
        ("to_date(createdAt) = '2024-05-05'", True),
        ("hour(createdAt) = 3 and type = 'visit'", False),
        ("createdAt is null", False),
        ("createdAt < '2023-01-01'", True),
        ("type in ('visit', 'no such type') and createdAt >= '2024-12-01'", True),
        ("type = '' and createdAt >= '2024-12-01'", True),
        ("type = 'a\nb' and createdAt >= '2024-12-01'", True),
        ("createdAt < '2024-01-02' and (type = 'visit' or contactId is null)", True),
    ],
)
def test_a_filter_has_the_rows_that_spark_would_choose(
    year: Sandbox, frame: Frame, requests_of: Any, everything: Any, condition: str, pushed: bool
) -> None:
    condition = condition.format(first=everything.agg({"createdAt": "min"}).first()[0])
    wanted = {row.id for row in everything.where(condition).select("id").collect()}
    events = frame(
        configuration(year, "cloud4wi", **YEAR), schema="id string, type string, createdAt timestamp, contactId string"
    )
    found, asked = requests_of(lambda: [row.id for row in events.where(condition).select("id").collect()])
    assert Counter(found) == Counter(dict.fromkeys(wanted, 1))
    assert (len(asked) < 100) == pushed


@pytest.fixture(scope="module")
def everything(year: Sandbox, frame: Frame) -> Any:
    events = frame(configuration(year, "cloud4wi", **YEAR)).select("id", "type", "createdAt", "contactId").cache()
    events.count()
    yield events
    events.unpersist()


@pytest.mark.parametrize("provider", ["cloud4wi", "app_market", "carecloud"])
def test_a_choice_of_types_is_the_api_s(sandbox: Sandbox, frame: Frame, provider: str) -> None:
    events = frame(configuration(sandbox, provider))
    chosen = events.groupBy("type").count().orderBy("count").first()
    sandbox.control.clear_requests()
    assert events.where(events.type == chosen.type).select("id").distinct().count() == chosen["count"]
    asked = [each for each in sandbox.control.requests() if each["method"] == "GET"]
    assert asked
    assert all(str(chosen.type) in json.dumps(each["query"]) for each in asked)


def test_types_that_the_api_cannot_choose_are_chosen_before_they_become_columns(sandbox: Sandbox, frame: Frame) -> None:
    events = frame(configuration(sandbox, "swipe_one"), "contact_events")
    chosen = events.groupBy("type").count().first()
    assert events.where(events.type == chosen.type).select("id").distinct().count() == chosen["count"]


def test_a_choice_of_contacts_lists_none(sandbox: Sandbox, frame: Frame) -> None:
    events = frame(configuration(sandbox, "swipe_one"), "contact_events")
    chosen = events.groupBy("contactId").count().first()
    sandbox.control.clear_requests()
    assert events.where(events.contactId == chosen.contactId).select("id").distinct().count() == chosen["count"]
    assert not [each for each in sandbox.control.requests() if each["path"].endswith("/contacts")]


def test_columns_that_are_not_in_the_schema_are_not_read(sandbox: Sandbox, frame: Frame) -> None:
    config = configuration(sandbox, "cloud4wi")
    events = frame(config, schema="createdAt timestamp, id string")
    assert events.columns == ["createdAt", "id"]
    whole = frame(config).select("createdAt", "id")
    assert Counter(map(tuple, events.collect())) == Counter(map(tuple, whole.collect()))


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ("id string, foo string", "The stream has no column `foo`; it has id, provider, type, createdAt"),
        ("id string, createdAt string", "The column `createdAt` is of type timestamp."),
        ("id string not null", "The column `id` may be null."),
    ],
)
def test_a_wrong_schema_is_one_clear_error(sandbox: Sandbox, frame: Frame, schema: str, problem: str) -> None:
    with pytest.raises(Exception, match=r"(?s).*") as raised:
        frame(configuration(sandbox, "cloud4wi"), schema=schema).count()
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"partition": "3"}, "`partition` is not an option; did you mean `partitions`?"),
        ({"partitions": "0"}, "The option `partitions` must be a number, at least 1."),
        ({"tasks": "many"}, "The option `tasks` must be a number, at least 1."),
        ({"tasks": "50", "partitions": "60"}, "`num_workers` is 8, which 50 tasks cannot share: set `tasks` to 8."),
        ({"stream": "org_event"}, "There is no stream `org_event`; the streams are: contact_events,"),
        ({"config": "{"}, "The option `config` is not JSON."),
        ({"config": "{}"}, "`provider` is missing."),
        ({"config_path": "nowhere.json"}, "Give one of the options"),
        ({"step": "PT0S"}, "The option `step` must be an ISO 8601 duration of at least a second"),
    ],
)
def test_a_wrong_option_is_one_clear_error_before_any_request(
    sandbox: Sandbox, spark: Any, options: dict[str, str], problem: str
) -> None:
    given = {"config": json.dumps(configuration(sandbox, "cloud4wi")), "stream": "org_events", **options}
    sandbox.control.clear_requests()
    with pytest.raises(Exception, match=r"(?s).*") as raised:
        spark.read.format("source_events").options(**given).load()
    assert problem in str(raised.value)
    assert len(str(raised.value).splitlines()) < 8
    assert "at org.apache" not in str(raised.value)
    assert not sandbox.control.requests()


def test_wrong_credentials_are_one_clear_error_before_any_task(sandbox: Sandbox, frame: Frame) -> None:
    config = configuration(sandbox, "cloud4wi")
    config["provider"]["client_secret"] = "fake-and-wrong"
    sandbox.control.clear_requests()
    with pytest.raises(Exception, match=r"(?s).*") as raised:
        frame(config).count()
    assert "Cloud4Wi does not accept the credentials. Check `provider.client_key`" in str(raised.value)
    assert len(str(raised.value).splitlines()) < 8
    assert "at org.apache" not in str(raised.value)
    assert len(sandbox.control.requests()) == 1
    assert "fake-and-wrong" not in str(raised.value)


def test_the_configuration_may_be_a_file(sandbox: Sandbox, spark: Any, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(configuration(sandbox, "cloud4wi")), encoding="utf-8")
    events = spark.read.format("source_events").options(config_path=str(path), stream="org_events").load()
    assert events.select("id").distinct().count() == len(sandbox.control.event_ids("cloud4wi"))


def test_all_tasks_together_keep_to_the_number_of_workers(sandbox: Sandbox, frame: Frame) -> None:
    config = configuration(sandbox, "swipe_one", num_workers=2)
    sandbox.control.add_fault(path="/events", delay=0.05, times=None)
    sandbox.control.clear_requests()
    frame(config, "contact_events", partitions="6", tasks="2").count()
    assert sandbox.control.max_in_flight() == 2


def test_without_tasks_there_are_no_more_partitions_than_workers(sandbox: Sandbox, frame: Frame) -> None:
    config = configuration(sandbox, "swipe_one", num_workers=3)
    assert frame(config, "contact_events").rdd.getNumPartitions() == 3


def test_all_tasks_together_keep_to_the_requests_a_minute(sandbox: Sandbox, frame: Frame) -> None:
    config = configuration(sandbox, "cloud4wi", requests_per_minute=600)
    sandbox.control.clear_requests()
    frame(config, "contact_events", partitions="4", tasks="2").count()
    times = sorted(datetime.fromisoformat(each["time"]) for each in sandbox.control.requests())
    assert len(times) > 40
    assert len(times) / (times[-1] - times[0]).total_seconds() < 10


def test_a_query_for_a_few_rows_ends(year: Sandbox, frame: Frame, requests_of: Any) -> None:
    rows, asked = requests_of(lambda: frame(configuration(year, "cloud4wi", **YEAR), partitions="1").limit(5).collect())
    assert len(rows) == 5
    assert len(asked) < 400


def test_it_goes_into_parquet(sandbox: Sandbox, frame: Frame, spark: Any, tmp_path: Path) -> None:
    frame(configuration(sandbox, "cloud4wi")).write.parquet(str(tmp_path / "events"))
    written = spark.read.parquet(str(tmp_path / "events"))
    assert Counter(row.id for row in written.collect()) == Counter(
        dict.fromkeys(sandbox.control.event_ids("cloud4wi"), 1)
    )


def test_the_plans_and_pages_of_spark_have_no_secret(
    sandbox: Sandbox, frame: Frame, spark: Any, event_log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for provider in ("cloud4wi", "swipe_one", "app_market", "carecloud"):
        config = configuration(sandbox, provider)
        events = frame(config, "contact_events")
        events.explain(True)
        shown = plan_of(events)
        events.count()
        events.createOrReplaceTempView("events")
        spark.sql("EXPLAIN EXTENDED SELECT count(*) FROM events").show(truncate=False)
        logged = "".join(path.read_text(encoding="utf-8") for path in event_log.rglob("*") if path.is_file())
        assert "SparkListenerSQLExecutionStart" in logged
        out, err = capfd.readouterr()
        for secret in secrets_of(config):
            assert not [form for form in forms_of(secret) if form in shown + logged + out + err]

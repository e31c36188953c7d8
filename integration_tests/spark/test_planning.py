"""However a stream is divided, the parts together have each record once. The parts are read here, without Spark."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from integration_tests.spark.conftest import configuration
from integration_tests.test_arrow import EACH
from sandbox.process import Sandbox
from source_events import SourceEvents, arrow
from source_events.components.windows import SECOND, Slice
from source_events.records.times import earlier
from source_events.settings.catalogue import catalog_of
from source_events.settings.configuration import complete
from source_events.spark import planning

pytestmark = pytest.mark.spark


def planned(config: dict[str, Any], stream: str, partitions: int = 7) -> list[planning.Portion]:
    completed = complete(config)
    span = Slice(completed["start_date"], completed["end_date"])
    return planning.plan(config, stream, span, partitions, partitions)


def ids_of(config: dict[str, Any], stream: str, portion: planning.Portion) -> Counter[str]:
    part = portion.part
    own = {**config, **portion.config}
    batches = arrow.read_slice(
        own, stream, part.first, part.last, portion.contacts, undated=part.undated, plain_json=True
    )
    return Counter(key for batch in batches for key in batch.column(_key(batch.schema.names)).to_pylist())


def _key(names: list[str]) -> str:
    """A list's own key stands first."""
    return "id" if "id" in names else next(name for name in names if name.endswith("_id"))


def read(config: dict[str, Any], stream: str) -> set[str]:
    messages = SourceEvents().read(None, config, catalog_of(stream), [])  # type: ignore[arg-type]
    records = [message.record.data for message in messages if message.record]
    return {record.get("id") or record[_key([*record])] for record in records}


@pytest.fixture
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "RECORDS_WORTH_A_TASK", 10)
    monkeypatch.setattr(planning, "CONTACTS_WORTH_A_TASK", 1)


@pytest.mark.usefixtures("_small_parts")
@pytest.mark.parametrize(("provider", "stream"), EACH)
def test_the_parts_have_each_record_once(sandbox: Sandbox, provider: str, stream: str) -> None:
    config = configuration(sandbox, provider, window_size="P30D")
    portions = planned(config, stream)
    found = sum((ids_of(config, stream, each) for each in portions), Counter[str]())
    assert found == Counter(dict.fromkeys(read(config, stream), 1))
    assert len(portions) == (7 if stream.endswith("_events") or stream == "property_records" else 1)


@pytest.mark.usefixtures("_small_parts")
@pytest.mark.parametrize("stream", ["org_events", "contact_events", "property_records"])
@pytest.mark.parametrize("behaviour", [{"old_installation": True}, {"time_filter": "instant"}, {"total_items": "zero"}])
def test_whatever_an_installation_does_the_parts_have_each_record_once(
    sandbox: Sandbox, stream: str, behaviour: dict[str, Any]
) -> None:
    sandbox.control.behaviour("carecloud", **behaviour)
    config = configuration(sandbox, "carecloud")
    found = sum((ids_of(config, stream, each) for each in planned(config, stream)), Counter[str]())
    assert found == Counter(dict.fromkeys(read(config, stream), 1))


@pytest.mark.usefixtures("_small_parts")
def test_an_installation_that_ignores_the_time_is_not_read_once_a_part(sandbox: Sandbox) -> None:
    sandbox.control.behaviour("carecloud", old_installation=True)
    assert len(planned(configuration(sandbox, "carecloud"), "org_events")) == 1


@pytest.mark.parametrize("stream", ["org_events", "property_records"])
def test_a_border_in_the_hour_that_a_clock_change_repeats_neither_loses_nor_repeats_an_event(
    sandbox: Sandbox, stream: str
) -> None:
    config = configuration(sandbox, "carecloud", start_date="2024-10-01", end_date="2024-11-30")
    sandbox.control.add_events("carecloud", generate=60, start="2024-10-26T23:30:00Z", end="2024-10-27T02:30:00Z")
    borders = ["2024-10-27T00:15:00Z", "2024-10-27T00:40:00Z", "2024-10-27T01:20:00Z"]
    starts = ["2024-10-01T00:00:00Z", *borders]
    ends = [*(earlier(border, SECOND) for border in borders), "2024-11-30T23:59:59Z"]
    parts = [Slice(*span, undated=not place) for place, span in enumerate(zip(starts, ends, strict=True))]
    found = [ids_of(config, stream, planning.Portion(part, None, {})) for part in parts]
    assert sum(found, Counter[str]()) == Counter(dict.fromkeys(read(config, stream), 1))
    assert all(found)

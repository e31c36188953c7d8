"""For any events, habits of the server, slices, workers and state: what the syncs bring together is what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unit_tests.models import (
    AppMarket,
    CareCloud,
    CareCloudContacts,
    Cloud4Wi,
    Cloud4WiContacts,
    Event,
    Habits,
    Model,
    SwipeOne,
    Unfiltered,
    utc,
)
from unit_tests.reading import read, stream_state
from unit_tests.transport import Transport

START = datetime(2024, 10, 26, 20, tzinfo=timezone.utc)
"""Five hours before the end of daylight saving time in Prague."""
FIRST_END, LAST_END = START + timedelta(hours=8), START + timedelta(hours=12)
HOUR = 3600
LOOKBACK = timedelta(hours=1)

SECONDS = st.integers(0, 12).map(lambda hour: hour * HOUR).flatmap(
    lambda border: st.sampled_from([border - 1, border, border + 1, border + 1800])
) | st.integers(0, 12 * HOUR)
MICROSECONDS = st.sampled_from([0, 0, 500_000, 999_999])
EVENTS = st.lists(st.tuples(SECONDS, MICROSECONDS, st.sampled_from(["a", "b", "c"]), st.integers(0, 2)), max_size=25)
HABITS = st.builds(
    Habits,
    page=st.integers(1, 8),
    order=st.sampled_from(["ascending", "descending", "shuffled"]),
    exclusive=st.booleans(),
    totals=st.booleans(),
)


def events(drawn: Sequence[tuple[int, int, str, int]], earliest: datetime = START) -> list[Event]:
    moments = (START + timedelta(seconds=seconds, microseconds=rest) for seconds, rest, _, _ in drawn)
    return [
        Event(max(moment, earliest), contact, content)
        for moment, (_, _, contact, content) in zip(moments, drawn, strict=True)
    ]


@pytest.mark.parametrize(
    "kind", [Cloud4Wi, Cloud4WiContacts, CareCloud, CareCloudContacts, Unfiltered, SwipeOne, AppMarket]
)
@given(habits=HABITS, first=EVENTS, second=EVENTS, hours=st.sampled_from([1, 3, 24]), workers=st.integers(1, 5))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_syncs_together_bring_each_event_once(
    network: Transport,
    kind: type[Model],
    habits: Habits,
    first: list[Any],
    second: list[Any],
    hours: int,
    workers: int,
) -> None:
    model = kind(habits)
    network.answer = model.answer  # type: ignore[method-assign]
    config = {
        "provider": model.provider,
        "start_date": utc(START),
        "end_date": utc(FIRST_END),
        "window_size": f"PT{hours}H",
        "lookback_window": "PT1H",
        "num_workers": workers,
    }
    model.events = [model.normal(event) for event in events(first)]
    before = read(model.stream, config=config)
    assert before.failure is None
    records = {record["id"]: record for record in before.records()}
    assert len(records) == len(before.records())
    assert contents(model, records) == wanted(model, FIRST_END)

    state = before.states[-1]
    cursor = datetime.fromisoformat(state["createdAt"].replace("Z", "+00:00")) if "createdAt" in state else START
    later = [model.normal(event) for event in events(second, max(START, cursor - LOOKBACK))]
    # What a clock change makes earlier than the lookback is none that a sync could find.
    model.events += [event for event in later if event.moment >= max(START, cursor - LOOKBACK)]
    after = read(model.stream, config={**config, "end_date": utc(LAST_END)}, state=stream_state(model.stream, state))
    assert after.failure is None
    assert len({record["id"] for record in after.records()}) == len(after.records())
    records |= {record["id"]: record for record in after.records()}
    assert contents(model, records) == wanted(model, LAST_END)


def contents(model: Model, records: dict[str, Any]) -> Counter[Any]:
    return Counter(model.content(record) for record in records.values())


def wanted(model: Model, end: datetime) -> Counter[Any]:
    return Counter(model.expected(event) for event in model.events if START <= event.moment <= end)

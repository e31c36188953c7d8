"""For any events, habits of the server, slices, workers and state: what the syncs bring together is what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from source_events.components.windows import Slice
from unit_tests.exchange import Request, Response, Transport
from unit_tests.models import Event, Habits, Model, utc
from unit_tests.providers.app_market.model import AppMarket
from unit_tests.providers.carecloud.model import CareCloud, CareCloudContacts, Unfiltered
from unit_tests.reading import read, stream_state
from unit_tests.registered import of_each

MODELS = [model for models in of_each("unit_tests.providers.NAME.model", "MODELS").values() for model in models]
START = datetime(2024, 10, 26, 20, tzinfo=timezone.utc)
"""Five hours before the end of daylight saving time in Prague."""
ENDS = [START + timedelta(hours=hours) for hours in (8, 12, 13)]
"""Of the first sync, the second and the third."""
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


@pytest.mark.parametrize("kind", MODELS)
@given(
    habits=HABITS,
    added=st.lists(EVENTS, min_size=1, max_size=len(ENDS)),
    hours=st.sampled_from([1, 3, 24]),
    workers=st.integers(1, 5),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_the_syncs_together_bring_each_event_once(
    network: Transport, kind: type[Model], habits: Habits, added: list[list[Any]], hours: int, workers: int
) -> None:
    """Before each sync events are added: before the first any, later such as the lookback reaches."""
    model = kind(habits)
    network.answer = model.answer  # type: ignore[method-assign]
    config = {
        "provider": model.provider,
        "start_date": utc(START),
        "window_size": f"PT{hours}H",
        "lookback_window": "PT1H",
        "num_workers": workers,
    }
    state: dict[str, Any] = {}
    records: dict[str, Any] = {}
    for drawn, end in zip(added, ENDS, strict=False):
        earliest = max(START, cursor_of(state) - LOOKBACK)
        normal = [model.normal(event) for event in events(drawn, earliest)]
        # What a clock change makes earlier than the lookback is none that a sync could find.
        model.events += [event for event in normal if event.moment >= earliest]
        before = stream_state(model.stream, state) if state else None
        output = read(model.stream, config={**config, "end_date": utc(end)}, state=before)
        assume(not model.looks_deaf)
        assert output.failure is None
        assert {each for each, number in Counter(output.ids()).items() if number > 1} <= model.ambiguous
        records |= {record["id"]: record for record in output.records()}
        assert contents(model, records) == wanted(model, end)
        state = output.states[-1]


@pytest.mark.parametrize("kind", [CareCloud, CareCloudContacts, Unfiltered, AppMarket])
@given(
    page=st.integers(3, 6),
    order=st.sampled_from(["ascending", "descending"]),
    drawn=st.lists(
        st.tuples(SECONDS, MICROSECONDS, st.sampled_from(["a", "b"]), st.integers(0, 2)), min_size=8, max_size=25
    ),
    deleted=st.sets(st.integers(0, 24), min_size=1, max_size=2),
    requests=st.integers(1, 8),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_events_that_are_deleted_while_it_reads_take_no_others_with_them(
    network: Transport,
    kind: type[Model],
    page: int,
    order: str,
    drawn: list[Any],
    deleted: set[int],
    requests: int,
) -> None:
    """They are fewer than a page has, the API announces how many there are, and no two events are alike."""
    model = kind(Habits(page=page, order=order, exclusive=False, totals=True))
    alike = map(model.normal, events(drawn))
    model.events = [Event(event.moment, event.contact, number) for number, event in enumerate(alike)]
    answered = 0

    def answer(made: Request) -> Response:
        nonlocal answered
        answered += 1
        if answered > requests:
            model.deleted = deleted
        return model.answer(made)

    network.answer = answer  # type: ignore[method-assign]
    config = {"provider": model.provider, "start_date": utc(START), "end_date": utc(ENDS[-1]), "window_size": "P1D"}
    output = read(model.stream, config=config)
    assert output.failure is None
    records = {record["id"]: record for record in output.records()}
    there = Counter(
        model.expected(event)
        for number, event in enumerate(model.events)
        if number not in deleted and event.moment <= ENDS[-1]
    )
    assert not there - contents(model, records)


MOMENTS = st.integers(0, 200_000).map(lambda seconds: utc(START + timedelta(seconds=seconds)))


@given(start=MOMENTS, end=MOMENTS, size=st.integers(60, 200_000))
def test_windows_have_each_second_from_start_to_end_once(start: str, end: str, size: int) -> None:
    cut = list(Slice(start, end).parts(timedelta(seconds=size)))
    assert bool(cut) == (start <= end)
    borders = [(second_of(window.first), second_of(window.last)) for window in cut]
    assert all(0 <= last - first < size for first, last in borders)
    assert all(following == last + 1 for (_, last), (following, _) in pairwise(borders))
    if cut:
        assert (cut[0].first, cut[-1].last) == (start, end)


def second_of(time: str) -> int:
    return round(datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp())


def cursor_of(state: dict[str, Any]) -> datetime:
    """Of a state without one, the start."""
    return datetime.fromisoformat(state["createdAt"].replace("Z", "+00:00")) if "createdAt" in state else START


def contents(model: Model, records: dict[str, Any]) -> Counter[Any]:
    return Counter(model.content(record) for record in records.values())


def wanted(model: Model, end: datetime) -> Counter[Any]:
    return Counter(model.expected(event) for event in model.events if START <= event.moment <= end)

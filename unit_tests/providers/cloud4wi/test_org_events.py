from __future__ import annotations

import pytest
from freezegun import freeze_time

from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration, read, stream_state

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")


@pytest.fixture(autouse=True)
def logged_in(network):
    network.expect(requests.login(), responses.token())


def at(time: str, event_id: str = "") -> dict:
    return responses.event(event_id or time, f"2024-01-{time}Z")


def test_all_pages_come_out(network):
    network.expect(requests.feed(*DAY), responses.page([at("01T01:00:00")], "s", 3))
    network.expect(requests.feed(*DAY, scroll="s"), responses.page([at("01T02:00:00")], "s", 3))
    network.expect(requests.feed(*DAY, scroll="s"), responses.page([at("01T03:00:00")], "s", 3))
    network.expect(requests.feed(*DAY, scroll="s"), responses.empty("s"))
    output = read("org_events")
    assert output.ids() == ["01T01:00:00", "01T02:00:00", "01T03:00:00"]
    assert output.states[-1] == {"createdAt": "2024-01-01T03:00:00Z"}


def test_pages_of_which_nothing_is_wanted_do_not_end_the_scroll(network):
    network.expect(requests.feed(*DAY), responses.page([responses.event("x", event_type="geo_visit")], "s"))
    network.expect(requests.feed(*DAY, scroll="s"), responses.page([responses.event("a", event_type="arriving")]))
    assert read("org_events", config=configuration(event_types=["arriving"])).ids() == ["a"]


def test_a_page_that_repeats_is_an_error_and_moves_no_cursor(network):
    network.expect(requests.feed(*DAY), responses.page([at("01T01:00:00")], "s"))
    network.expect(requests.feed(*DAY, scroll="s"), responses.page([at("01T01:00:00")], "s"))
    output = read("org_events")
    assert output.error()["failure_type"] == "transient_error"
    assert "repeats a page after 2 rows" in output.error()["message"]
    assert all(state.get("createdAt", DAY[0]) == DAY[0] for state in output.states)


def test_a_day_as_end_is_read_to_the_end_of_its_last_second(network):
    network.expect(
        requests.feed("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z"),
        responses.page([at("01T12:00:00"), at("01T23:59:59"), at("01T23:59:59.999"), at("02T00:00:00")]),
    )
    output = read("org_events", config=configuration(start_date="2024-01-01", end_date="2024-01-01"))
    assert output.ids() == ["01T12:00:00", "01T23:59:59", "01T23:59:59.999"]


def test_a_second_as_end_is_read_to_its_begin(network):
    network.expect(
        requests.feed(*DAY), responses.page([at("01T23:59:59"), at("01T23:59:59.000"), at("01T23:59:59.001")])
    )
    assert read("org_events").ids() == ["01T23:59:59", "01T23:59:59.000"]


@pytest.mark.parametrize(
    ("end", "window", "slices"),
    [
        pytest.param(
            "02T23:59:59", "P1D", [("01T00:00:00", "02T00:00:00"), ("02T00:00:00", "02T23:59:59")], id="whole"
        ),
        pytest.param("02T12:00:00", "P1D", [("01T00:00:00", "02T00:00:00"), ("02T00:00:00", "02T12:00:00")], id="rest"),
        pytest.param(
            "01T00:01:59", "PT1M", [("01T00:00:00", "01T00:01:00"), ("01T00:01:00", "01T00:01:59")], id="minutes"
        ),
        pytest.param("01T00:00:00", "P1D", [("01T00:00:00", "01T00:00:00")], id="one second"),
    ],
)
def test_slices_cover_the_range_and_each_event_comes_out_once(network, end, window, slices):
    """The API answers all that it has from `dateStart` to `dateEnd`, both inclusive."""
    times = sorted({time for bounds in slices for time in bounds})
    events = [at(f"{time}{fraction}") for time in times for fraction in ("", ".5")]
    for start, stop in slices:
        answered = [event for event in events if start <= event["event"]["id"] <= f"{stop}.9"]
        network.expect(requests.feed(f"2024-01-{start}Z", f"2024-01-{stop}Z"), responses.page(answered))
    output = read("org_events", config=configuration(end_date=f"2024-01-{end}Z", window_size=window))
    assert output.ids() == [event["event"]["id"] for event in events if event["event"]["id"] <= end]


@pytest.mark.parametrize("window", ["P1D", "PT12H"])
def test_an_end_that_a_window_begins_with_is_read_too(network, window):
    """Nothing at the end date itself is lost, however the slices meet it."""
    end = "2024-01-02T00:00:00Z"
    noon = "2024-01-01T12:00:00Z"
    bounds = [(DAY[0], noon), (noon, end)] if window == "PT12H" else [(DAY[0], end)]
    for start, stop in bounds:
        answered = [responses.event(time, time) for time in (DAY[0], noon, end) if start <= time <= stop]
        network.expect(requests.feed(start, stop), responses.page(answered))
    output = read("org_events", config=configuration(end_date=end, window_size=window))
    assert output.ids() == [DAY[0], noon, end]


def test_rows_that_an_api_without_filter_adds_are_left_out(network):
    events = [responses.event("before", "2023-12-31T23:59:59Z"), at("01T12:00:00", "in"), at("02T00:00:00", "after")]
    network.expect(requests.feed(*DAY), responses.page(events))
    output = read("org_events")
    assert output.ids() == ["in"]
    assert output.states[-1] == {"createdAt": "2024-01-01T12:00:00Z"}


class TestState:
    @pytest.mark.parametrize(
        ("lookback", "start"),
        [("P1D", "2024-01-09T12:00:00Z"), ("PT0S", "2024-01-10T12:00:00Z"), ("P30D", "2024-01-01T00:00:00Z")],
    )
    def test_a_sync_begins_a_lookback_before_the_cursor(self, network, lookback, start):
        end = "2024-01-11T00:00:00Z"
        network.expect(requests.feed(start, end), responses.empty())
        config = configuration(end_date=end, lookback_window=lookback, window_size="P100D")
        state = stream_state("org_events", {"createdAt": "2024-01-10T12:00:00Z"})
        output = read("org_events", config=config, state=state)
        assert output.status("org_events") == "COMPLETE"
        assert output.states[-1] == {"createdAt": "2024-01-10T12:00:00Z"}

    def test_a_late_event_within_the_lookback_comes_out(self, network):
        network.expect(
            requests.feed("2024-01-01T12:00:00Z", "2024-01-03T00:00:00Z"), responses.page([at("01T18:00:00", "late")])
        )
        output = read(
            "org_events",
            config=configuration(end_date="2024-01-03T00:00:00Z"),
            state=stream_state("org_events", {"createdAt": "2024-01-02T12:00:00Z"}),
        )
        assert output.ids() == ["late"]
        assert output.states[-1] == {"createdAt": "2024-01-02T12:00:00Z"}

    @freeze_time("2024-01-05T00:00:00Z", ignore=["concurrent", "threading", "queue"])
    @pytest.mark.parametrize("end", [None, "2025-01-01T00:00:00Z"], ids=["now", "in the future"])
    def test_the_cursor_is_never_beyond_the_latest_event(self, network, end):
        network.expect(
            requests.feed(DAY[0], end or "2024-01-05T00:00:00Z"), responses.page([at("04T12:00:00", "latest")])
        )
        output = read("org_events", config=configuration(end_date=end, window_size="P1000D"))
        assert output.states[-1] == {"createdAt": "2024-01-04T12:00:00Z"}

    def test_a_full_refresh_reads_everything(self, network):
        network.expect(requests.feed(*DAY), responses.page([at("01T01:00:00", "a")]))
        assert read("org_events", sync_mode="full_refresh").ids() == ["a"]

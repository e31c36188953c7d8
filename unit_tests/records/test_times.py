from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_events.records.rows import Envelope
from source_events.records.times import (
    UnreadableTime,
    are_normal,
    earlier,
    format_time,
    from_any,
    local_time,
    normalize_time,
    normalize_times,
    to_local,
)

PRAGUE = ZoneInfo("Europe/Prague")


class TestNormalTimes:
    @pytest.mark.parametrize(
        ("time", "normal"),
        [
            ("2022-07-21T18:41:09Z", "2022-07-21T18:41:09Z"),
            ("2022-07-21t18:41:09z", "2022-07-21T18:41:09Z"),
            ("2022-07-21 18:41:09Z", "2022-07-21T18:41:09Z"),
            ("2022-07-21T18:41:09+00:00", "2022-07-21T18:41:09Z"),
            ("2022-07-21T18:41:09-00:00", "2022-07-21T18:41:09Z"),
            ("2022-07-21T18:41:09+02:00", "2022-07-21T16:41:09Z"),
            ("2022-01-01T01:00:00+02:00", "2021-12-31T23:00:00Z"),
            ("2024-02-29T23:30:00-01:00", "2024-03-01T00:30:00Z"),
            ("2022-07-21T18:41:09.5-05:30", "2022-07-22T00:11:09.5Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z"),
        ],
    )
    def test_a_time_is_brought_to_utc(self, time, normal):
        assert normalize_time(time) == normal

    @pytest.mark.parametrize(
        "digits", ["1", "10", "123", "1234", "12345", "123456", "1234567", "000000001", "999999999"]
    )
    def test_the_fraction_keeps_its_digits_but_at_most_six(self, digits):
        assert normalize_time(f"2022-07-21T18:41:09.{digits}Z") == f"2022-07-21T18:41:09.{digits[:6]}Z"

    UNREADABLE = (
        pytest.param("", id="empty"),
        pytest.param("yesterday", id="words"),
        pytest.param("1658428869", id="seconds since 1970"),
        pytest.param("2022-07-21", id="a date"),
        pytest.param("2022-07-21T18:41:09", id="no zone"),
        pytest.param("2022-07-21T18:41:09.123", id="a fraction without a zone"),
        pytest.param("2022-07-21T18:41:09.Z", id="a point without digits"),
        pytest.param("2022-07-21T18:41:09 Europe/Rome", id="a named zone"),
        pytest.param("2022-07-21T18:41:09ZZ", id="two zones"),
        pytest.param("2022-07-21T24:00:00Z", id="hour 24"),
        pytest.param("2022-07-21T18:60:00Z", id="minute 60"),
        pytest.param("2022-02-30T00:00:00Z", id="a day that does not exist"),
        pytest.param("2022-13-01T00:00:00Z", id="month 13"),
        pytest.param("0000-00-00T00:00:00Z", id="the zero date"),
        pytest.param("0001-01-01T00:00:00+01:00", id="before year 1 in UTC"),
        pytest.param("9999-12-31T23:59:59-01:00", id="after year 9999 in UTC"),
        pytest.param(" 2022-07-21T18:41:09Z", id="a space before"),
        pytest.param("2022-07-21T18:41:09Z\n", id="a line break after"),
        pytest.param("2022-07-21T18:41:09.1.2Z", id="two points"),
        pytest.param("2022-07-21T18:41.5Z", id="a fraction of a minute"),
        pytest.param("2022-07-21T18:41:09,5Z", id="a comma before the fraction"),
    )

    @pytest.mark.parametrize("time", UNREADABLE)
    def test_what_is_no_time_is_not_guessed(self, time):
        with pytest.raises(UnreadableTime) as caught:
            normalize_time(time)
        assert caught.value.time == time

    @given(st.datetimes(timezones=st.timezones()), st.integers(0, 9))
    def test_any_time_with_an_offset_keeps_its_instant(self, moment, digits):
        moment = moment.replace(microsecond=0)
        try:
            utc = moment.astimezone(timezone.utc)
        except OverflowError:
            return
        offset = moment.isoformat()[19:]
        if len(offset) != 6:
            return
        fraction = "." + "7" * digits if digits else ""
        normal = normalize_time(moment.isoformat()[:19] + fraction + offset)
        assert datetime.fromisoformat(normal[:19] + "+00:00") == utc
        assert normal[19:] == fraction[:7] + "Z"

    @given(st.text("0123456789-:.+TtZz ,W", max_size=30) | st.text(max_size=25))
    def test_any_text_is_a_time_in_the_one_notation_or_refused(self, text):
        try:
            normal = normalize_time(text)
        except UnreadableTime:
            return
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", normal, re.ASCII)


class TestLocalTimes:
    @pytest.mark.parametrize(
        ("time", "utc"),
        [
            pytest.param("2024-01-15 12:00:00", "2024-01-15T11:00:00Z", id="winter"),
            pytest.param("2024-07-15 12:00:00", "2024-07-15T10:00:00Z", id="summer"),
            pytest.param("2024-07-15T12:00:00", "2024-07-15T10:00:00Z", id="with a T"),
            pytest.param("2024-01-01 00:30:00", "2023-12-31T23:30:00Z", id="another year"),
            pytest.param("2024-03-31 01:59:59", "2024-03-31T00:59:59Z", id="before the gap"),
            pytest.param("2024-03-31 02:30:00", "2024-03-31T01:30:00Z", id="in the gap, moved forward by it"),
            pytest.param("2024-03-31 03:00:00", "2024-03-31T01:00:00Z", id="after the gap"),
            pytest.param("2024-10-27 02:00:00", "2024-10-27T00:00:00Z", id="twice, the earlier"),
            pytest.param("2024-10-27 02:59:59", "2024-10-27T00:59:59Z", id="still twice, the earlier"),
            pytest.param("2024-10-27 03:00:00", "2024-10-27T02:00:00Z", id="once again"),
            pytest.param("2024-07-15 12:00:00.5", "2024-07-15T10:00:00.5Z", id="a fraction"),
            pytest.param("2024-07-15 12:00:00.0549203", "2024-07-15T10:00:00.054920Z", id="seven digits"),
        ],
    )
    def test_a_local_time_is_brought_to_utc(self, time, utc):
        assert local_time(time, PRAGUE) == utc

    @pytest.mark.parametrize(
        "time",
        [
            "",
            "yesterday",
            "0000-00-00 00:00:00",
            "2024-02-30 00:00:00",
            "2024-01-01 24:00:00",
            "2024-01-01 00:00:00Z",
            "2024-01-01 00:00:00+01:00",
            "2024-01-01 00:00:00.5Z",
            "2024-01-01 00:00:00.5.5",
            "0001-01-01 00:00:00",
            *(
                pytest.param(time)
                for time in ("2024-01-01", "2024-01-01 12", "2024-01-01 12:30", "2024-01-01 12:30:00.")
            ),
        ],
    )
    def test_what_is_no_local_time_is_not_guessed(self, time):
        with pytest.raises(UnreadableTime) as caught:
            local_time(time, PRAGUE)
        assert caught.value.time == time

    @pytest.mark.parametrize(
        ("utc", "local"),
        [
            ("2024-01-15T11:00:00Z", "2024-01-15 12:00:00"),
            ("2024-07-15T10:00:00Z", "2024-07-15 12:00:00"),
            ("2024-10-27T00:30:00Z", "2024-10-27 02:30:00"),
            ("2024-10-27T01:30:00Z", "2024-10-27 02:30:00"),
            ("2024-03-31T01:00:00Z", "2024-03-31 03:00:00"),
        ],
    )
    def test_a_time_is_told_as_the_zones_clock_shows_it(self, utc, local):
        assert to_local(utc, PRAGUE) == local

    @given(st.datetimes(datetime(1990, 1, 1), datetime(2035, 1, 1)), st.sampled_from(["Europe/Prague", "Asia/Kolkata"]))
    def test_there_and_back_it_is_the_same_or_the_earlier_of_two(self, moment, zone):
        utc = format_time(moment.replace(microsecond=0, tzinfo=timezone.utc))
        back = local_time(to_local(utc, ZoneInfo(zone)), ZoneInfo(zone))
        assert back == utc or back == earlier(utc, timedelta(hours=1))


def test_a_moment_is_written_in_utc_to_the_second():
    moment = datetime(2024, 1, 1, 1, 2, 3, 999999, tzinfo=timezone(timedelta(hours=2)))
    assert format_time(moment) == "2023-12-31T23:02:03Z"


@pytest.mark.parametrize("time", ["2024-03-01T00:00:00Z", "2024-03-01T00:00:00.5Z"])
def test_a_time_is_moved_back(time):
    assert earlier(time, timedelta(days=1, seconds=1)) == "2024-02-28T23:59:59Z"


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(lambda moment: moment.replace(microsecond=0)),
    st.sampled_from(
        ["Europe/Prague", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC"]
    ),
)
def test_a_local_time_has_the_offset_that_its_zone_has_then_also_where_its_hour_is_known(local, zone):
    expected = format_time(local.replace(tzinfo=ZoneInfo(zone)))
    assert local_time(local.isoformat(" "), ZoneInfo(zone)) == expected
    # Again, as the rest of an hour finds it.
    assert local_time(local.isoformat(" "), ZoneInfo(zone)) == expected


@pytest.mark.parametrize("time", ["2024-05-01 12:60:00", "2024-05-01 12:00:60", "2024-05-01 24:00:00"])
def test_a_clock_does_not_show_such_a_time_also_where_its_hour_is_known(time):
    local_time("2024-05-01 12:00:00", PRAGUE)
    with pytest.raises(UnreadableTime):
        local_time(time, PRAGUE)


def dated(event_id: str = "e", created_at: str | None = "2024-01-01T00:00:00Z") -> Envelope:
    return Envelope(event_id, "cloud4wi", "visit", created_at)


class TestPagesOfTimes:
    @pytest.mark.parametrize("time", ["yesterday", "", "2022-07-21T18:41:09", "2022-02-30T00:00:00Z"])
    def test_a_page_names_the_record_whose_time_is_none(self, time):
        with pytest.raises(UnreadableTime) as caught:
            normalize_times([dated("before"), dated("broken", time), dated("after")])
        assert (caught.value.record_id, caught.value.time) == ("broken", time)

    def test_a_page_may_mix_notations(self):
        page = [
            dated(created_at="2022-07-21T18:41:09Z"),
            dated(created_at="2022-07-21t18:41:09z"),
            dated(created_at="2022-07-21T18:41:09.25+02:00"),
            dated(created_at="2022-07-21T18:41:09+0200"),
        ]
        normalize_times(page)
        assert [each.createdAt for each in page] == [
            "2022-07-21T18:41:09Z",
            "2022-07-21T18:41:09Z",
            "2022-07-21T16:41:09.25Z",
            "2022-07-21T16:41:09Z",
        ]

    @pytest.mark.parametrize(
        ("times", "normal"),
        [
            ([], True),
            (["2024-01-01T00:00:00Z"], True),
            (["2024-01-01T00:00:00Z", "2024-02-29T23:59:59Z"], True),
            (["2024-01-01T00:00:00.5Z", "2024-01-01T00:00:01.0Z"], True),
            (["2024-01-01T00:00:00.123456Z"], True),
            (["2024-01-01T00:00:00.1234567Z"], False),
            (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00.5Z"], False),
            (["2024-01-01T00:00:00Z", "2024-01-01 00:00:00Z"], False),
            (["2024-01-01T00:00:00Z", "2024-01-01T00:00:00z"], False),
            (["2024-01-01T00:00:00Z", "2024-02-30T00:00:00Z"], False),
            (["2024-01-01T00:00:00+00:00"], False),
            (["2024-01-01T00:00:00"], False),
            (["00:00T:00:00:00:00:Z"], False),
            ([""], False),
        ],
    )
    def test_times_are_normal_as_a_page_or_looked_at_one_by_one(self, times, normal):
        assert are_normal(times) is normal

    def test_an_envelope_without_a_time_keeps_none(self):
        page = [dated("a", None), dated("b", "2022-07-21T18:41:09+02:00")]
        normalize_times(page)
        assert [each.createdAt for each in page] == [None, "2022-07-21T16:41:09Z"]


AMSTERDAM = ZoneInfo("Europe/Amsterdam")


class TestAnyForm:
    @pytest.mark.parametrize(
        ("native", "expected"),
        [
            ("2018-08-22T16:47:10.0549203", "2018-08-22T14:47:10.054920Z"),
            ("2018-08-22 16:47:10", "2018-08-22T14:47:10Z"),
            ("2018-12-22T16:47:10.5", "2018-12-22T15:47:10.5Z"),
            ("2018-08-22T16:47:10.0549203Z", "2018-08-22T16:47:10.0549203Z"),
            ("2018-08-22T16:47:10-05:00", "2018-08-22T16:47:10-05:00"),
            ("1534956430", "2018-08-22T16:47:10Z"),
            ("1534956430.25", "2018-08-22T16:47:10.25Z"),
            ("1534956430054", "2018-08-22T16:47:10.054Z"),
            ("99999999999", "5138-11-16T09:46:39Z"),
            ("100000000000", "1973-03-03T09:46:40.000Z"),
            ("soon", "soon"),
        ],
    )
    def test_a_time_without_an_offset_is_in_the_zone_and_a_number_is_a_timestamp(
        self, native: str, expected: str
    ) -> None:
        assert from_any(native, AMSTERDAM) == expected

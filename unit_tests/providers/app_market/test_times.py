from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from source_events.providers.app_market.times import utc

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


class TestTimes:
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
        assert utc(native, AMSTERDAM) == expected

"""The short form of `make soak`: tens of thousands of events under every fault that the sandbox has."""

from __future__ import annotations

import pytest

from integration_tests.soak.endurance import FAULTS, endure
from integration_tests.soak.loads import Load, loads

LOADS = {load.provider: load for load in loads(scale=0.02, others=0.04, share=6, times=1)}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS.keys())
def test_a_sync_in_which_everything_goes_wrong_now_and_then_is_complete(load: Load) -> None:
    with load.served() as (config, expected, control):
        endured = endure(config, expected, timeout=120)
        fired = [fault["fired"] for fault in control.faults()]
    assert (endured.status, endured.errors) == (0, [])
    assert {stream: (events.missing(), events.unknown) for stream, events in expected.items()} == dict.fromkeys(
        load.account.streams, (0, 0)
    )
    assert fired == [1] * len(FAULTS), "too few requests: the `account` needs smaller pages"
    assert max(endured.memory) < 200

from __future__ import annotations

import threading
from collections import Counter

import pytest

from source_events.components.audit import LEAST, ONE_IN, Audit
from source_events.records.page import Page
from source_events.runtime import Runtime
from source_events.transport.network import Closed

LIMIT = "2024-02-01T00:00:00Z"


def audit_of(number: int) -> Audit:
    """One of so many contacts that are skipped, at the end of their list."""
    audit = Audit(Runtime(1))
    for position in range(number):
        audit.chooses(f"c{position}", LIMIT)
    list(audit.rest())
    return audit


@pytest.mark.parametrize(
    ("skipped", "chosen"),
    [(0, 0), (1, 1), (19, 19), (20, 20), (21, 20), (150, 20), (2000, 20), (2001, 21), (2100, 21), (19_800, 198)],
)
def test_a_hundredth_is_chosen_and_at_least_twenty(skipped: int, chosen: int) -> None:
    audit = audit_of(skipped)
    assert (audit.skipped, len(audit.chosen)) == (skipped, chosen)
    assert (LEAST, ONE_IN) == (20, 100)


def test_each_is_as_likely_as_any_other() -> None:
    """Of sixty, twenty: a thousand times, each is chosen a third of them, give or take five deviations."""
    times = Counter(contact for _ in range(1000) for contact in audit_of(60).chosen)
    assert len(times) == 60
    assert min(times.values()) > 333 - 75
    assert max(times.values()) < 333 + 75


def test_one_of_each_hundred_is_known_when_it_comes() -> None:
    audit = Audit(Runtime(1))
    chosen = [position for position in range(1000) if audit.chooses(f"c{position}", LIMIT)]
    assert [position // ONE_IN for position in chosen] == list(range(10))


@pytest.mark.parametrize(
    ("latest", "found"),
    [
        ("2024-01-31T23:59:59.999Z", None),
        ("2024-02-01T00:00:00Z", "c0"),
        ("2024-02-01T00:00:00.5Z", "c0"),
        ("2024-03-01T00:00:00Z", "c0"),
        (None, None),
    ],
)
def test_an_event_at_the_limit_or_behind_it_is_found(latest: str | None, found: str | None) -> None:
    audit = audit_of(1)
    audit.look_at("c0", Page((), latest))
    audit.look_at("another", Page((), "2024-12-31T00:00:00Z"))
    assert audit.found == found


def test_it_waits_for_all_that_are_chosen() -> None:
    audit = audit_of(3)
    audit.end(["c0", "c1"])
    threading.Timer(0.05, audit.end, [["c2"]]).start()
    assert audit.has_found_one() is False


def test_it_waits_no_longer_when_one_is_found() -> None:
    audit = audit_of(3)
    threading.Timer(0.05, audit.look_at, ["c1", Page((), LIMIT)]).start()
    assert audit.has_found_one() is True
    assert audit.found == "c1"


def test_a_command_that_ends_is_not_waited_for() -> None:
    runtime = Runtime(1)
    audit = Audit(runtime)
    audit.chooses("c0", LIMIT)
    list(audit.rest())
    threading.Timer(0.05, runtime.close).start()
    with pytest.raises(Closed):
        audit.has_found_one()

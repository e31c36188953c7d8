from __future__ import annotations

import base64
from datetime import datetime, timezone

import pytest
from freezegun import freeze_time

from source_events.providers.carecloud.authentication import HourlyAuthenticator, hourly_hash
from unit_tests.providers.carecloud.project import config


def test_the_hash_is_the_documented_one() -> None:
    # printf '%s' "$(printf password | md5sum | cut -c-32)2024013123" | sha256sum
    moment = datetime(2024, 1, 31, 23, 59, 59, tzinfo=timezone.utc)
    assert hourly_hash("password", moment) == "faa870e240943c6dfa674c2c156457986cd99170648fc2dbeb4bf1fcde643994"


def hours(now: str, refused_at: str | None = None) -> str:
    """The hour whose hash is sent: at first, or after a refusal of what was sent at a time."""
    authenticator = HourlyAuthenticator(config())
    if refused_at:
        with freeze_time(refused_at):
            refused = authenticator.headers()
    with freeze_time(now):
        header = authenticator.headers(instead_of=refused if refused_at else None)["Authorization"]
    sent = base64.b64decode(header.removeprefix("Basic ")).decode()
    moments = (datetime(2024, 5, 1, hour, tzinfo=timezone.utc) for hour in range(24))
    return next(f"{moment.hour:02d}" for moment in moments if sent == f"l:{hourly_hash('p', moment)}")


def test_the_hash_is_made_anew_for_each_request() -> None:
    assert hours("2024-05-01T11:59:59Z") == "11"
    assert hours("2024-05-01T12:00:00Z") == "12"


@pytest.mark.parametrize(
    ("now", "refused_at", "expected"),
    [
        ("2024-05-01T12:00:01Z", "2024-05-01T12:00:00Z", "11"),
        ("2024-05-01T11:59:59Z", "2024-05-01T11:59:58Z", "12"),
        ("2024-05-01T12:00:00Z", "2024-05-01T11:59:59Z", "12"),
        ("2024-05-01T11:29:59Z", "2024-05-01T11:29:59Z", "10"),
        ("2024-05-01T11:30:00Z", "2024-05-01T11:30:00Z", "12"),
    ],
    ids=["the server is behind", "the server is ahead", "the hour has just ended", "before the half", "at the half"],
)
def test_after_a_refusal_the_nearer_hour_is_tried(now: str, refused_at: str, expected: str) -> None:
    assert hours(now, refused_at) == expected

"""Times as Swipe One writes them, `2024-07-01T10:25:17.183Z`, here as microseconds since 1970."""

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MILLISECOND = 1_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str) -> int:
    """Microseconds since 1970; `ValueError` for what is no time with a zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a time needs a zone: {text!r}")
    return (moment - EPOCH) // timedelta(microseconds=1)


def format_time(time: int) -> str:
    moment = EPOCH + timedelta(microseconds=time)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now() -> int:
    return (datetime.now(UTC) - EPOCH) // timedelta(microseconds=1)

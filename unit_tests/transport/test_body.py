"""A body ends, or it is ended."""

from __future__ import annotations

import io
import threading
from types import SimpleNamespace

import pytest
import requests
import urllib3

from source_events.transport import body
from source_events.transport.body import LARGEST_BODY, BodyWatch, read_body


class Unending(io.RawIOBase):
    """A body of which nothing comes until its connection is shut down."""

    def __init__(self) -> None:
        self.shut_down = threading.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        assert self.shut_down.wait(10)
        return 0


def response(content: io.RawIOBase | io.BytesIO, headers: dict[str, str]) -> requests.Response:
    made = requests.Response()
    shut_down = getattr(content, "shut_down", threading.Event())
    made.raw = urllib3.HTTPResponse(
        content,
        headers,
        preload_content=False,
        connection=SimpleNamespace(close=lambda: None),  # type: ignore[arg-type]
        sock_shutdown=lambda how: shut_down.set(),
    )
    return made


LENGTHS = pytest.mark.parametrize("headers", [{"Content-Length": "20"}, {}], ids=["length", "no length"])


@LENGTHS
def test_a_body_that_does_not_end_is_a_time_out(headers: dict[str, str]) -> None:
    with pytest.raises(requests.exceptions.ReadTimeout):
        read_body(response(Unending(), headers), BodyWatch(longest=0.05))


@LENGTHS
def test_a_body_that_ends_is_read(headers: dict[str, str]) -> None:
    assert read_body(response(io.BytesIO(b"0" * 20), headers), BodyWatch()) == b"0" * 20


def test_the_largest_body_is_read_and_a_larger_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LARGEST_BODY == 256 * 2**20
    monkeypatch.setattr(body, "LARGEST_BODY", 2**20)
    assert len(read_body(response(io.BytesIO(b"0" * 2**20), {}), BodyWatch())) == 2**20
    with pytest.raises(body.BodyTooLarge, match="more than 1 MiB"):
        read_body(response(io.BytesIO(b"0" * (2**20 + 1)), {}), BodyWatch())


def test_the_watch_ends_with_the_last_body_and_begins_with_the_next() -> None:
    watch = BodyWatch(longest=0.06)
    for _ in range(2):
        others = threading.enumerate()
        with watch.over(urllib3.HTTPResponse(b"")):
            [thread] = [thread for thread in threading.enumerate() if thread not in others]
        thread.join(5)
        assert not thread.is_alive()


def test_a_request_has_five_minutes_for_its_body() -> None:
    assert BodyWatch()._longest == 300


@LENGTHS
def test_no_body_is_read_any_more_after_all_have_been_broken_off(headers: dict[str, str]) -> None:
    watch = BodyWatch()
    watch.close()
    with pytest.raises(requests.exceptions.ReadTimeout):
        read_body(response(io.BytesIO(b"0" * 20), headers), watch)

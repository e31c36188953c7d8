from __future__ import annotations

import errno
import io
import json
import os
import threading
from typing import Any, NoReturn

import msgspec
import pytest
from msgspec import Raw

from source_events.process.output import LineWriter
from source_events.records.page import Page
from source_events.records.rows import Identity, Row
from source_events.transport.memory import Memory

MEMORY = Memory()


def page(*lines: bytes) -> Page:
    rows = [Row(Raw(line), Identity("p", "o")) for line in lines]
    return Page(rows, received=len(lines), memory=MEMORY.reserve(1))


class TestWriter:
    @pytest.fixture
    def stream(self) -> io.BytesIO:
        return io.BytesIO()

    @pytest.mark.parametrize("number", [1, 2, 100, 100_000])
    def test_a_page_becomes_a_message_for_each_record(self, stream, number):
        lines = [b'{"id":"%d","text":"}}\\n"}' % position for position in range(number)]
        LineWriter(stream).write_page('a "stream"', page(*lines))
        messages = [json.loads(line) for line in stream.getvalue().splitlines()]
        assert [message["type"] for message in messages] == ["RECORD"] * number
        assert {message["record"]["stream"] for message in messages} == {'a "stream"'}
        assert [message["record"]["data"] for message in messages] == [
            {**json.loads(line), "provider": "p", "organizationId": "o"} for line in lines
        ]
        assert all(isinstance(message["record"]["emitted_at"], int) for message in messages)
        assert stream.getvalue().endswith(b"}}\n")

    def test_the_records_bytes_are_written_as_they_are(self, stream):
        LineWriter(stream).write_page("s", page(b'{"n":1.0,"n":12345678901234567890123}'))
        assert (
            b'"data":{"n":1.0,"n":12345678901234567890123,"provider":"p","organizationId":"o"}}}' in stream.getvalue()
        )

    def test_a_written_page_has_left(self, stream):
        written = page(b"{}")
        LineWriter(stream).write_page("s", written)
        assert (written.rows, written.memory) == ((), None)

    def test_one_that_cannot_be_written_has_left_too(self, stream):
        broken = Page([Row(Raw(b"{"), Identity("p", "o"), ("id",))], memory=MEMORY.reserve(1))
        with pytest.raises(msgspec.DecodeError):
            LineWriter(stream).write_page("s", broken)
        assert (broken.rows, broken.memory) == ((), None)

    def test_a_page_without_records_writes_nothing(self, stream):
        LineWriter(stream).write_page("s", page())
        assert stream.getvalue() == b""

    def test_text_that_no_encoding_has_does_not_end_the_process(self, stream):
        LineWriter(stream).write("half a pair \ud83d\n")
        assert stream.getvalue() == b"half a pair ?\n"

    def test_lines_of_other_threads_stay_out_of_a_page(self, stream):
        writer = LineWriter(stream)
        lines = [b'{"id":"%d"}' % position for position in range(200)]
        threads = [threading.Thread(target=writer.write_page, args=("s", page(*lines))) for _ in range(4)]
        threads += [threading.Thread(target=lambda: [writer.write('{"type":"LOG"}\n') for _ in range(200)])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        kinds = [json.loads(line)["type"] for line in stream.getvalue().splitlines()]
        assert (kinds.count("RECORD"), kinds.count("LOG")) == (800, 200)


class Ended(BaseException):
    """The process would have ended here."""


def end() -> NoReturn:
    raise Ended


class TestEnd:
    def test_asked_between_two_lines_it_ends_at_once(self):
        with pytest.raises(Ended):
            LineWriter(io.BytesIO()).stop(end)

    def test_asked_within_a_page_it_ends_behind_it(self):
        class Interrupted(io.BytesIO):
            def write(self, data: Any) -> int:
                if not self.getvalue():
                    writer.stop(end)
                return super().write(data)

        stream = Interrupted()
        writer = LineWriter(stream)
        with pytest.raises(Ended):
            writer.write_page("s", page(b'{"id":"a"}', b'{"id":"b"}'))
        assert [json.loads(line)["record"]["data"]["id"] for line in stream.getvalue().splitlines()] == ["a", "b"]
        assert stream.getvalue().endswith(b"\n")

    def test_asked_while_another_thread_writes_it_ends_behind_its_line(self):
        began, goes_on = threading.Event(), threading.Event()

        class Slow(io.BytesIO):
            def write(self, data: Any) -> int:
                began.set()
                goes_on.wait(5)
                return super().write(data)

        stream = Slow()
        writer = LineWriter(stream)
        other = threading.Thread(target=writer.write, args=("a line\n",))
        other.start()
        began.wait(5)
        threading.Timer(0.05, goes_on.set).start()
        with pytest.raises(Ended):
            writer.stop(end)
        assert stream.getvalue() == b"a line\n"
        other.join(5)

    def test_asked_behind_a_line_that_could_not_be_written_it_ends_at_once(self, monkeypatch):
        class Full(io.BytesIO):
            def write(self, data: Any) -> int:
                raise OSError(errno.ENOSPC, "no space left")

        def exit_with(status: int) -> NoReturn:
            raise Ended

        monkeypatch.setattr(os, "_exit", exit_with)
        writer = LineWriter(Full())
        with pytest.raises(Ended):
            writer.write("a line\n")
        with pytest.raises(Ended):
            writer.stop(end)

    def test_it_ends_quietly_when_nobody_reads_any_more(self, monkeypatch):
        class Broken(io.BytesIO):
            def write(self, data: Any) -> int:
                raise BrokenPipeError

        def exit_with(status: int) -> NoReturn:
            assert status == 1
            raise Ended

        monkeypatch.setattr(os, "_exit", exit_with)
        with pytest.raises(Ended):
            LineWriter(Broken()).write("a line\n")

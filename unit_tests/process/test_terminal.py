from __future__ import annotations

import os
import pty
import threading

import pytest

from source_events.process.terminal import Terminal, printable
from unit_tests.process.terminals import read_all, seen


class Opened:
    """A terminal, or a pipe, to write to."""

    def __init__(self, descriptors: tuple[int, int]) -> None:
        self._reader, self._writer = descriptors
        self.terminal = Terminal(self._writer)

    def written(self) -> str:
        os.close(self._writer)
        return read_all(self._reader)


@pytest.fixture
def opened() -> Opened:
    return Opened(pty.openpty())


def test_it_knows_whether_it_is_there(opened):
    assert opened.terminal.is_there
    assert not Terminal(os.open(os.devnull, os.O_WRONLY)).is_there
    opened.written()
    assert not opened.terminal.is_there


def test_a_line_takes_the_place_of_the_last_one(opened):
    opened.terminal.draw("a long line")
    opened.terminal.draw("a line")
    written = opened.written()
    assert written == "\r\x1b[2Ka long line\r\r\x1b[2Ka line\r"
    assert seen(written) == ["a line"]


def test_nothing_is_left_of_a_line_that_is_erased(opened):
    opened.terminal.draw("a line")
    opened.terminal.erase()
    assert seen(opened.written()) == []


def test_nothing_is_written_to_erase_what_was_not_drawn(opened):
    opened.terminal.erase()
    opened.terminal.say()
    assert opened.written() == ""


def test_a_sentence_takes_the_place_of_the_line_and_is_the_last_word(opened):
    opened.terminal.draw("a line")
    opened.terminal.say("It has ended.")
    opened.terminal.say("It has ended, said another.")
    opened.terminal.draw("a line")
    assert seen(opened.written()) == ["It has ended."]


def test_what_a_terminal_shows_of_a_key_is_written_over(opened):
    opened.terminal.draw("a line")
    opened.terminal.erase()
    os.write(opened._writer, b"^C")
    opened.terminal.say("It has ended.")
    assert seen(opened.written()) == ["It has ended."]


def test_a_sentence_is_said_where_a_line_cannot_be_drawn_to_its_end(opened):
    """As on a terminal that is halted, or in a signal handler that has interrupted a drawing."""
    opened.terminal._lock.acquire()
    opened.terminal.say("It has ended.")
    assert seen(opened.written()) == ["It has ended."]
    assert opened.terminal._lock.locked()


def test_in_a_file_a_sentence_is_a_plain_line():
    opened = Opened(os.pipe())
    opened.terminal.say("It has ended.")
    assert opened.written() == "It has ended.\n"


def test_lines_of_several_threads_are_whole(opened):
    threads = [threading.Thread(target=opened.terminal.draw, args=(letter * 50,)) for letter in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    drawn = [line.strip("\r") for line in opened.written().split("\x1b[2K") if line.strip("\r")]
    assert sorted(drawn) == [letter * 50 for letter in "abcdefgh"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("one\ntwo\r\nthree", "one two three"),
        ("\x1b]0;title\x07\x1b[31mred\x1b[0m", "]0;title [31mred [0m"),
        ("Ünïcode … 漢字", "Ünïcode … 漢字"),
    ],
)
def test_a_sentence_is_one_line_that_a_terminal_does_not_obey(text, line):
    assert printable(text) == line

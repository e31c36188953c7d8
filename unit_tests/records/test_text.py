from __future__ import annotations

import pytest

from source_events.records.text import PIECE, on_one_line, readable, without_lone_surrogates


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        (rb'"\ud83d"', rb'"\ufffd"'),
        (rb'"\udE00x"', rb'"\ufffdx"'),
        (rb'"\uD83D\uDE00"', rb'"\uD83D\uDE00"'),
        (rb'"\ud83d\ud83d\ude00"', rb'"\ufffd\ud83d\ude00"'),
        (rb'"\\ud83d"', rb'"\\ud83d"'),
        (rb'"\\\ud83d\n"', rb'"\\\ufffd\n"'),
        (rb'"\u00e9\"\ud83d\""', rb'"\u00e9\"\ufffd\""'),
    ],
    ids=["high", "low", "pair", "high before a pair", "escaped backslash", "behind one", "among other escapes"],
)
def test_half_a_surrogate_pair_is_replaced_and_nothing_else(text, readable):
    assert without_lone_surrogates(text) == readable


@pytest.mark.parametrize("before", [0, PIECE - 1, PIECE, 3 * PIECE - 2])
def test_what_is_no_utf8_is_found_wherever_it_is(before):
    text = b"x" * before + "é€😀".encode()
    assert readable(text) is text
    assert readable(text + b"\xe2\x82") == text + "\ufffd".encode()
    assert readable(text[:-1]).endswith("\ufffd".encode())


def test_a_byte_order_mark_is_left_out():
    assert readable(b"\xef\xbb\xbfx") == b"x"


def test_a_body_without_line_breaks_is_left_as_it_is():
    text = b'{"a": "b"}'
    assert on_one_line(text) is text
    assert on_one_line(b'{\r\n"a":\n1}\r') == b'{"a":1}'

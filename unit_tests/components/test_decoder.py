from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
import requests
from msgspec import Raw

from source_events.components.decoder import PIECE, AnswerDecoder, readable, without_lone_surrogates
from source_events.records.page import Answer, Draft, Envelope, Row, finish, splice
from source_events.transport.connection import Memory, PageResponse


class ListDecoder(AnswerDecoder):
    """A provider whose answer is the list of rows."""

    bodies: list[bytes]

    def decode_body(self, body: bytes) -> Answer:
        self.bodies = [*getattr(self, "bodies", []), body]
        return Answer(msgspec.json.decode(body, type=list[Raw]))

    def row(self, raw: Raw) -> Row:
        return Row(raw, Envelope("e", "lists", None, "2024-01-01T00:00:00Z"))


def response(body: bytes, kind: type[requests.Response] = PageResponse) -> Any:
    made = kind()
    made.status_code = 200
    made._content = body
    return made


@pytest.fixture
def decoder() -> ListDecoder:
    return ListDecoder({})


def test_an_answer_is_decoded_once_however_often_it_is_asked_for(decoder):
    answered = response(b'[{"a":1}]')
    assert decoder.answer(answered) is decoder.answer(answered) is next(decoder.decode(answered))["answer"]
    assert decoder.bodies == [b'[{"a":1}]']


def test_the_answer_takes_the_body_and_its_memory_from_the_response(decoder):
    answered = response(b"[]")
    reservation = answered.reservation = Memory(100).reserve(10)
    assert decoder.answer(answered).reservation is reservation
    assert (answered.content, answered.reservation) == (b"", None)


def test_a_body_that_cannot_be_decoded_stays_with_the_response(decoder):
    answered = response(b"<html>")
    with pytest.raises(msgspec.DecodeError):
        decoder.answer(answered)
    assert answered.content == b"<html>"


def test_a_response_of_another_kind_is_decoded_too(decoder):
    assert decoder.answer(response(b"[1,2]", requests.Response)).rows == [Raw(b"1"), Raw(b"2")]


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("kind", [PageResponse, requests.Response])
def test_a_body_on_many_lines_gives_a_line_for_each_record(decoder, break_, kind):
    rows = [{"text": "two\nlines\r"}, {"nested": {"list": [1, 2]}}]
    body = json.dumps(rows, indent=2).replace("\n", break_).encode()
    answer = decoder.answer(response(body, kind))
    lines = splice(finish(Draft(answer, [decoder.row(raw) for raw in answer.rows])).rows).splitlines()
    assert [{**row, **json.loads(line)} for row, line in zip(rows, lines, strict=True)] == [
        json.loads(line) for line in lines
    ]


def test_line_breaks_do_not_change_what_strings_say(decoder):
    [row] = decoder.answer(response(b'[\n{"text":\n"a\\nb\\r c"}]')).rows
    assert json.loads(bytes(row)) == {"text": "a\nb\r c"}


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

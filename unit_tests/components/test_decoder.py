from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.components.decoder import (
    AnswerRefused,
    Decoder,
    TokenDecoder,
    raise_refusal_of,
    rows_of,
    token_of,
    total_of,
    words_of,
)
from source_events.records.lines import splice
from source_events.records.page import Answer
from source_events.records.rows import Identity, Row


class ListDecoder(Decoder):
    """A provider whose answer is the list of rows."""

    bodies: list[bytes]

    def decode_body(self, body: bytes) -> Answer:
        self.bodies = [*getattr(self, "bodies", []), body]
        return Answer(msgspec.json.decode(body, type=list[Raw]))

    def row(self, raw: Raw) -> Row[Any]:
        return Row(raw, Identity("lists", "o"))


@pytest.fixture
def decoder() -> ListDecoder:
    return ListDecoder({})


class TestDecoding:
    def test_an_answer_is_decoded_once(self, decoder):
        assert decoder.decode(b'[{"a":1}]').rows == [Raw(b'{"a":1}')]
        assert decoder.bodies == [b'[{"a":1}]']

    def test_a_body_that_is_no_json_is_tried_once(self, decoder):
        with pytest.raises(msgspec.DecodeError):
            decoder.decode(b"<html>")
        assert decoder.bodies == [b"<html>"]

    @pytest.mark.parametrize("break_", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
    def test_a_body_on_many_lines_gives_a_line_for_each_record(self, decoder, break_):
        rows = [{"text": "two\nlines\r"}, {"nested": {"list": [1, 2]}}]
        answer = decoder.decode(json.dumps(rows, indent=2).replace("\n", break_).encode())
        lines = splice([decoder.row(raw) for raw in answer.rows]).splitlines()
        assert [json.loads(line) for line in lines] == [
            {**row, "provider": "lists", "organizationId": "o"} for row in rows
        ]

    def test_line_breaks_do_not_change_what_strings_say(self, decoder):
        [row] = decoder.decode(b'[\n{"text":\n"a\\nb\\r c"}]').rows
        assert json.loads(bytes(row)) == {"text": "a\nb\r c"}

    def test_half_a_surrogate_pair_is_replaced_where_it_makes_the_body_unreadable(self):
        class Texts(ListDecoder):
            def decode_body(self, body: bytes) -> Answer:
                msgspec.json.decode(body, type=list[str])
                return super().decode_body(body)

        assert Texts({}).decode(rb'["\ud83d"]').rows == [Raw(rb'"\ufffd"')]

    def test_what_is_no_utf8_is_replaced(self, decoder):
        assert decoder.decode(b'["a\xe2\x82"]').rows == [Raw('"a\ufffd"'.encode())]

    def test_a_byte_order_mark_is_left_out(self, decoder):
        assert decoder.decode(b"\xef\xbb\xbf[1]").rows == [Raw(b"1")]

    def test_an_answer_that_is_nested_too_deeply_says_so(self, decoder):
        with pytest.raises(AirbyteTracedException, match="nested too deeply") as caught:
            decoder.decode(b"[" * 5000 + b"]" * 5000)
        assert caught.value.failure_type is not None
        assert caught.value.failure_type.value == "system_error"

    def test_it_knows_the_configuration_and_the_fields_of_the_schema(self):
        made = ListDecoder({"a": 1}, ("id",))
        assert (made.config, made.known) == ({"a": 1}, ("id",))


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "message", "error", "words"),
        [
            ("KO", "suspended", None, "suspended"),
            ("ko", None, None, "status ko"),
            ("fail", "", None, "status fail"),
            ("Error", 5, None, "5"),
            (None, None, "no rights", "no rights"),
            ("OK", None, {"detail": "why"}, "why"),
            ("OK", None, {"message": "why"}, "why"),
            ("OK", None, {"title": "why"}, "why"),
            ("OK", None, {"code": 5}, "it gives no reason"),
        ],
    )
    def test_a_status_or_an_error_is_one(self, status, message, error, words):
        with pytest.raises(AnswerRefused) as caught:
            raise_refusal_of(status, message, error)
        assert str(caught.value) == words

    @pytest.mark.parametrize(
        ("status", "error"), [("OK", None), (None, None), (200, None), (False, ""), ("success", {})]
    )
    def test_nothing_else_is(self, status, error):
        raise_refusal_of(status, "a message", error)

    def test_an_error_without_words_says_so(self):
        assert words_of({}) == "it gives no reason"


class TestParts:
    def test_null_is_an_empty_list_of_rows(self):
        assert rows_of(None, None) == rows_of(None, 0) == rows_of([], 5) == []
        assert rows_of([Raw(b"1")], None) == [Raw(b"1")]

    def test_but_not_where_rows_are_announced(self):
        with pytest.raises(msgspec.ValidationError, match="the list of rows is null, but 5 are announced"):
            rows_of(None, 5)

    @pytest.mark.parametrize(
        ("value", "token"), [("s", "s"), (5, "5"), ("", None), (None, None), (False, None), (True, None), (0, None)]
    )
    def test_a_token_is_a_text_or_a_number(self, value, token):
        assert token_of(value) == token

    @pytest.mark.parametrize(
        ("value", "total"), [(5, 5), (0, 0), (-1, -1), (True, None), ("5", None), (5.0, None), (None, None)]
    )
    def test_a_total_is_a_whole_number(self, value, total):
        assert total_of(value) == total


class TestToken:
    @pytest.mark.parametrize(
        ("path", "body"), [("token", b'{"token":"t"}'), ("data.bearer_token", b'{"data":{"bearer_token":"t"}}')]
    )
    def test_it_is_where_the_manifest_says(self, path, body):
        answer = TokenDecoder({}, path).decode(body)
        assert (answer.token, answer.rows) == ("t", [])

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"null",
            b"[]",
            b'"t"',
            b'{"data":[]}',
            b'{"data":"t"}',
            b'{"data":{"t":5}}',
            b'{"data":{"t":""}}',
        ],
    )
    def test_elsewhere_there_is_none(self, body):
        assert TokenDecoder({}, "data.t").decode(body).token is None

    @pytest.mark.parametrize(
        "body", [b'{"status":"KO","message":"locked"}', b'{"status":"fail","message":"locked"}', b'{"error":"locked"}']
    )
    def test_a_refusal_is_one(self, body):
        with pytest.raises(AnswerRefused, match="locked"):
            TokenDecoder({}, "token").decode(body)

    def test_html_is_none(self):
        with pytest.raises(msgspec.DecodeError):
            TokenDecoder({}, "token").decode(b"<html>")

"""What a provider says about its answers: where the rows are, and where a row keeps what the envelope needs."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from codecs import getincrementaldecoder
from collections.abc import Generator, Mapping, MutableMapping
from typing import Any

import msgspec
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.decoders import JsonDecoder
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.records.page import Answer, Row
from source_events.transport.connection import PageResponse


class AnswerRefused(Exception):
    """A successful status whose body says that the request failed; the text is the API's own explanation."""


def raise_refusal(answer: Any) -> None:
    """
    :raises AnswerRefused: if the answer is an object with a `status` of `KO` or `fail`, or with an `error`
    """
    if not isinstance(answer, Mapping):
        return
    raise_refusal_of(answer.get("status"), answer.get("message"), answer.get("error"))


def raise_refusal_of(status: Any, message: Any, error: Any = None) -> None:
    """
    :raises AnswerRefused: if one of these fields of an answer, whatever else it has, says that the request failed
    """
    if isinstance(status, str) and status.upper() in REFUSING_STATUSES:
        raise AnswerRefused(str(message or f"status {status}"))
    if error:
        raise AnswerRefused(words_of(error))


REFUSING_STATUSES = frozenset(("KO", "FAIL", "ERROR"))


def rows_of(rows: list[Raw] | None, announced: int | None) -> list[Raw]:
    """The rows; none where the API writes null for an empty list.

    :raises msgspec.ValidationError: if it announces rows at the same time
    """
    if rows is None and announced:
        raise msgspec.ValidationError(f"the list of rows is null, but {announced} are announced")
    return rows or []


def token_of(value: str | int | None) -> str | None:
    """The token that leads to the next page. That there is none may also be said by an empty text or by `false`."""
    return str(value) if value and value is not True else None


def words_of(error: Any) -> str:
    """What an `error` says, which may be a text or an object with one."""
    if isinstance(error, Mapping):
        error = error.get("detail") or error.get("message") or error.get("title")
    return str(error) if error else "it gives no reason"


class AnswerDecoder(JsonDecoder, ABC):
    """Base of the providers' decoders. One instance decodes for all threads of a stream and keeps no state.

    It is a `JsonDecoder`, because the CDK lets no other kind of decoder page.
    """

    config: Config
    parameters: Mapping[str, Any] | None = None

    def __init__(self, config: Config, parameters: Mapping[str, Any] | None = None) -> None:
        super().__init__(parameters or {})
        self.config = config

    @abstractmethod
    def decode_body(self, body: bytes) -> Answer:
        """Decode a page.

        :raises AnswerRefused: if a successful status carries a refusal
        :raises msgspec.DecodeError: if the body is not JSON, or not of the documented form
        """

    @abstractmethod
    def row(self, raw: Raw) -> Row[Any]:
        """Decode what the envelope needs of a row.

        :raises msgspec.DecodeError: if a field is not of the documented type
        """

    def decode(self, response: requests.Response) -> Generator[MutableMapping[str, Any], None, None]:
        yield {"answer": self.answer(response)}

    def answer(self, response: requests.Response) -> Answer:
        """The decoded answer. It is decoded once, however many components ask for it, and takes the response's body."""
        if not isinstance(response, PageResponse):
            return self._decoded(response.content)
        if response.answer is None:
            answer = self._decoded(response.content)
            _, answer.reservation = response.take()
            response.answer = answer
        return response.answer

    def _decoded(self, body: bytes) -> Answer:
        body = _on_one_line(readable(body))
        try:
            return self.decode_body(body)
        except msgspec.DecodeError:
            whole = without_lone_surrogates(body)
            if whole == body:
                raise
            return self.decode_body(whole)
        except RecursionError:
            message = "An answer of the API is nested too deeply to be read; no destination takes such a record."
            raise AirbyteTracedException(
                message=message, internal_message=message, failure_type=FailureType.system_error
            ) from None


def readable(body: bytes) -> bytes:
    """The body as UTF-8 without a byte order mark.

    U+FFFD takes the place of bytes that are no UTF-8, as texts have them that were cut off within a character: they
    would make the record, and the line that it stands on, unreadable.
    """
    body = body.removeprefix(BYTE_ORDER_MARK)
    return body if body.isascii() or _is_utf8(body) else body.decode("utf-8", "replace").encode()


def _is_utf8(body: bytes) -> bool:
    """Decoded in small pieces, which stay in the processor's cache: as a whole it takes four times as long."""
    decode = getincrementaldecoder("utf-8")().decode
    try:
        for start in range(0, len(body), PIECE):
            decode(body[start : start + PIECE])
        decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PIECE = 64 * 1024


def without_lone_surrogates(text: bytes) -> bytes:
    """JSON with U+FFFD in place of each half of a surrogate pair that stands alone, as texts that were cut off have it.

    No text can hold such a half, so that databases and strict parsers refuse the record that has it.
    """
    return _ESCAPE.sub(lambda found: found[0] if found[1] is None else b"\\ufffd", text)


_ESCAPE = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\(u[dD][89a-fA-F]..)|\\.", re.DOTALL)


def _on_one_line(body: bytes) -> bytes:
    """A line break within a row would split its record in two lines; JSON strings cannot hold one."""
    return body.translate(None, b"\r\n") if b"\n" in body or b"\r" in body else body

"""What a provider says about its answers: where the rows are, and where a row keeps what the envelope needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import Raw

from source_events.records.page import Answer
from source_events.records.rows import Row
from source_events.records.text import on_one_line, readable, without_lone_surrogates


class AnswerRefused(Exception):
    """A successful status whose body says that the request failed; the text is the API's own explanation."""


class Decoder(ABC):
    """Base of the providers' decoders. One instance decodes for all threads of a stream and keeps no state.

    `known` are the top-level fields that the stream's schema names.
    """

    def __init__(self, config: Config, known: Collection[str] = ()) -> None:
        self.config = config
        self.known = known

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

    def decode(self, body: bytes) -> Answer:
        """Decode a page, with repairs of texts that are none.

        :raises AnswerRefused: see `decode_body`
        :raises msgspec.DecodeError: see `decode_body`
        """
        body = on_one_line(readable(body))
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


def total_of(value: Any) -> int | None:
    """An announced total, if it is a whole number."""
    return value if type(value) is int else None


def words_of(error: Any) -> str:
    """What an `error` says, which may be a text or an object with one."""
    if isinstance(error, Mapping):
        error = error.get("detail") or error.get("message") or error.get("title")
    return str(error) if error else "it gives no reason"


class TokenDecoder(Decoder):
    """Decodes the answer to a login, whose token is at `path`, as `data.token`. It has no rows."""

    def __init__(self, config: Config, path: str) -> None:
        super().__init__(config)
        self._path = path

    def decode_body(self, body: bytes) -> Answer:
        document = msgspec.json.decode(body) if body else None
        if isinstance(document, Mapping):
            raise_refusal_of(document.get("status"), document.get("message"), document.get("error"))
        for name in self._path.split("."):
            document = document.get(name) if isinstance(document, Mapping) else None
        return Answer(rows=[], token=document if isinstance(document, str) and document else None)

    def row(self, raw: Raw) -> Row[Any]:
        raise NotImplementedError("the answer to a login has no rows")

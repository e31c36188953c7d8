"""What a provider says about its answers: where the rows are, and where a row keeps what the envelope needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from msgspec import UNSET, Raw

from source_events.components.paths import Path, Paths
from source_events.components.templates import InvalidManifest
from source_events.records.page import Answer
from source_events.records.rows import Row
from source_events.records.text import on_one_line, readable, without_lone_surrogates


class AnswerRefused(Exception):
    """A successful status whose body says that the request failed; the text is the API's own explanation."""


class Decoder(ABC):
    """Base of the providers' decoders. One instance decodes for all threads of a stream and keeps no state.

    `known` are the top-level fields that the stream's schema names; nothing, where the rows are none of the stream's.
    """

    names_next = True
    """Whether an answer may say where the next page is."""
    names_contact = True
    """Whether a row may say which contact it belongs to."""

    def __init__(self, config: Config, known: Collection[str] | None = None) -> None:
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

    def rows(self, answer: Answer) -> Iterable[Row[Any]]:
        """Decode the rows of an answer, one by one.

        :raises msgspec.DecodeError: see `row`
        """
        return map(self.row, answer.rows)

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
    """What an `error` says, which may be a text, an object with one, or a list of these."""
    if isinstance(error, list):
        return words_of(error[0]) if error else words_of(None)
    if isinstance(error, Mapping):
        error = error.get("detail") or error.get("message") or error.get("title")
    return str(error) if error else "it gives no reason"


class ListDecoder(Decoder):
    """Base of decoders whose answers have a list of rows at a path; without `rows` the answer is the list.

    `next` is where an answer says how the next page is found, `total` where it announces the number of all rows. An
    answer that has `status`, `error` or `errors` may say there that the request failed.

    :raises InvalidManifest: if something is no path
    """

    def __init__(
        self,
        config: Config,
        known: Collection[str] | None = None,
        rows: str = "",
        next: str | None = None,
        total: str | None = None,
        included: str | None = None,
    ) -> None:
        super().__init__(config, known)
        if not rows and (next or total or included):
            raise InvalidManifest("An answer that is a list has nothing beside its rows: say where its `rows` are.")
        self.names_next = next is not None
        self._rows = Path.of(rows) if rows else None
        self._next = Path.of(next) if next else None
        self._total = Path.of(total) if total else None
        self._included = Path.of(included) if included else None
        optional = {self._rows: list[Raw] | None, self._next: Token, self._total: Any, self._included: Raw}
        self._paths = Paths({replace(path, optional=True): kind for path, kind in optional.items() if path}, REFUSING)
        self._decode = msgspec.json.Decoder(self._paths.struct).decode

    def decode_body(self, body: bytes) -> Answer:
        if self._rows is None:
            return Answer(rows=self._whole(body))
        answer = self._document(body)
        rows = self._paths.found(answer, self._rows)
        if rows is UNSET or (rows is None and self._is_null_above(answer)):
            raise msgspec.ValidationError(f"Object missing required field `{self._rows.text}`")
        announced = total_of(self._said(answer, self._total, rows))
        included = self._said(answer, self._included, rows)
        return Answer(
            rows=rows_of(rows, announced),
            token=token_of(self._said(answer, self._next, rows)),
            announced=announced,
            included=self.index(included) if included else None,
        )

    def index(self, included: Raw) -> Any:
        """What `rows` needs of the list that an answer has beside its rows."""
        return None

    def _document(self, body: bytes) -> Any:
        try:
            answer = self._decode(body)
        except msgspec.ValidationError:
            _raise_refusal_in(body)
            raise
        found = {name: self._paths.found(answer, Path.of(name)) for name in REFUSING if name not in self._paths.names}
        _raise_refusal({name: value for name, value in found.items() if value is not UNSET})
        return answer

    def _whole(self, body: bytes) -> list[Raw]:
        try:
            return _decode_list(body) or []
        except msgspec.ValidationError:
            _raise_refusal_in(body)
            raise

    def _is_null_above(self, answer: Any) -> bool:
        assert self._rows is not None
        above = self._rows.names[:-1]
        return bool(above) and self._paths.found(answer, replace(self._rows, names=above)) is None

    def _said(self, answer: Any, path: Path | None, rows: list[Raw] | None) -> Any:
        """What an answer has at a path, which it must have unless it is the last one."""
        found = self._paths.found(answer, path) if path else None
        if found is UNSET:
            if path and rows and not path.optional:
                raise msgspec.ValidationError(
                    f"Object missing required field `{path.text}` (`{path.text}?`, if the last page lacks it)"
                )
            return None
        return found


def _raise_refusal_in(body: bytes) -> None:
    """See whether an answer that is not of the documented form says why it is not."""
    document = msgspec.json.decode(body)
    if isinstance(document, Mapping):
        _raise_refusal(document)


def _raise_refusal(document: Mapping[str, Any]) -> None:
    raise_refusal_of(document.get("status"), document.get("message"), document.get("error") or document.get("errors"))


Token = str | int | bool | None
REFUSING = dict.fromkeys(("status", "message", "error", "errors"), Any)
_decode_list = msgspec.json.Decoder(list[Raw] | None).decode


class TokenDecoder(Decoder):
    """Decodes the answer to a login, whose token is at `path`, as `data.token`. It has no rows."""

    def __init__(self, config: Config, path: str) -> None:
        super().__init__(config)
        self._path = path

    def decode_body(self, body: bytes) -> Answer:
        document = msgspec.json.decode(body) if body else None
        if isinstance(document, Mapping):
            _raise_refusal(document)
        for name in self._path.split("."):
            document = document.get(name) if isinstance(document, Mapping) else None
        return Answer(rows=[], token=document if isinstance(document, str) and document else None)

    def row(self, raw: Raw) -> Row[Any]:
        raise NotImplementedError("the answer to a login has no rows")

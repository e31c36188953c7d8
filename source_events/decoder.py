"""What a provider says about its answers: where the rows are, and where a row keeps what the envelope needs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, MutableMapping
from typing import Any

import requests
from airbyte_cdk.sources.declarative.decoders import JsonDecoder
from airbyte_cdk.sources.types import Config
from msgspec import Raw

from source_events.connection import PageResponse
from source_events.page import Answer, Row


class AnswerRefused(Exception):
    """A successful status whose body says that the request failed; the text is the API's own explanation."""


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
    def row(self, raw: Raw) -> Row:
        """Decode what the envelope needs of a row.

        :raises msgspec.DecodeError: if a field is not of the documented type
        """

    def decode(self, response: requests.Response) -> Generator[MutableMapping[str, Any], None, None]:
        yield {"answer": self.answer(response)}

    def answer(self, response: requests.Response) -> Answer:
        """The decoded answer. It is decoded once, however many components ask for it, and takes the response's body."""
        if not isinstance(response, PageResponse):
            return self.decode_body(_on_one_line(response.content))
        if response.answer is None:
            answer = self.decode_body(_on_one_line(response.content))
            _, answer.reservation = response.take()
            response.answer = answer
        return response.answer


def _on_one_line(body: bytes) -> bytes:
    """A line break within a row would split its record in two lines; JSON strings cannot hold one."""
    return body.translate(None, b"\r\n") if b"\n" in body or b"\r" in body else body

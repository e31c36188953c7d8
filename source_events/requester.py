"""The CDK's requester over the source's shared connections."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.request_options.interpolated_request_options_provider import (
    InterpolatedRequestOptionsProvider,
)
from airbyte_cdk.sources.streams.http import HttpClient

from source_events.connection import Session, connection_of
from source_events.decoder import AnswerDecoder
from source_events.errors import AnswerErrorHandler

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
"""Seconds. The read time-out is for the gap between two pieces of an answer, not for the whole of it."""


@dataclass
class SharedRequester(HttpRequester):
    """An HTTP requester whose requests count towards the source's common limits and are retried by its common rules."""

    request_parameters: Mapping[str, Any] = field(default_factory=dict)
    request_headers: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self, parameters: Mapping[str, Any] | None) -> None:
        parameters = parameters or {}
        self.request_options_provider = InterpolatedRequestOptionsProvider(
            config=self.config,
            parameters=parameters,
            request_parameters=dict(self.request_parameters),
            request_headers=dict(self.request_headers),
        )
        super().__post_init__(parameters)
        if isinstance(self.error_handler, AnswerErrorHandler) and isinstance(self.decoder, AnswerDecoder):
            self.error_handler.decoder = self.decoder
        # The CDK's requester opens a session of its own and cannot be given one.
        self._http_client = HttpClient(
            name=self.name,
            logger=self.logger,
            error_handler=self.error_handler,
            session=Session(connection_of(self.config)),
            authenticator=self._authenticator,
            backoff_strategy=self.error_handler.backoff_strategies if self.error_handler else None,  # type: ignore[attr-defined]
            disable_retries=self.disable_retries,
            message_repository=self.message_repository,
            request_timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
        )

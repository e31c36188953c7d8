"""The CDK's requester over the source's shared connections."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import requests
from airbyte_cdk.sources.declarative.requesters.http_requester import HttpRequester
from airbyte_cdk.sources.declarative.requesters.request_options.interpolated_request_options_provider import (
    InterpolatedRequestOptionsProvider,
)
from airbyte_cdk.sources.streams.http import HttpClient
from airbyte_cdk.sources.streams.http.error_handlers.response_models import SUCCESS_RESOLUTION
from airbyte_cdk.sources.types import StreamSlice, StreamState

from source_events.components.decoder import AnswerDecoder
from source_events.components.errors import AnswerErrorHandler
from source_events.transport.connection import PageResponse, Session, connection_of

CONNECT_TIMEOUT, READ_TIMEOUT = 10.0, 60.0
"""Seconds. The read time-out is for the gap between two pieces of an answer, not for the whole of it."""
MOST_TEMPLATES = 1000


@dataclass
class SharedRequester(HttpRequester):
    """An HTTP requester whose requests count towards the source's common limits and are retried by its common rules.

    Requests that differ only in a piece of their address or in the paginator's parameters, as those for one contact
    after the other or for a slice's pages, are made from a template: to evaluate and prepare each of them costs several
    times what it takes to send it. The pieces are the slice's extra fields whose names end in `_path`, escaped. A
    manifest's requests must refer to nothing else of a slice that has such pieces but its times and its other extra
    fields, and to no page token.
    """

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
        self._session = Session(connection_of(self.config))
        self._templates: dict[Any, tuple[requests.PreparedRequest, Mapping[str, Any]]] = {}
        # The CDK's requester opens a session of its own and cannot be given one.
        self._http_client = HttpClient(
            name=self.name,
            logger=self.logger,
            error_handler=self.error_handler,
            session=self._session,
            authenticator=self._authenticator,
            backoff_strategy=self.error_handler.backoff_strategies if self.error_handler else None,  # type: ignore[attr-defined]
            disable_retries=self.disable_retries,
            message_repository=self.message_repository,
            request_timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
        )

    def send_request(
        self,
        stream_state: StreamState | None = None,
        stream_slice: StreamSlice | None = None,
        next_page_token: Mapping[str, Any] | None = None,
        path: str | None = None,
        request_headers: Mapping[str, Any] | None = None,
        request_params: Mapping[str, Any] | None = None,
        request_body_data: Mapping[str, Any] | str | None = None,
        request_body_json: Mapping[str, Any] | None = None,
        log_formatter: Callable[[requests.Response], Any] | None = None,
    ) -> requests.Response | None:
        """As the CDK does; but a request of a slice is sent at once, and left to the CDK if it fails.

        So are all requests of a command with `--debug`, which the CDK describes in the log.
        """
        if stream_slice is not None and path is None and not self.logger.isEnabledFor(logging.DEBUG):
            request, settings = self._request(stream_slice, request_headers or {}, request_params or {})
            response = self._send_at_once(request, settings)
            if response is not None:
                return self._noted(response)
        response = super().send_request(
            stream_state,
            stream_slice,
            next_page_token,
            path,
            request_headers,
            request_params,
            request_body_data,
            request_body_json,
            log_formatter,
        )
        return self._noted(response)

    def _noted(self, response: requests.Response | None) -> requests.Response | None:
        """The answer with the stream that it is for; one that the manifest ignores counts as gone."""
        if isinstance(response, PageResponse):
            response.stream = self.name
        if response is not None and not response.ok:
            connection_of(self.config).totals.miss(self.name)
        return response

    def _request(
        self, stream_slice: StreamSlice, headers: Mapping[str, Any], params: Mapping[str, Any]
    ) -> tuple[requests.PreparedRequest, Mapping[str, Any]]:
        """A request of a slice, and the environment's settings for its host."""
        pieces = {name: value for name, value in stream_slice.extra_fields.items() if name.endswith("_path")}
        template, settings = self._template(stream_slice, pieces, headers)
        request = template.copy()
        url = request.url or ""
        for name, value in pieces.items():
            url = url.replace(_mark(name), value)
        given = {name: value for name, value in params.items() if value is not None}
        request.url = f"{url}{'&' if '?' in url else '?'}{urlencode(given)}" if given else url
        if self._session.cookies:
            # Some that an answer has brought since, as those that lead to one server of several.
            request.headers.pop("Cookie", None)
            request.prepare_cookies(self._session.cookies)
        return request, settings

    def _template(
        self, stream_slice: StreamSlice, pieces: Mapping[str, str], headers: Mapping[str, Any]
    ) -> tuple[requests.PreparedRequest, Mapping[str, Any]]:
        """A request with marks in the place of the pieces, and without the paginator's parameters."""
        common = {
            name: value
            for name, value in stream_slice.extra_fields.items()
            if name not in pieces and isinstance(value, str)
        }
        # The partition may hold further objects, which are no part of a key.
        partition = "" if pieces else repr(stream_slice.partition)
        key = (*stream_slice.cursor_slice.items(), *common.items(), *headers.items(), partition)
        template = self._templates.get(key)
        if template is None:
            marked = StreamSlice(
                partition=stream_slice.partition,
                cursor_slice=stream_slice.cursor_slice,
                extra_fields={**common, **{name: _mark(name) for name in pieces}},
            )
            request = self._session.prepare_request(
                requests.Request(
                    method=self.get_method().value,
                    url=self._get_url(stream_slice=marked),
                    headers=self._request_headers({}, marked, None, headers),
                    params=self._request_params({}, marked, None),
                )
            )
            template = request, self._session.merge_environment_settings(request.url, {}, None, None, None)
            if len(self._templates) >= MOST_TEMPLATES:
                self._templates.clear()
            self._templates[key] = template
        return template

    def _send_at_once(self, request: requests.PreparedRequest, settings: Mapping[str, Any]) -> requests.Response | None:
        """The answer, if it is a page. Any other is what the CDK will get when it sends the same request."""
        if self._session.auth is not None:
            self._session.auth(request)  # type: ignore[operator]
        try:
            response = self._session.send(request, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT), **settings)
        except requests.RequestException as error:
            self._session.answer_next_with(error)
            return None
        if response.ok and self.error_handler.interpret_response(response) is SUCCESS_RESOLUTION:  # type: ignore[union-attr]
            return response
        self._session.answer_next_with(response)
        return None


def _mark(name: str) -> str:
    return f"0{name}0"

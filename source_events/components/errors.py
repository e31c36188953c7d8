"""What an answer that is not a page means, and how long to wait before the next attempt."""

import logging
import random
import time
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

import msgspec
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.requesters.error_handlers.default_error_handler import DefaultErrorHandler
from airbyte_cdk.sources.streams.http.error_handlers import BackoffStrategy, JsonErrorMessageParser
from airbyte_cdk.sources.streams.http.error_handlers.response_models import (
    SUCCESS_RESOLUTION,
    ErrorResolution,
    ResponseAction,
)
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.components.decoder import AnswerDecoder, AnswerRefused, raise_refusal, readable
from source_events.transport.connection import connection_of

logger = logging.getLogger("airbyte")

PASSING_STATUSES = frozenset((408, 425, 429))
"""Client errors that time mends."""

LOST_BY_GATEWAYS = frozenset((502, 504))
"""Answers of a gateway that has not got the one of the API, which may have worked on the request all the same."""

REFUSED = ErrorResolution(ResponseAction.FAIL, FailureType.system_error, "The API refused the request.")

LONGEST_WAIT = 300.0
"""Seconds that one request may take with all its attempts and waits."""


@dataclass
class AnswerErrorHandler(DefaultErrorHandler):
    """The CDK's handler, with a look at the body of successful answers and with errors that people can act on.

    The manifest's response filters say what each status means. Beyond them: what time mends is tried again (429, 5xx,
    a broken connection, a body that is not JSON), everything else fails at once. `restart_parameter` is the request
    parameter that continues a scroll: a client error in answer to it means that the scroll has expired, and its slice
    is read again in two halves. So it is where an answer to it is lost on the way: the scroll may have moved on, also
    under the same id, and a second request would get the page behind the lost one.
    """

    max_retries: int | str | None = 1000
    max_time: int = 86_400
    """Out of the way: `PatientBackoff` gives up earlier, with words for people instead of a stack."""
    restart_parameter: str | None = None
    decoder: AnswerDecoder | None = None

    def interpret_response(self, response_or_exception: requests.Response | Exception | None) -> ErrorResolution:
        if isinstance(response_or_exception, requests.TooManyRedirects):
            raise self._failure(
                "The API redirects in circles. Set `provider.api_url` to the address that answers itself.",
                FailureType.config_error,
            )
        if not isinstance(response_or_exception, requests.Response):
            problem = _unreachable(response_or_exception)
            return self._lost(getattr(response_or_exception, "request", None), problem) or _again(problem)
        response = response_or_exception
        if response.status_code in LOST_BY_GATEWAYS and (lost := self._lost(response.request, _status(response))):
            return lost
        if response.status_code in PASSING_STATUSES or response.status_code >= 500:
            return _again(f"The API answered {_status(response)}")
        if 300 <= response.status_code < 400:
            raise self._failure(
                f"The API redirects to another address ({_status(response)}). "
                "Set `provider.api_url` to the address that answers itself.",
                FailureType.config_error,
            )
        if response.ok:
            return self._look_into(response)
        if self._scroll_expired(response):
            message = f"The scroll has expired ({_status(response)})"
            return ErrorResolution(ResponseAction.SPLIT_REQUEST_WINDOW, FailureType.transient_error, message)
        matches = (response_filter.matches(response) for response_filter in self.response_filters or ())
        # The CDK would try a status that no filter knows again, and quote the address and the body.
        resolution = next(filter(None, matches), REFUSED)
        if resolution.response_action is ResponseAction.FAIL:
            raise self._failure(
                f"{resolution.error_message} (The API answered {_status(response)}{_explanation(response)}.)",
                resolution.failure_type,
            )
        return resolution

    def _look_into(self, response: requests.Response) -> ErrorResolution:
        try:
            if self.decoder:
                self.decoder.answer(response)
            else:
                raise_refusal(msgspec.json.decode(readable(response.content)))
        except msgspec.DecodeError as error:
            problem = f"The API answered {_status(response)} with a body that is not the documented JSON ({error})"
            return self._lost(response.request, problem) or _again(problem)
        except AnswerRefused as refused:
            message = f"The API refused the request: {_excerpt(str(refused))}"
            raise self._failure(message, FailureType.system_error) from refused
        return SUCCESS_RESOLUTION

    def _scroll_expired(self, response: requests.Response) -> bool:
        return self._continues_scroll(response.request) and response.status_code in (400, 404, 409, 410)

    def _continues_scroll(self, request: requests.PreparedRequest | None) -> bool:
        return request is not None and self.restart_parameter in parse_qs(urlsplit(request.url or "").query)

    def _lost(self, request: requests.PreparedRequest | None, problem: str) -> ErrorResolution | None:
        """What to do where an answer may have been lost, if that is more than to ask again."""
        if not self._continues_scroll(request):
            return None
        logger.info(f"{problem}. The page of a scroll may be lost with it, so its slice is read again.")
        message = "The answers to a scroll are lost again and again"
        return ErrorResolution(ResponseAction.SPLIT_REQUEST_WINDOW, FailureType.transient_error, message)

    def _failure(self, message: str, failure_type: FailureType | None) -> AirbyteTracedException:
        if failure_type is FailureType.config_error:
            return connection_of(self.config).fail(message, failure_type)
        message = filter_secrets(message)
        return AirbyteTracedException(
            message=message, internal_message=message, failure_type=failure_type or FailureType.system_error
        )


def _again(message: str) -> ErrorResolution:
    return ErrorResolution(ResponseAction.RETRY, FailureType.transient_error, message)


def _unreachable(error: Exception | None) -> str:
    """A sentence without the URL, whose query may hold a token."""
    request = getattr(error, "request", None)
    host = urlsplit(request.url).netloc if request is not None and request.url else "the API"
    kind = {
        requests.exceptions.ConnectTimeout: "it does not answer",
        requests.exceptions.ReadTimeout: "it did not answer in time",
        requests.exceptions.SSLError: "its certificate or the encryption is not accepted",
        requests.exceptions.ProxyError: "the proxy does not let the request through",
        requests.exceptions.ChunkedEncodingError: "it broke off in the middle of an answer",
        requests.exceptions.ContentDecodingError: "its answer is not compressed as it says",
    }.get(type(error), "the connection cannot be made or was closed")  # type: ignore[arg-type]
    return f"Cannot read from {host}: {kind}"


def _status(response: requests.Response) -> str:
    return f"{response.status_code} {response.reason or ''}".strip()


def _explanation(response: requests.Response) -> str:
    """The API's own words, where the body has some; at most a line."""
    words = JsonErrorMessageParser().parse_response_error_message(response)
    return f": {_excerpt(words).rstrip('.')}" if words else ""


def _excerpt(words: str) -> str:
    """At most a line of what the API says. Secrets in it are masked first: what is left of one is no secret to mask."""
    return filter_secrets(words)[:200]


@dataclass
class PatientBackoff(BackoffStrategy):
    """Doubles the wait from one second, with a fifth of jitter; `Retry-After` takes its place where the API sends it.

    Gives up with a transient error after `max_attempts`, or as soon as the request would take longer than five minutes
    in all: a platform takes a longer silence for a dead connector.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._began: WeakKeyDictionary[requests.PreparedRequest, float] = WeakKeyDictionary()

    def backoff_time(
        self, response_or_exception: requests.Response | requests.RequestException | None, attempt_count: int
    ) -> float | None:
        asked = _retry_after(response_or_exception)
        wait = asked if asked is not None else min(2.0 ** (attempt_count - 1), 64.0) * random.uniform(0.8, 1.2)
        most = self.config["max_attempts"]
        problem, advice = _problem(response_or_exception)
        if attempt_count >= most or self._elapsed(response_or_exception) + wait > LONGEST_WAIT:
            waiting = f" and asks to wait {asked:.0f} seconds" if asked is not None else ""
            raise connection_of(self.config).fail(
                f"{problem}{waiting} (attempt {attempt_count} of {most}). {advice}", FailureType.transient_error
            )
        logger.info(f"{problem} (attempt {attempt_count} of {most}). The next attempt is in {max(wait, 1.01):.1f} s.")
        # The CDK waits a second more than it is told.
        return max(wait - 1.0, 0.01)

    def _elapsed(self, response_or_exception: requests.Response | requests.RequestException | None) -> float:
        request = getattr(response_or_exception, "request", None)
        if request is None:
            return 0.0
        return time.monotonic() - self._began.setdefault(request, time.monotonic())


def _problem(response_or_exception: requests.Response | requests.RequestException | None) -> tuple[str, str]:
    """What happened, and what to do about it."""
    if not isinstance(response_or_exception, requests.Response):
        return _unreachable(response_or_exception), "Check `provider.api_url` and the network, or try again later."
    problem = f"The API answered {_status(response_or_exception)}"
    if response_or_exception.status_code == 429:
        return problem, "Set `requests_per_minute`, lower `num_workers`, or try again later."
    if response_or_exception.ok:
        problem += " with something else than the documented JSON"
        return problem, "Check that `provider.api_url` leads to the API, or try again later."
    return problem, "Try again later."


def _retry_after(response_or_exception: requests.Response | requests.RequestException | None) -> float | None:
    """Seconds to wait, from a `Retry-After` in seconds or as a date; nothing else counts as one."""
    if not isinstance(response_or_exception, requests.Response):
        return None
    value = response_or_exception.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max((moment - datetime.now(timezone.utc)).total_seconds(), 0.0)

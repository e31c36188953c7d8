"""One request of a slice, with all of its attempts, to its decoded answer."""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from source_events.components.authentication import Authenticator
from source_events.components.decoder import AnswerRefused, Decoder
from source_events.components.errors import (
    Expired,
    Gone,
    Passing,
    Refused,
    excerpt,
    judge,
    refusals_of,
    unanswered,
    undocumented,
    used_elsewhere,
)
from source_events.components.paging import Continuation, Link
from source_events.components.prepared import MARK, Prepared
from source_events.components.templates import NAMES, Bounds, InvalidManifest, Template
from source_events.components.windows import Slice, Windows
from source_events.records.page import Answer
from source_events.runtime import Runtime, StreamRun, failure
from source_events.transport.body import BodyTooLarge
from source_events.transport.network import Reply

logger = logging.getLogger("airbyte")

SHORTEST_WAIT = 1.0
"""Seconds. Servers that ask to wait for none, or until a moment that has passed, would get all attempts at once."""
LONGEST_WAIT = 300.0
"""Seconds that one request may take with all its attempts and waits: a platform takes a longer silence for a dead
connector."""
FEW_ATTEMPTS = 3
"""What is left of them where an answer is whole, and of another form than the documented one."""
MOST_TEMPLATES = 1000
MOST_REFUSED = 4
"""Tokens that may all have been ended by somebody else's login before an endpoint was asked with them."""


class Requester:
    """An endpoint: how it is asked, and what its refusals mean.

    `url`, `parameters`, `headers`, `body` and `form` are templates. They may speak of `config`, of the slice's `window`
    and, as `{{ contact }}` and in no other form, of its contact; headers may not, because not every text can stand in
    them, nor the fields of a `form`, which are those of a login.
    Requests that differ only in the contact or in the page are made from one prepared request: to evaluate and prepare
    each of them costs several times what it takes to send it.

    `page_size` is the parameter that says how many rows a page may have, and how many are asked for, unless a few are
    enough. `scroll` is the parameter that continues a scroll, where the server keeps the place and not the client: an
    answer to it that is lost cannot be asked for again.

    :raises InvalidManifest: if the `body` is a text, which would be sent as a text of JSON
    """

    ends_all = False
    """Whether no stream can be read where this endpoint cannot."""

    def __init__(
        self,
        config: Config,
        runtime: Runtime,
        stream: StreamRun,
        decoder: Decoder,
        url: str,
        method: str = "GET",
        parameters: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        form: Mapping[str, Any] | None = None,
        page_size: Mapping[str, int] | None = None,
        scroll: str | None = None,
        windows: Windows | None = None,
        authenticator: Authenticator | None = None,
        refusals: Mapping[Any, Any] | None = None,
    ) -> None:
        if isinstance(body, str):
            raise InvalidManifest("A `body` is the JSON to send. The fields of an HTML form stand in `form`.")
        self.decoder = decoder
        self.has_body = body is not None or form is not None
        self.most_pages = runtime.most_pages
        self.limit = min(filter(None, (runtime.most_rows, *(page_size or {}).values())), default=None)
        self._runtime = runtime
        self._stream = stream
        self._method = method
        self._body = Template(body, config)
        self._form = Template(dict(form or {}), config, NAMES - {"contact"})
        self._url = Template(url, config)
        self._parameters = Template(dict(parameters or {}), config)
        self._headers = Template(dict(headers or {}), config, NAMES - {"contact"})
        self.names_contact = any(each.speaks_of("contact") for each in (self._url, self._parameters, self._body))
        self._page_size = dict.fromkeys(page_size or (), self.limit)
        self._scroll = scroll
        self._windows = windows or Windows(config)
        self._authenticator = authenticator
        self._refusals = refusals_of(refusals or {})
        self._has_answered = False
        self._refused: set[int] = set()
        """New credentials that have been refused."""
        self._prepared: dict[tuple[Any, ...], Prepared] = {}
        self._attempts = Retrying(
            retry=retry_if_exception_type(Passing),
            wait=_wait,
            stop=self._is_over,
            sleep=runtime.wait,
            before_sleep=self._tell,
            retry_error_callback=self._give_up,
        )

    def ask(self, part: Slice, page: Continuation, *, reserve: bool = True) -> Answer | None:
        """The answer to a request; none where the API does not know the contact any more, which is said in the log.

        The answer's memory belongs to the caller, unless it is not to be reserved.

        :raises Expired: if the scroll that the slice is read with is of no use any more
        :raises AirbyteTracedException: if the request is refused, or all its attempts have failed
        """
        try:
            request, settings = self._request(part, page)
            continues_scroll = not isinstance(page, Link) and self._scroll in page
            return self._attempts(self._attempt, request, settings, continues_scroll, reserve)
        except Gone as gone:
            self._stream.counts.count_gone()
            whom = f": {part.contact}" if part.contact else ""
            logger.info(f"{self._stream.name}: {str(gone).removesuffix('.')}{whom}.")
            return None
        except Refused as refused:
            everywhere = refused.everywhere or self.ends_all
            if refused.here_only and not everywhere:
                raise failure(refused.message, refused.failure_type) from None
            raise self._stream.fail(refused.message, refused.failure_type, ends_all=everywhere) from None

    def _attempt(
        self, request: requests.PreparedRequest, settings: Mapping[str, Any], continues_scroll: bool, reserve: bool
    ) -> Answer:
        self._stream.raise_failure()
        reply = None
        try:
            reply = self._authenticated(request, settings, reserve)
            judge(reply, self._refusals, continues_scroll=continues_scroll)
            return self._decoded(reply)
        except Passing as passing:
            if continues_scroll and passing.lost:
                # The scroll may have moved on, also under the same id: another request would get the page behind.
                logger.info(f"{passing}. The page of a scroll may be lost with it, so its slice is read again.")
                raise Expired("The answers to a scroll are lost again and again") from passing
            if passing.crowded:
                self._runtime.rate.refused()
                if reply is not None:
                    reply.release()
                    reply = None
            raise
        finally:
            if reply is not None:
                self._runtime.rate.succeeded()
                reply.release()

    def _authenticated(self, request: requests.PreparedRequest, settings: Mapping[str, Any], reserve: bool) -> Reply:
        """The reply to the request with credentials; with others, where they have turned out to be old."""
        authenticator = self._authenticator
        if authenticator is None:
            return self._fetch(request, settings, reserve)
        headers = authenticator.headers()
        reply = self._sent_with(headers, request, settings, reserve)
        if reply.status != authenticator.refused_with:
            return reply
        with authenticator.renewing():
            for renewal in range(1, authenticator.renewals + 1):
                reply.release()
                if renewal > 1:
                    # Somebody else's login may have come in between; a missing permission is still missing.
                    self._runtime.wait(2.0 ** (renewal - 3) * random.uniform(0.5, 1.5))
                self._stream.raise_failure()
                headers = authenticator.headers(instead_of=headers)
                reply = self._sent_with(headers, request, settings, reserve)
                if reply.status != authenticator.refused_with:
                    return reply
                if authenticator.is_used_elsewhere(headers) and not self._lacks_permission(headers):
                    reply.release()
                    raise used_elsewhere(reply)
        return reply

    def _lacks_permission(self, refused: Mapping[str, str]) -> bool:
        """Whether it is this endpoint that is refused: it has answered nothing yet, and refuses one login's token after
        the other, where other endpoints have accepted some."""
        self._refused.add(hash(tuple(refused.items())))
        return not self._has_answered and len(self._refused) >= MOST_REFUSED

    def _sent_with(
        self, headers: Mapping[str, str], request: requests.PreparedRequest, settings: Mapping[str, Any], reserve: bool
    ) -> Reply:
        request.headers.update(headers)
        reply = self._fetch(request, settings, reserve)
        if self._authenticator is not None and reply.ok:
            self._has_answered = True
            self._authenticator.accept()
        return reply

    def _fetch(self, request: requests.PreparedRequest, settings: Mapping[str, Any], reserve: bool) -> Reply:
        try:
            return self._runtime.network.fetch(request, settings, reserve=reserve)
        except (requests.RequestException, OSError) as error:
            raise unanswered(error) from error
        except BodyTooLarge as error:
            raise Refused(str(error), FailureType.config_error) from error

    def _decoded(self, reply: Reply) -> Answer:
        """The answer, which the reply's memory goes to."""
        try:
            answer = self.decoder.decode(reply.body)
        except msgspec.DecodeError as error:
            raise undocumented(reply, error) from error
        except AnswerRefused as refused:
            message = f"The API refused the request: {excerpt(str(refused))}"
            raise Refused(message, FailureType.system_error, here_only=True) from refused
        answer.memory, reply.memory = reply.memory, None
        return answer

    def _request(self, part: Slice, page: Continuation) -> tuple[requests.PreparedRequest, Mapping[str, Any]]:
        key = (part.first, part.last, part.open_start, part.open_end, part.contact is None)
        prepared = self._prepared.get(key)
        if prepared is None:
            if len(self._prepared) >= MOST_TEMPLATES:
                self._prepared.clear()
            prepared = self._prepared[key] = self._prepare(part)
        return prepared.request_for(part.contact, page), prepared.settings

    def _prepare(self, part: Slice) -> Prepared:
        names = {"window": Bounds(self._windows.of(part)), "contact": "" if part.contact is None else MARK}
        url = str(self._url.render(**names))
        request = self._runtime.network.prepare(
            self._method,
            url,
            self._headers.render(**names),
            {**self._parameters.render(**names), **self._page_size},
            self._body.render(**names),
            self._form.render(**names),
        )
        return Prepared(request, self._runtime.network.settings(url))

    def _is_over(self, state: RetryCallState) -> bool:
        """Whether it was the last attempt, or the next would be too late.

        The first wait may last as long as a request may take in all.
        """
        passed = state.seconds_since_start if state.attempt_number > 1 else None
        too_late = (passed or 0.0) + state.upcoming_sleep > LONGEST_WAIT
        return too_late or state.attempt_number >= self._most_attempts(state)

    def _tell(self, state: RetryCallState) -> None:
        logger.info(f"{_problem(state)} {self._counted(state)}. The next attempt is in {state.upcoming_sleep:.1f} s.")

    def _give_up(self, state: RetryCallState) -> NoReturn:
        passing = _error(state)
        if passing.otherwise:
            raise passing.otherwise from passing
        waiting = "" if passing.retry_after is None else f" and asks to wait {passing.retry_after:.0f} seconds"
        message = f"{passing.problem}{waiting} {self._counted(state)}. {passing.advice}"
        everywhere = passing.everywhere or self.ends_all
        raise self._stream.fail(message, FailureType.transient_error, ends_all=everywhere) from passing

    def _counted(self, state: RetryCallState) -> str:
        return f"(attempt {state.attempt_number} of {self._most_attempts(state)})"

    def _most_attempts(self, state: RetryCallState) -> int:
        most = self._runtime.max_attempts
        return min(most, FEW_ATTEMPTS) if _error(state).otherwise else most


def _wait(state: RetryCallState) -> float:
    """Doubles from one second, with a fifth of jitter; `Retry-After` takes its place where the API sends it."""
    asked = _error(state).retry_after
    if asked is not None:
        return max(asked, SHORTEST_WAIT)
    return min(2.0 ** (state.attempt_number - 1), 64.0) * random.uniform(0.8, 1.2)


def _error(state: RetryCallState) -> Passing:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, Passing)
    return error


def _problem(state: RetryCallState) -> str:
    return _error(state).problem

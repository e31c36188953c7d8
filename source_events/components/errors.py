"""What an answer that is not a page means."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import msgspec
import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

from source_events.components.templates import InvalidManifest
from source_events.records.text import readable
from source_events.transport.network import Reply
from source_events.transport.unreachable import unreachable

PASSING_STATUSES = frozenset((408, 425, 429))
"""Client errors that time mends."""
LOST_BY_GATEWAYS = frozenset((502, 504))
"""Answers of a gateway that has not got the one of the API, which may have worked on the request all the same."""
EXPIRED_STATUSES = frozenset((400, 404, 409, 410))
"""Client errors that tell, in answer to a scroll's token, that the scroll has expired."""


OF_THE_ENDPOINT = frozenset((403, 404, 410))
"""What is said of an endpoint and not of a request's parameters."""


class Passing(Exception):
    """What time mends: the request is worth another attempt.

    `problem` is a sentence without a full stop, `advice` says what to do if it does not pass, `retry_after` are the
    seconds that the API asks to wait. `lost`: an answer may have been lost on the way. `crowded`: there are too many
    requests. `everywhere`: no other request will fare better. `otherwise` is what it means if it does not pass in a few
    attempts.
    """

    def __init__(
        self,
        problem: str,
        advice: str = "Try again later.",
        *,
        retry_after: float | None = None,
        lost: bool = False,
        crowded: bool = False,
        everywhere: bool = False,
        otherwise: Refused | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.otherwise = otherwise
        self.advice = advice
        self.retry_after = retry_after
        self.lost = lost
        self.crowded = crowded
        self.everywhere = everywhere


class Expired(Exception):
    """The scroll that a slice is read with is of no use any more: the slice must be read again."""


class Gone(Exception):
    """The API does not know what the request is about, and that is no error."""


class Refused(Exception):
    """No attempt will fare better. The text says what to mend.

    `everywhere`: no request of any stream will. `here_only`: other slices of the stream may.
    """

    def __init__(
        self, message: str, failure_type: FailureType, *, everywhere: bool = False, here_only: bool = False
    ) -> None:
        super().__init__(message)
        self.message = message
        self.failure_type = failure_type
        self.everywhere = everywhere
        self.here_only = here_only


@dataclass(frozen=True)
class Refusal:
    """A sentence of a manifest: what some statuses mean there.

    `gone`: the contact, or the event, is not there any more, which is no error.
    """

    statuses: Collection[int]
    message: str
    failure_type: FailureType = FailureType.config_error
    gone: bool = False


def refusals_of(table: Mapping[Any, Any]) -> Sequence[Refusal]:
    """The refusals of a manifest: `{403: sentence}`, `{400 409: {message:, failure_type:, gone:}}`.

    :raises InvalidManifest: if it is no such table
    """
    return [_refusal(str(statuses), entry) for statuses, entry in table.items() if entry is not None]


def _refusal(statuses: str, entry: Any) -> Refusal:
    fields = dict(entry) if isinstance(entry, Mapping) else {"message": entry}
    unknown = sorted(fields.keys() - OF_A_REFUSAL)
    if unknown:
        raise InvalidManifest(f"A refusal has no field `{unknown[0]}`; it has {', '.join(OF_A_REFUSAL)}.")
    if not isinstance(fields.get("message"), str):
        raise InvalidManifest(f"The refusal of {statuses} has no `message`.")
    codes = [status for status in statuses.split() if status.isdecimal()]
    if not codes or " ".join(codes) != " ".join(statuses.split()):
        raise InvalidManifest(f"`{statuses}` is no status, nor several with spaces between them.")
    if fields.get("failure_type", FailureType.config_error) not in [
        *FailureType,
        *(each.value for each in FailureType),
    ]:
        raise InvalidManifest(f"`{fields['failure_type']}` is no `failure_type`.")
    return Refusal(
        frozenset(map(int, codes)),
        " ".join(fields["message"].split()),
        FailureType(fields.get("failure_type", FailureType.config_error)),
        bool(fields.get("gone")),
    )


OF_A_REFUSAL = ("message", "failure_type", "gone")


def judge(reply: Reply, refusals: Sequence[Refusal], *, continues_scroll: bool) -> None:
    """Nothing for an answer whose status says that it is one; else what it means.

    :raises Passing: if time mends it
    :raises Expired: if it answers a request that continues a scroll
    :raises Gone: if the manifest says so
    :raises Refused: if nothing but the user, or a new version of the connector, mends it
    """
    if reply.status < 300:
        return
    if reply.status in PASSING_STATUSES or reply.status >= 500:
        raise Passing(
            f"The API answered {status_of(reply)}",
            CROWDED if reply.status == 429 else "Try again later.",
            retry_after=retry_after(reply.headers.get("Retry-After", "")),
            lost=reply.status in LOST_BY_GATEWAYS,
            crowded=reply.status == 429,
        )
    if reply.status < 400:
        raise Refused(
            f"The API redirects to another address ({status_of(reply)}). "
            "Set `provider.api_url` to the address that answers itself.",
            FailureType.config_error,
            everywhere=True,
        )
    if continues_scroll and reply.status in EXPIRED_STATUSES:
        raise Expired(f"The scroll has expired ({status_of(reply)})")
    refusal = next((each for each in refusals if reply.status in each.statuses), UNKNOWN)
    if refusal.gone:
        raise Gone(refusal.message)
    raise Refused(
        f"{refusal.message} (The API answered {status_of(reply)}{_explanation(reply)}.)",
        refusal.failure_type,
        everywhere=reply.status == 401,
        here_only=refusal.failure_type is FailureType.system_error and reply.status not in OF_THE_ENDPOINT,
    )


UNKNOWN = Refusal((), "The API refused the request.", FailureType.system_error)
CROWDED = "Set `requests_per_minute`, lower `num_workers`, or try again later."


def unanswered(error: Exception) -> Passing | Refused:
    """What it means that there is no answer, or none that could be read. No URL: its query may hold a token."""
    if isinstance(error, requests.TooManyRedirects):
        return Refused(
            "The API redirects in circles. Set `provider.api_url` to the address that answers itself.",
            FailureType.config_error,
            everywhere=True,
        )
    found = unreachable(error)
    if found.lasting:
        return Refused(f"{found.problem}. {found.advice}", FailureType.config_error, everywhere=True)
    return Passing(found.problem, found.advice, lost=True, everywhere=True)


def undocumented(reply: Reply, error: msgspec.DecodeError) -> Passing:
    """What it means that a successful answer is not the documented JSON.

    A page of a proxy, or half of an answer, passes. JSON of another form may pass; if it does not soon, it is what the
    API answers, however often it is asked.
    """
    otherwise = None
    if isinstance(error, msgspec.ValidationError) and _is_whole(reply.body):
        otherwise = Refused(
            f"The API answered {status_of(reply)} with JSON of another form than the documented one ({error}). Check "
            "that `provider.api_url` leads to the API. If it does, the API may have changed; please report it together "
            "with the provider's name.",
            FailureType.system_error,
        )
    return Passing(
        f"The API answered {status_of(reply)} with a body that is not the documented JSON ({error})",
        "Check that `provider.api_url` leads to the API, or try again later.",
        lost=True,
        otherwise=otherwise,
    )


def _is_whole(body: bytes) -> bool:
    try:
        _skim(readable(body))
    except msgspec.DecodeError:
        return False
    return True


_skim = msgspec.json.Decoder(msgspec.Raw).decode
"""Reads JSON to its end, and keeps nothing of it."""


def used_elsewhere(reply: Reply) -> Passing:
    """What it means that a new token is refused where earlier ones have been accepted."""
    return Passing(
        f"The API refuses the token of a new login ({reply.status}), although earlier ones were accepted: the account "
        "is in use elsewhere, and each login there ends the session here",
        "Give each connection an account of its own, or let them run one after the other. If nobody else uses it, "
        "check its permissions.",
        crowded=True,
    )


def status_of(reply: Reply) -> str:
    return f"{reply.status} {reply.reason}".strip()


def _explanation(reply: Reply) -> str:
    """The API's own words, where the body has some; at most a line."""
    words = _words(reply.body)
    return f": {excerpt(words).rstrip('.')}" if words else ""


def _words(body: bytes) -> str | None:
    try:
        return message_in(msgspec.json.decode(readable(body)))
    except (msgspec.DecodeError, RecursionError):
        return body.decode("utf-8", "replace")


def message_in(value: Any) -> str | None:
    """The first text of an object that is called as messages usually are, also within other objects and lists."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        found = filter(None, map(message_in, value))
        return ", ".join(found) or None
    if isinstance(value, Mapping):
        return next(filter(None, (message_in(value[name]) for name in MESSAGES if name in value)), None)
    return None


MESSAGES = (
    "message",
    "messages",
    "error",
    "errors",
    "failures",
    "failure",
    "detail",
    "details",
    "err",
    "error_message",
    "msg",
    "reason",
    "status_message",
    "title",
)


def excerpt(words: str) -> str:
    """At most a line of what the API says. Secrets in it are masked first: what is left of one is no secret to mask."""
    return filter_secrets(" ".join(words.split()))[:200]


def retry_after(value: str) -> float | None:
    """Seconds to wait, from a `Retry-After` in seconds or as a date; nothing else counts as one."""
    value = value.strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max((moment - datetime.now(timezone.utc)).total_seconds(), 0.0)

"""The token of a login, which the whole source shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets

from source_events.components.authentication import Authenticator
from source_events.components.requester import Requester
from source_events.components.windows import Slice
from source_events.runtime import Runtime

MOST_RENEWALS = 4
"""How often a refused token is renewed before that means a missing permission: each new one may have been ended by
somebody else's login before it was used."""


class Login(Requester):
    """The request of a login. Where that fails, no stream can be read."""

    ends_all = True


class LoginAuthenticator(Authenticator):
    """Logs in when the first request needs it, and again when the API refuses the token.

    `login` is the request, whose answer has the token.
    """

    def __init__(self, config: Config, runtime: Runtime, login: Login, refused_with: int) -> None:
        self.refused_with = refused_with
        self._login = login
        self._runtime = runtime
        self._part = Slice(config["start_date"], config["end_date"])

    @property
    def renewals(self) -> int:
        """What one stream has tried in vain, another need not try as often."""
        return 1 if self._runtime.check else max(MOST_RENEWALS - self._runtime.token.dropped, 1)

    def headers(self, instead_of: Mapping[str, str] | None = None) -> Mapping[str, str]:
        if instead_of is not None:
            self._runtime.token.drop(_token_in(instead_of))
        return {"Authorization": f"Bearer {self._runtime.token.get(self._log_in)}"}

    def accept(self) -> None:
        self._runtime.token.accepted = True

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """One thread at a time, as long as no token has been accepted: for a missing permission, each would log in."""
        token = self._runtime.token
        with nullcontext() if token.accepted else token.proving:
            yield

    def is_used_elsewhere(self, refused: Mapping[str, str]) -> bool:
        if self._runtime.token.accepted:
            self._runtime.token.drop(_token_in(refused))
        return self._runtime.token.accepted

    def _log_in(self) -> str:
        answer = self._login.ask(self._part, {}, reserve=False)
        if answer is None or answer.token is None:
            raise self._runtime.fail(
                "The login was accepted, but the answer has no token. Check `provider.api_url`, or try again later.",
                FailureType.transient_error,
            )
        add_to_secrets(answer.token)
        return answer.token


def _token_in(headers: Mapping[str, str]) -> str:
    return headers["Authorization"].removeprefix("Bearer ")

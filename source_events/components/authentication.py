"""Authentication that renews itself, and the bearer token that one login obtains for the whole source."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import requests
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.auth.declarative_authenticator import DeclarativeAuthenticator
from airbyte_cdk.sources.declarative.requesters.requester import Requester
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events.transport.connection import Token, connection_of


@dataclass
class RenewingAuthenticator(DeclarativeAuthenticator):
    """Sets `Authorization` on every request, and repeats a request once with another value when it is refused.

    `refused_with` is the status of an answer to a value that is no longer valid. A request that is refused a second
    time comes back with that status.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    refused_with: int

    @property
    def auth_header(self) -> str:
        return "Authorization"

    @property
    @abstractmethod
    def token(self) -> str:
        """The value of the header."""

    @abstractmethod
    def token_instead_of(self, refused: str) -> str:
        """The value to try after one has been refused."""

    def get_auth_header(self) -> Mapping[str, Any]:
        """Nothing: the header is set when the request leaves, because the token may have been renewed by then."""
        return {}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self.auth_header] = self.token
        if self._repeat_when_refused not in request.hooks["response"]:
            request.hooks["response"].append(self._repeat_when_refused)
        return request

    def _repeat_when_refused(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        if response.status_code != self.refused_with or response.history:
            return response
        refused = response.request.headers[self.auth_header]
        # The connection goes back to the pool only when the body has been read.
        response.content  # noqa: B018
        response.close()
        request = response.request.copy()
        request.headers[self.auth_header] = self.token_instead_of(refused)
        repeated: requests.Response = response.connection.send(request, **kwargs)
        repeated.history.append(response)
        repeated.request = request
        return repeated


@dataclass
class LoginAuthenticator(RenewingAuthenticator):
    """Logs in when the first request needs it, and again when the API refuses the token.

    `login` is the request; `credentials` maps the fields of its JSON body to fields of the provider's configuration.
    `token_field` is where the answer has the token. A field within an object is written `object.field`.
    """

    login: Requester
    credentials: Mapping[str, str]
    token_field: str

    @property
    def token(self) -> str:
        return f"Bearer {self._shared.get(self._log_in)}"

    def token_instead_of(self, refused: str) -> str:
        return f"Bearer {self._shared.renew(refused.removeprefix('Bearer '), self._log_in)}"

    @property
    def _shared(self) -> Token:
        return connection_of(self.config).token

    def _log_in(self) -> str:
        body = {field: _field(self.config["provider"], name) for field, name in self.credentials.items()}
        response = self.login.send_request(request_body_json=body)
        token = _field(response.json(), self.token_field) if response is not None and response.content else None
        if not isinstance(token, str) or not token:
            raise AirbyteTracedException(
                message=f"The login was accepted, but the answer has no `{self.token_field}`.",
                internal_message="login answer without token",
                failure_type=FailureType.transient_error,
            )
        add_to_secrets(token)
        return token


def _field(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document.get(name) if isinstance(document, Mapping) else None
    return document

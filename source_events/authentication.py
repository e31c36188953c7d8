"""A bearer token that one login obtains for the whole source."""

from __future__ import annotations

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

from source_events.connection import Token, connection_of


@dataclass
class LoginAuthenticator(DeclarativeAuthenticator):
    """Logs in when the first request needs it, and again when the API refuses the token.

    `login` is the request; `credentials` maps the fields of its JSON body to fields of the provider's configuration.
    `token_field` is where the answer has the token, `refused_with` the status that an expired token gets. A request
    that is refused a second time comes back with that status.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]
    login: Requester
    credentials: Mapping[str, str]
    token_field: str
    refused_with: int

    @property
    def auth_header(self) -> str:
        return "Authorization"

    @property
    def token(self) -> str:
        return f"Bearer {self._shared.get(self._log_in)}"

    def get_auth_header(self) -> Mapping[str, Any]:
        """Nothing: the header is set when the request leaves, because the token may have been renewed by then."""
        return {}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self.auth_header] = self.token
        if self._repeat_when_refused not in request.hooks["response"]:
            request.hooks["response"].append(self._repeat_when_refused)
        return request

    @property
    def _shared(self) -> Token:
        return connection_of(self.config).token

    def _repeat_when_refused(self, response: requests.Response, **kwargs: Any) -> requests.Response:
        if response.status_code != self.refused_with or response.history:
            return response
        refused = response.request.headers[self.auth_header].removeprefix("Bearer ")
        # The connection goes back to the pool only when the body has been read.
        response.content  # noqa: B018
        response.close()
        request = response.request.copy()
        request.headers[self.auth_header] = f"Bearer {self._shared.renew(refused, self._log_in)}"
        repeated: requests.Response = response.connection.send(request, **kwargs)
        repeated.history.append(response)
        repeated.request = request
        return repeated

    def _log_in(self) -> str:
        provider = self.config["provider"]
        body = {field: provider[name] for field, name in self.credentials.items()}
        response = self.login.send_request(request_body_json=body)
        token = response.json().get(self.token_field) if response is not None else None
        if not isinstance(token, str) or not token:
            raise AirbyteTracedException(
                message=f"The login was accepted, but the answer has no `{self.token_field}`.",
                internal_message="login answer without token",
                failure_type=FailureType.transient_error,
            )
        add_to_secrets(token)
        return token

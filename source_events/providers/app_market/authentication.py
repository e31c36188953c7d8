"""App Market's tokens: signed here, with the API secret."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Mapping

import jwt
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets

from source_events.providers.kit import Authenticator

TOKEN_LIFETIME, TOKEN_USE, CLOCK_SKEW = 1800, 300, 60
"""Seconds. An hour is the longest lifetime that the API takes."""

# The length of the secret is the provider's choice, and no user can do anything about it.
warnings.filterwarnings("ignore", message="The HMAC key is", module="jwt")


class InstanceAuthenticator(Authenticator):
    """Signs the token of each request with the API secret: there is no login, and nothing to renew.

    A token is used for five minutes and then made anew. It is valid for half an hour, so that a request that is
    repeated does not outlive it, and from a minute ago, for servers whose clock is behind.
    """

    def __init__(self, config: Config) -> None:
        self._provider: Mapping[str, str] = config["provider"]
        self._lock = threading.Lock()
        self._token, self._made = "", float("-inf")

    def headers(self, instead_of: Mapping[str, str] | None = None) -> Mapping[str, str]:
        with self._lock:
            if time.monotonic() - self._made > TOKEN_USE:
                self._token, self._made = self._sign(int(time.time())), time.monotonic()
                add_to_secrets(self._token)
            return {"instance-jwt": self._token}

    def _sign(self, now: int) -> str:
        issued = now - CLOCK_SKEW
        claims = {
            self._provider["instance_claim"]: self._provider["instance_id"],
            "iat": issued,
            "exp": issued + TOKEN_LIFETIME,
        }
        return jwt.encode(claims, self._provider["api_secret"], algorithm="HS256")

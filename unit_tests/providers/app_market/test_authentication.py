from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import jwt
import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets

from source_events.providers.app_market import authentication
from source_events.providers.app_market.authentication import InstanceAuthenticator
from unit_tests.providers.app_market.reading import SECRET, configuration


def token_of(authenticator: InstanceAuthenticator) -> str:
    return authenticator.headers()["instance-jwt"]


class TestTokens:
    def authenticator(self, **provider: Any) -> InstanceAuthenticator:
        return InstanceAuthenticator(configuration(**provider))

    def test_a_request_carries_the_token_without_bearer(self) -> None:
        headers = self.authenticator().headers()
        assert jwt.decode(headers["instance-jwt"], SECRET, algorithms=["HS256"])["instanceId"] == "007"
        assert list(headers) == ["instance-jwt"]

    @pytest.mark.parametrize("claim", ["instanceId", "instanceID"])
    def test_the_claims_are_the_instance_and_a_lifetime_of_less_than_an_hour(self, claim: str) -> None:
        claims = jwt.decode(token_of(self.authenticator(instance_claim=claim)), SECRET, algorithms=["HS256"])
        assert set(claims) == {claim, "iat", "exp"}
        assert claims["iat"] <= time.time() < claims["exp"]
        assert claims["exp"] - claims["iat"] <= 3600

    def test_a_token_is_used_for_minutes_and_then_made_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = SimpleNamespace(time=lambda: 1_700_000_000 + clock.now, monotonic=lambda: clock.now, now=1000.0)
        monkeypatch.setattr(authentication, "time", clock)
        authenticator = self.authenticator()
        first = token_of(authenticator)
        clock.now += 299
        assert token_of(authenticator) == first
        clock.now += 2
        assert token_of(authenticator) != first

    def test_the_token_is_a_secret(self) -> None:
        token = token_of(self.authenticator())
        assert filter_secrets(f"sent {token}") == "sent ****"

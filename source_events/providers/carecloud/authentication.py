"""Basic authentication with a password that changes with each hour of UTC."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets

from source_events.providers.kit import Authenticator


class HourlyAuthenticator(Authenticator):
    """The hash of the hour.

    A refusal may only mean that the two clocks differ: the request is repeated with the hash of the nearer of the
    neighbouring hours.
    """

    refused_with = 401

    def __init__(self, config: Config) -> None:
        self._credentials: Mapping[str, str] = config["provider"]["credentials"]
        self._masked: set[str] = set()

    def headers(self, instead_of: Mapping[str, str] | None = None) -> Mapping[str, str]:
        now = _now()
        headers = self._at(now)
        if headers == instead_of:
            return self._at(now + timedelta(hours=-1 if now.minute < 30 else 1))
        return headers

    def _at(self, moment: datetime) -> Mapping[str, str]:
        pair = f"{self._credentials['login']}:{hourly_hash(self._credentials['password'], moment)}"
        encoded = base64.b64encode(pair.encode()).decode()
        self._mask(encoded)
        return {"Authorization": f"Basic {encoded}"}

    def _mask(self, encoded: str) -> None:
        """Keep it out of all output: it is as good as the password for an hour."""
        if encoded not in self._masked:
            self._masked.add(encoded)
            add_to_secrets(encoded)


def hourly_hash(password: str, moment: datetime) -> str:
    """`sha256(md5_hex(password) + "YYYYMMDDHH")`, with the hour in UTC."""
    digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    return hashlib.sha256((digest + moment.strftime("%Y%m%d%H")).encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(timezone.utc)

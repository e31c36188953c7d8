"""Logins: client key and secret against a token that lives for one day."""

import base64
import json
import secrets
import time
from dataclasses import dataclass

from sandbox.cloud4wi import CLIENT_KEY, CLIENT_SECRET, ORGANIZATION_ID, UNSCOPED_CLIENT_KEY, UNSCOPED_CLIENT_SECRET


@dataclass(frozen=True)
class Service:
    """A service as created under Manage > Developers > APIs, with its scopes."""

    secret: str
    scopes: frozenset[str]


SERVICES = {
    CLIENT_KEY: Service(CLIENT_SECRET, frozenset({"organization_read", "events_read", "customer_read"})),
    UNSCOPED_CLIENT_KEY: Service(UNSCOPED_CLIENT_SECRET, frozenset({"organization_read"})),
}


@dataclass(frozen=True)
class Session:
    service: Service
    issued: float


class Sessions:
    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def login(self, key: str, secret: str, lifetime: float) -> str | None:
        """A new token, or nothing for a wrong pair. Earlier tokens stay valid."""
        service = SERVICES.get(key)
        if service is None or service.secret != secret:
            return None
        token = _token(key, lifetime)
        self._sessions[token] = Session(service, time.monotonic())
        return token

    def service(self, token: str | None, lifetime: float) -> Service | None:
        """The service behind a token; nothing if the token is unknown or has expired."""
        session = self._sessions.get(token or "")
        if session is None or time.monotonic() - session.issued > lifetime:
            return None
        return session.service

    def revoke(self, token: str | None) -> None:
        self._sessions.pop(token or "", None)

    def revoke_all(self) -> None:
        self._sessions.clear()


def bearer(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer <token>` header."""
    scheme, _, token = (authorization or "").partition(" ")
    return token if scheme == "Bearer" and token else None


def _token(key: str, lifetime: float) -> str:
    now = int(time.time())
    claims = {"iss": "cloud4wi-sandbox", "sub": key, "cid": ORGANIZATION_ID, "iat": now, "exp": now + int(lifetime)}
    parts = json.dumps({"alg": "HS256", "typ": "JWT"}).encode(), json.dumps(claims).encode(), secrets.token_bytes(32)
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)

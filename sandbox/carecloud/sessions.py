"""Who asks: a bearer token from a login, or a password that changes every hour."""

import base64
import binascii
import hashlib
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.carecloud import EXTERNAL_APPLICATION_ID, LOGIN, OTHER_LOGIN, OTHER_PASSWORD, PASSWORD


@dataclass(frozen=True)
class User:
    login: str
    password: str
    in_webservice: bool


USERS = {user.login: user for user in (User(LOGIN, PASSWORD, True), User(OTHER_LOGIN, OTHER_PASSWORD, False))}


@dataclass(frozen=True)
class Session:
    user: User
    issued: float


class Sessions:
    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}

    def login(self, application: str, login: str, password: str) -> str | None:
        """A new token, or nothing for wrong credentials. Earlier tokens stay valid."""
        user = USERS.get(login)
        if user is None or user.password != password or application != EXTERNAL_APPLICATION_ID:
            return None
        token = secrets.token_hex(32)
        self._sessions[token] = Session(user, time.monotonic())
        return token

    def user(self, authorization: str | None, lifetime: float, clock_offset: float) -> User | None:
        """Who sent the header; nobody if the token is unknown or has expired, or the hash is of another hour."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme == "Basic":
            return _by_hash(value, time.time() + clock_offset)
        session = self._sessions.get(value) if scheme == "Bearer" else None
        if session is None or time.monotonic() - session.issued > lifetime:
            return None
        return session.user

    def revoke(self, authorization: str | None) -> None:
        self._sessions.pop((authorization or "").removeprefix("Bearer "), None)

    def revoke_all(self) -> None:
        self._sessions.clear()


def hourly_hash(password: str, moment: float) -> str:
    hour = datetime.fromtimestamp(moment, UTC).strftime("%Y%m%d%H")
    digest = hashlib.md5(password.encode(), usedforsecurity=False).hexdigest()
    return hashlib.sha256((digest + hour).encode()).hexdigest()


def _by_hash(value: str, now: float) -> User | None:
    try:
        login, _, given = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    user = USERS.get(login)
    return user if user is not None and given == hourly_hash(user.password, now) else None

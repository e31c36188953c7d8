"""Tokens that the client signs itself. They are verified here without the library that a client would use."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from sandbox.app_market import API_SECRET, EMPTY_INSTANCE_ID, INSTANCE_ID
from sandbox.app_market.errors import Refusal

LONGEST_LIFETIME = 3600


def instance_of(token: str | None, claim: str) -> str:
    """The instance that a token is for.

    :raises Refusal: with 401, if the token is missing, wrongly signed, expired, valid for over an hour, or names no
        instance under the claim ("any": under either name)
    """
    if not token:
        raise Refusal(401, "the header instance-jwt is missing")
    claims = _verified(token)
    _check_times(claims)
    names = ("instanceId", "instanceID") if claim == "any" else (claim,)
    instance = next((claims[name] for name in names if name in claims), None)
    if instance not in (INSTANCE_ID, EMPTY_INSTANCE_ID):
        raise Refusal(401, "the token names no instance of this app")
    return str(instance)


def _verified(token: str) -> Mapping[str, Any]:
    try:
        signed, _, signature = token.rpartition(".")
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        expected = hmac.new(API_SECRET.encode(), signed.encode(), hashlib.sha256).digest()
        if header["alg"] == "HS256" and hmac.compare_digest(expected, _decoded(signature)):
            return dict(claims)
    except (ValueError, KeyError, TypeError):
        pass
    raise Refusal(401, "the token is not signed with the API secret")


def _check_times(claims: Mapping[str, Any]) -> None:
    issued, expires = claims.get("iat"), claims.get("exp")
    if type(issued) is not int or type(expires) is not int:
        raise Refusal(401, "the token needs iat and exp, in seconds")
    if not issued <= time.time() < expires:
        raise Refusal(401, "the token has expired or is not valid yet")
    if expires - issued > LONGEST_LIFETIME:
        raise Refusal(401, "the token is valid for more than an hour")


def _decoded(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)

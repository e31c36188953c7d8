"""Running scrolls: results that are handed out page by page under a token that changes with every page."""

import base64
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from sandbox.cloud4wi.errors import Refusal, invalid
from sandbox.cloud4wi.feed import Feed
from sandbox.cloud4wi.parameters import ContactParameters, Parameters
from sandbox.cloud4wi.streamed import StreamedFeed

KEY_LENGTH = 32


@dataclass
class Scroll:
    """A result frozen at the first request, how much of it was handed out, and the only valid token.

    `positions` are those of events in the feed, or the ids of contacts.
    """

    organization: str
    parameters: Parameters | ContactParameters
    feed: Feed | StreamedFeed
    positions: Sequence[Any]
    served: int = 0
    token: str = ""
    used: float = 0.0

    @property
    def exhausted(self) -> bool:
        return self.served >= len(self.positions)

    def take(self, size: int) -> Sequence[Any]:
        page = self.positions[self.served : self.served + size]
        self.served += len(page)
        return page


class Scrolls:
    """The running scrolls by the key with which all of their tokens begin, the longest unused one first."""

    def __init__(self) -> None:
        self._scrolls: dict[str, Scroll] = {}

    def renew(self, scroll: Scroll) -> str:
        """Give the scroll its next token; the one before is superseded from now on."""
        key = _key(scroll.token) or secrets.token_hex(KEY_LENGTH // 2)
        scroll.token = key + base64.urlsafe_b64encode(secrets.token_bytes(40)).decode()
        self.touch(scroll)
        return scroll.token

    def touch(self, scroll: Scroll) -> None:
        scroll.used = time.monotonic()
        self._scrolls.pop(_key(scroll.token), None)
        self._scrolls[_key(scroll.token)] = scroll

    def find(self, token: str, lifetime: float, expired_status: int) -> Scroll:
        self._forget_expired(lifetime)
        scroll = self._scrolls.get(_key(token))
        if scroll is None:
            raise Refusal(expired_status, "the scroll is unknown or has expired")
        if scroll.token != token:
            raise invalid("the scrollId has been superseded by a newer one")
        return scroll

    def end(self, token: str) -> None:
        self._scrolls.pop(_key(token), None)

    def end_all(self) -> None:
        self._scrolls.clear()

    def _forget_expired(self, lifetime: float) -> None:
        oldest = time.monotonic() - lifetime
        expired = takewhile(lambda item: item[1].used < oldest, self._scrolls.items())
        for key, _ in list(expired):
            del self._scrolls[key]


def _key(token: str) -> str:
    return token[:KEY_LENGTH]

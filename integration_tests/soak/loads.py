"""What is endured: an account of each provider, its streams, and how small its pages are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from integration_tests import app_market, carecloud, cloud4wi, swipe_one
from integration_tests.connector import Json
from integration_tests.soak.endurance import Expected, Numbered, Told, disturb
from sandbox.cloud4wi.streamed import number_of
from sandbox.process import Control, Sandbox

START, END = "2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z"
TOKEN_LIFETIME = 5
"""Seconds."""


@dataclass(frozen=True)
class Load:
    """`behaviour` are the sandbox's switches; of the requests to `paths` one in `share` is disturbed, by each
    kind of fault `times` times, or always.
    """

    provider: str
    streams: tuple[str, ...]
    events: int
    contacts: int
    config: Callable[..., Json]
    behaviour: Mapping[str, Any]
    paths: str
    share: int
    times: int | None
    streamed: bool = False

    @contextmanager
    def served(self) -> Iterator[tuple[Json, Mapping[str, Expected], Control]]:
        """The configuration to read it with, what must come, and the control of the sandbox."""
        size = {"streamed": self.events} if self.streamed else {"events": self.events, "no_example": True}
        with Sandbox(**size, contacts=self.contacts, start=START, end=END) as sandbox:
            control = sandbox.control
            control.behaviour(self.provider, **self.behaviour)
            expected = {stream: self._expected(control) for stream in self.streams}
            disturb(control, self.paths, self.share, self.times)
            yield self.config(sandbox, start_date=START, end_date=END), expected, control

    def _expected(self, control: Control) -> Expected:
        if self.streamed:
            return Numbered(self.events, number_of)
        return Told(control.event_ids(self.provider), CONTENTS.get(self.provider, id_of))


def id_of(record: Json) -> str:
    name: str = record["id"]
    return name


def content_of(record: Json) -> str:
    """Swipe One's events have no ids."""
    [content] = swipe_one.contents([record])
    return content


CONTENTS: Mapping[str, Callable[[Json], str]] = {"swipe_one": content_of}


def loads(*, scale: float, others: float, share: int, times: int | None = None) -> list[Load]:
    """All four; at a scale of 1, two million events of Cloud4Wi, and some ten thousand of each of the others."""
    return [
        Load(
            "cloud4wi",
            ("org_events",),
            int(2_000_000 * scale),
            1000,
            lambda sandbox, **fields: cloud4wi.config(sandbox.url, **fields),
            {"page_cap": 500 if scale == 1 else 100, "token_lifetime_seconds": TOKEN_LIFETIME},
            "/events$",
            share,
            times,
            streamed=True,
        ),
        Load(
            "swipe_one",
            ("contact_events",),
            int(60_000 * others),
            int(1500 * others),
            swipe_one.config,
            {"limit_cap": 20},
            "/events$",
            share,
            times,
        ),
        Load(
            "app_market",
            ("org_events", "contact_events"),
            int(20_000 * others),
            int(200 * others),
            lambda sandbox, **fields: app_market.config(sandbox.url, **fields),
            {"limit_cap": 20},
            "/events/get$",
            share,
            times,
        ),
        Load(
            "carecloud",
            ("org_events", "contact_events"),
            int(60_000 * others),
            int(1500 * others),
            lambda sandbox, **fields: carecloud.config(sandbox.url, **fields),
            {"count_cap": 40, "token_lifetime_seconds": TOKEN_LIFETIME},
            "/events$",
            share,
            times,
        ),
    ]

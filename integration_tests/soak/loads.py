"""What is endured: an account of each provider, its streams, and how small its pages are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from integration_tests.cases import Account
from integration_tests.connector import Json
from integration_tests.soak.endurance import Expected, Numbered, Told, disturb
from sandbox.cloud4wi.streamed import number_of
from sandbox.process import Control, Sandbox
from unit_tests.registered import of_each

START, END = "2024-01-01T00:00:00Z", "2024-12-31T23:59:59Z"


@dataclass(frozen=True)
class Load:
    """Of the requests for an account one in `share` is disturbed, by each kind of fault `times` times, or always."""

    provider: str
    account: Account
    share: int
    times: int | None

    @contextmanager
    def served(self) -> Iterator[tuple[Json, Mapping[str, Expected], Control]]:
        """The configuration to read it with, what must come, and the control of the sandbox."""
        account = self.account
        size = {"streamed": account.events} if account.streamed else {"events": account.events, "no_example": True}
        with Sandbox(**size, contacts=account.contacts, start=START, end=END) as sandbox:
            control = sandbox.control
            control.behaviour(self.provider, **account.behaviour)
            expected = {stream: self._expected(control) for stream in account.streams}
            disturb(control, account.paths, self.share, self.times)
            yield account.config(sandbox, start_date=START, end_date=END), expected, control

    def _expected(self, control: Control) -> Expected:
        if self.account.streamed:
            return Numbered(self.account.events, number_of)
        return Told(control.event_ids(self.provider), self.account.content)


def loads(*, scale: float, others: float, share: int, times: int | None = None) -> list[Load]:
    """All systems; at a scale of 1, two million events of Cloud4Wi, and some ten thousand of each of the others."""
    accounts = of_each("integration_tests.NAME", "account")
    return [Load(name, account(scale, others), share, times) for name, account in accounts.items()]

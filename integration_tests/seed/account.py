"""An account that events can be posted to, and how the systems' accounts are found."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import requests

from integration_tests.seed.plan import InvalidPlan, Plan, SeedEvent

TIMEOUT = 30


class Refused(Exception):
    """The API does not take an event; the message says what it answered and what to mend."""


class Account(ABC):
    """One system's account. `stream` is where its events are read back, `remedies` says what to do by status."""

    stream: str
    remedies: Mapping[int, str]

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.provider: Mapping[str, Any] = plan.config["provider"]

    @abstractmethod
    def post(self, event: SeedEvent) -> bool:
        """Post an event; false if the API says that it has it already.

        :raises Refused: if the API does not take it
        """

    @abstractmethod
    def key_of(self, record: Mapping[str, Any]) -> str | None:
        """The key of a record that was seeded."""

    @abstractmethod
    def content_of(self, record: Mapping[str, Any]) -> Any:
        """What has become of the content, for comparison with that of the event."""

    def send(self, path: str, body: Any, headers: Mapping[str, str]) -> requests.Response:
        """
        :raises Refused: if the API cannot be reached
        """
        try:
            return requests.post(
                self.provider["api_url"] + path, json=body, headers=headers, timeout=TIMEOUT, allow_redirects=False
            )
        except requests.RequestException as error:
            raise Refused(f"The API cannot be reached ({type(error).__name__}). Check `provider.api_url`.") from None

    def refusal(self, response: requests.Response) -> Refused:
        words = " ".join(response.text.split())[:300]
        remedy = self.remedies.get(response.status_code, "Try again later.")
        return Refused(f"The API answered {response.status_code} {response.reason}: {words} {remedy}")


def account_of(plan: Plan) -> Account:
    """
    :raises InvalidPlan: if the system has no call that creates events
    """
    name = plan.config["provider"]["provider_type"]
    module = f"integration_tests.seed.providers.{name}"
    if find_spec(module) is None:
        raise InvalidPlan(f"No call that creates events is known of {name}: seed its events by using it.")
    account: Account = import_module(module).create(plan)
    return account

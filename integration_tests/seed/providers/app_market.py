"""App Market: `postEvent` is documented with a type and a content; that it takes a contact is an assumption."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration_tests.seed.account import Account
from integration_tests.seed.plan import Plan, SeedEvent
from source_events.providers.app_market.components import InstanceAuthenticator

KEY = "seed_key"


def create(plan: Plan) -> Account:
    return Instance(plan)


class Instance(Account):
    stream = "org_events"
    remedies = {  # noqa: RUF012
        400: "Check the event's `type`, `contact` and `content`.",
        401: "Check `provider.api_secret`, `provider.instance_id` and `provider.instance_claim`.",
        403: "Check `provider.api_secret`, `provider.instance_id` and `provider.instance_claim`.",
        404: "Check `provider.api_url` and `provider.events_path`, in whose place `/events/post` is posted to.",
    }

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._authenticator = InstanceAuthenticator(plan.config, {})

    def post(self, event: SeedEvent) -> bool:
        body: dict[str, Any] = {"event_type": event.type, "content": {**event.content, KEY: event.key}}
        if event.contact is not None:
            body["contact_id"] = event.contact
        folder = self.provider["events_path"].rpartition("/")[0]
        response = self.send(f"{folder}/post", body, {"instance-jwt": self._authenticator.token})
        if not response.ok:
            raise self.refusal(response)
        return True

    def key_of(self, record: Mapping[str, Any]) -> str | None:
        content = record.get("content")
        key: str | None = content.get(KEY) if isinstance(content, Mapping) else None
        return key

    def content_of(self, record: Mapping[str, Any]) -> Any:
        return {name: value for name, value in record["content"].items() if name != KEY}

"""Swipe One: an event is accepted with 202 and can be read some time later. Its type must be defined before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from integration_tests.seed.account import Account
from integration_tests.seed.plan import Plan, SeedEvent

KEY = "seed_key"


def create(plan: Plan) -> Account:
    return Workspace(plan)


class Workspace(Account):
    stream = "contact_events"
    remedies = {  # noqa: RUF012
        400: "Check the event's `contact`, and that its `type` is defined in the workspace.",
        401: "Check `write_key`, or `provider.api_key` if there is none.",
        403: "The key must belong to the workspace `provider.workspace_id` and be allowed to write.",
        404: "Check `provider.workspace_id`.",
    }

    def post(self, event: SeedEvent) -> bool:
        body = {
            "contact": {"id": event.contact},
            "type": event.type,
            "properties": {**event.content, KEY: event.key},
        }
        headers = {"x-api-key": self.plan.write_key or self.provider["api_key"]}
        response = self.send(f"/workspaces/{self.provider['workspace_id']}/events", body, headers)
        if response.status_code != 202:
            raise self.refusal(response)
        return True

    def key_of(self, record: Mapping[str, Any]) -> str | None:
        key: str | None = (record.get("properties") or {}).get(KEY)
        return key

    def content_of(self, record: Mapping[str, Any]) -> Any:
        return {name: value for name, value in record["properties"].items() if name != KEY}

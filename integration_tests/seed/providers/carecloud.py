"""CareCloud: an event has an `external_id`, and the API refuses a second one with the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets

from integration_tests.seed.account import Account, Refused
from integration_tests.seed.plan import Plan, SeedEvent
from source_events.providers.carecloud.components import HourlyAuthenticator


def create(plan: Plan) -> Account:
    return Project(plan)


class Project(Account):
    stream = "org_events"
    remedies = {  # noqa: RUF012
        400: "Check the event's `type` (an `event_type_id`), `contact` (a `customer_id`) and `property_records`.",
        401: "Check `provider.credentials`.",
        403: "The user must be in the user group webservice and have the right to create events.",
        404: "Check `provider.api_url`.",
    }

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._authorization: str | None = None

    def post(self, event: SeedEvent) -> bool:
        self._authorization = self._authorization or self._authorize()
        fields = {
            "event_type_id": event.type,
            "customer_id": event.contact,
            "external_id": event.key,
            "data": json.dumps(event.content),
        }
        body = {"event": fields, "property_records": list(event.property_records)}
        response = self.send("/events", body, {"Authorization": self._authorization})
        if response.status_code == 400 and "relation_already_exists" in response.text:
            return False
        if response.status_code != 201:
            raise self.refusal(response)
        return True

    def _authorize(self) -> str:
        credentials = self.provider["credentials"]
        if credentials["auth_type"] == "basic":
            return HourlyAuthenticator(self.plan.config, {}, 401).token
        body = {
            "user_external_application_id": credentials["external_application_id"],
            "login": credentials["login"],
            "password": credentials["password"],
        }
        response = self.send("/users/actions/login", body, {})
        if not response.ok:
            raise Refused(f"{self.refusal(response)} The user cannot log in.")
        token: str = response.json()["data"]["bearer_token"]
        add_to_secrets(token)
        return f"Bearer {token}"

    def key_of(self, record: Mapping[str, Any]) -> str | None:
        key: str | None = record.get("external_id")
        return key

    def content_of(self, record: Mapping[str, Any]) -> Any:
        return json.loads(record["data"])

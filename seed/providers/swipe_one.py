"""Swipe One: `POST /workspaces/{workspaceId}/events`, which accepts an event now and shows it later."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any, ClassVar
from urllib.parse import quote

from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets

from seed import account
from seed.account import Json
from seed.events import Event, Settings, contacts_of
from source_events.providers.swipe_one.answers import EventDecoder

READ_ADVICE = {
    401: "Check `provider.api_key`.",
    403: "Check that `provider.api_key` belongs to the workspace of `provider.workspace_id`.",
    404: "Check `seed.contact_ids`, or the event's `contact_id`: Swipe One does not know the contact.",
}


class SwipeOneSettings(Settings):
    """`api_key` is the key that may write, where it is not the one that reads."""

    api_key: str | None = None


class Account(account.Account):
    settings_form = SwipeOneSettings
    optional_fields = frozenset({"created_by"})
    advice: ClassVar[Mapping[int, str]] = {
        400: "Check that the type is defined in the workspace (`seed.event_types`), that the contact exists "
        "(`seed.contact_ids`), and that the content fits the definition of the type.",
        401: "Check the key that writes: `seed.api_key`, or else `provider.api_key`.",
        403: "The key that writes (`seed.api_key`, or else `provider.api_key`) must belong to the workspace of "
        "`provider.workspace_id` and be allowed to write.",
        404: "Check `provider.workspace_id`, and `provider.api_url` if you changed it.",
    }

    def __init__(self, config: Json, settings: SwipeOneSettings) -> None:
        super().__init__(config, settings)
        key = settings.api_key or self.provider["api_key"]
        add_to_secrets(key)
        self._writer = self.authenticator({**config, "provider": {**self.provider, "api_key": key}})

    def post(self, event: Event) -> bool:
        body: Json = {"contact": {"id": event.contact_id}, "type": event.type, "properties": event.marked_content}
        if event.created_by is not None:
            body["createdBy"] = event.created_by
        url = f"{self.provider['api_url']}/workspaces/{self.provider['workspace_id']}/events"
        self.check_accepted(self.create(url, body, self._writer))
        return True

    def listed(self, events: Sequence[Event]) -> Iterator[Json]:
        for contact in contacts_of(events):
            yield from self._events(contact)

    def _events(self, contact: str) -> Iterator[Json]:
        """All events of a contact, newest first: the API cannot filter them."""
        url = f"{self.provider['api_url']}/contacts/{quote(contact, safe='')}/events"
        decoder, before = EventDecoder(self.config, None, "data.events"), None
        for page in count(1):
            rows = self.rows(url, {"page": page, "limit": 100}, decoder, READ_ADVICE)
            # A server may answer the last page for every number beyond it.
            if not rows or rows == before:
                return
            yield from rows
            before = rows

    def content_of(self, record: Json) -> Any:
        return record.get("properties")

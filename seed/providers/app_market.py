"""App Market: `POST /events/post` with an `event_type` and a `content`; no more is documented."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from seed import account
from seed.account import Json
from seed.events import Event, SeedFailed, Settings
from source_events.providers.app_market.answers import EventDecoder

DAY = 86_400
PAGE_SIZE = 100
CREDENTIALS = (
    "Check `provider.api_secret` (the API secret, not the render secret), `provider.instance_id`, "
    "`provider.instance_claim`, and this machine's clock."
)
READ_ADVICE = {401: CREDENTIALS, 403: CREDENTIALS, 404: "Check `provider.api_url` and `provider.events_path`."}


class AppMarketSettings(Settings):
    """`events_path` is where events are posted, behind the API address."""

    events_path: str = "/events/post"


class Account(account.Account):
    settings: AppMarketSettings
    settings_form = AppMarketSettings
    needs_contact = False
    advice: ClassVar[Mapping[int, str]] = {
        400: "Check the type (`seed.event_types`). If the API takes no contact, leave out `seed.contact_ids` and every "
        "`contact_id`: that an event may name one is not documented.",
        401: CREDENTIALS,
        403: CREDENTIALS,
        404: "Check `provider.api_url` and `seed.events_path`.",
    }

    def post(self, event: Event) -> bool:
        body: Json = {"event_type": event.type, "content": event.marked_content}
        if event.contact_id:
            body["contact_id"] = event.contact_id
        self.check_accepted(self.create(self.provider["api_url"] + self.settings.events_path, body))
        return True

    def listed(self, events: Sequence[Event]) -> Iterator[Json]:
        """All events of their types, whenever they were created."""
        types = sorted({event.type for event in events})
        unit = 1000 if self.provider["timestamp_unit"] == "milliseconds" else 1
        selection: dict[str, str | int] = {
            "since": 0,
            "until": (int(time.time()) + DAY) * unit,
            "contactId": "",
            "scope": self.provider["scope"],
            # A type with a comma in its name cannot be asked for.
            "eventTypes": "" if any("," in name for name in types) else ",".join(types),
            "limit": PAGE_SIZE,
        }
        url, decoder = self.provider["api_url"] + self.provider["events_path"], EventDecoder(self.config, ())
        offset, before = 0, None
        while rows := self.rows(url, {**selection, "offset": offset}, decoder, READ_ADVICE):
            if rows == before:
                if len(rows) < PAGE_SIZE:
                    return
                raise SeedFailed("The API ignores `offset`, so that what is there already cannot be told.")
            yield from rows
            offset, before = offset + len(rows), rows

    def content_of(self, record: Json) -> Any:
        return record.get("content") or record.get("properties")

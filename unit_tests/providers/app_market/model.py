"""A small model of App Market's API."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from unit_tests.exchange import Request, Response
from unit_tests.models import Event, Model, answered


@dataclass
class AppMarket(Model):
    """Nothing is documented: no event has an id here, and the bounds may be either.

    `looks_deaf`: it has answered another offset with the same rows, as an API does that ignores the offset, and nothing
    tells that these are other events: it announces no total, or there is one row on a page.
    """

    looks_deaf = False
    _served: dict[Any, str] = field(default_factory=dict)

    @property
    def provider(self) -> dict[str, Any]:
        return {"provider_type": "app_market", "instance_id": "i", "api_secret": "a-fake-secret-that-is-long-enough"}

    def expected(self, event: Event) -> Any:
        return event.contact, self._time(event)[:26] + "Z", event.content

    def answer(self, made: Request) -> Response:
        query = dict(made.query)
        found = [
            (number, event)
            for number, event in enumerate(self.events)
            if number not in self.deleted
            if self.within(event.moment.timestamp() * 1000, int(query["since"]), int(query["until"]))
        ]
        rows = [self._item(event) for _, event in self.page(self.ordered(found), int(query["offset"]))]
        self._notice(made, rows)
        return answered({"total": len(found), "events": rows} if self.habits.totals else rows)

    def _notice(self, made: Request, rows: list[Any]) -> None:
        page = (made.without("offset"), json.dumps(rows))
        offset = self._served.setdefault(page, dict(made.query)["offset"])
        if rows and offset != dict(made.query)["offset"] and (not self.habits.totals or len(rows) == 1):
            self.looks_deaf = True

    @staticmethod
    def _time(event: Event) -> str:
        return event.moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "0"

    def _item(self, event: Event) -> dict[str, Any]:
        return {
            "event_type": "t",
            "created_on": self._time(event),
            "contact_id": event.contact,
            "content": {"n": event.content},
        }


MODELS = [AppMarket]

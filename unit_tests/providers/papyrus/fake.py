from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from unit_tests.conformance import fake
from unit_tests.conformance.fake import NATIVE, Event, json_of, moment_of
from unit_tests.exchange import Request, Response


class Fake(fake.Fake):
    """The end of the filter is exclusive; a link leads to the next page."""

    provider = {"provider_type": "papyrus", "account_id": "acme", "api_key": "a-fake-key"}  # noqa: RUF012

    @property
    def lists(self) -> Mapping[str, Sequence[str]]:  # type: ignore[override]
        return {"contacts": self.contacts}

    def answer(self, made: Request) -> Response:
        query, path = dict(made.query), made.url.partition("/v1/")[2].split("/")
        if path == ["profiles"]:
            return self._linked(made, self.contacts, lambda each: {**NATIVE, "id": each})
        start, end = query["filter"].removeprefix("and(greater-or-equal(datetime,").split("),less-than(datetime,")
        first, behind = moment_of(start), moment_of(end.removesuffix("))"))
        events = self.of_contact(path[1]) if path[0] == "profiles" else self.events
        found = [event for event in events if first <= event.time < behind]
        return self._linked(made, found, self._row)

    def _linked(self, made: Request, found: Sequence[Any], row: Callable[[Any], Any]) -> Response:
        query = dict(made.query)
        offset = int(query.get("page[cursor]", "0"))
        rows = self.page(found, offset)
        following = offset + len(rows)
        link = f"{made.url}?{urlencode({**query, 'page[cursor]': following})}" if following < len(found) else None
        types = sorted({each.type for each in rows if isinstance(each, Event)})
        metrics = [{"type": "metric", "id": f"m-{each}", "attributes": {"name": each}} for each in types]
        return json_of({"data": [row(each) for each in rows], "links": {"next": link}, "included": metrics})

    @staticmethod
    def _row(event: Event) -> dict[str, Any]:
        return {
            **event.fields,
            "type": "event",
            "id": event.id,
            "attributes": {"datetime": event.time.isoformat()},
            "relationships": {
                "metric": {"data": {"type": "metric", "id": f"m-{event.type}"}},
                "profile": {"data": {"type": "profile", "id": event.contact}},
            },
        }

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from unit_tests.conformance import fake
from unit_tests.conformance.fake import Event, json_of, moment_of
from unit_tests.exchange import Request, Response


class Fake(fake.Fake):
    """The end of the filter is exclusive; a link leads to the next page."""

    provider = {"provider_type": "papyrus", "account_id": "acme", "api_key": "a-fake-key"}  # noqa: RUF012

    def answer(self, made: Request) -> Response:
        query, path = dict(made.query), made.url.partition("/v1/")[2].split("/")
        start, end = query["filter"].removeprefix("and(greater-or-equal(datetime,").split("),less-than(datetime,")
        first, behind = moment_of(start), moment_of(end.removesuffix("))"))
        events = self.of_contact(path[1]) if path[0] == "profiles" else self.events
        found = [event for event in events if first <= event.time < behind]
        offset = int(query.get("page[cursor]", "0"))
        rows = self.page(found, offset)
        following = offset + len(rows)
        link = f"{made.url}?{urlencode({**query, 'page[cursor]': following})}" if following < len(found) else None
        metrics = [{"type": "metric", "id": f"m-{each}", "attributes": {"name": each}} for each in self._types(rows)]
        return json_of({"data": [self._row(each) for each in rows], "links": {"next": link}, "included": metrics})

    @staticmethod
    def _types(rows: Any) -> list[str]:
        return sorted({event.type for event in rows})

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

"""Reading App Market's answers page by page, without a network."""

from __future__ import annotations

from typing import Any

from airbyte_cdk.sources.types import Config

from source_events.components.decoder import Decoder
from source_events.components.reader import PageReader
from source_events.components.windows import Slice
from source_events.providers.app_market.answers import ContactDecoder, EventDecoder
from source_events.providers.app_market.paging import InstancePaging
from source_events.providers.app_market.selection import ContactSelection, InstanceSelection
from source_events.records.page import Page
from source_events.runtime import Runtime
from unit_tests.parts import Endpoint, completed, records
from unit_tests.schemas import names_in

SECRET = "an-example-secret-of-more-than-32-bytes"


def configuration(**provider: Any) -> Config:
    defaults = {"instance_id": "007", "api_secret": SECRET, "instance_claim": "instanceId", "time_zone": "UTC"}
    return completed({**defaults, **provider}, end_date="2024-01-31T00:00:00Z")


def events(**provider: Any) -> EventDecoder:
    return EventDecoder(configuration(**provider), names_in("app_market", "events"))


def contacts(**provider: Any) -> ContactDecoder:
    return ContactDecoder(configuration(**provider), names_in("app_market", "contacts"))


def window(contact: str | None = None) -> Slice:
    return Slice("2024-01-01T00:00:00Z", "2024-01-30T23:59:59Z", contact)


def event(event_id: Any = None, **fields: Any) -> dict[str, Any]:
    named = {} if event_id is None else {"id": event_id}
    return {**named, "event_type": "new_order", "created_on": "2024-01-05T00:00:00", "content": {"n": 1}, **fields}


class Reading:
    """The pages of one slice: of the instance's events, of a contact's, or of the list of contacts."""

    def __init__(self, *, contact: str | None = None, listed: bool = False, **provider: Any) -> None:
        config = configuration(**provider)
        self.runtime = Runtime(1)
        self.stream = self.runtime.stream("org_events")
        self._decoder: Decoder = contacts(**provider) if listed else events(**provider)
        selection = ContactSelection if listed else InstanceSelection
        self._parts = selection(config, self.stream), InstancePaging(self.runtime, 100)
        self._slice = window(contact)
        self.offsets: list[int] = []
        self.records: list[dict[str, Any]] = []

    def pages(self, *answers: Any) -> Reading:
        """Read on as long as there is a next page; all answers must be asked for, and no more."""
        endpoint = Endpoint(self._decoder, answers, self.runtime.memory)
        reader = PageReader(self.stream, endpoint, *self._parts)  # type: ignore[arg-type]
        try:
            self.records = records(reader.read(self._slice))
        finally:
            assert self.runtime.memory.used == 0
            self.offsets = [asked["offset"] for asked in endpoint.asked]
        assert len(endpoint.asked) == len(answers), "the paging has ended before"
        return self

    def read(self, *answers: Any) -> list[Page]:
        """The pages themselves, which nobody releases."""
        endpoint = Endpoint(self._decoder, answers, self.runtime.memory)
        return list(PageReader(self.stream, endpoint, *self._parts).read(self._slice))  # type: ignore[arg-type]

    @property
    def ids(self) -> list[str]:
        return [record["id"] for record in self.records]

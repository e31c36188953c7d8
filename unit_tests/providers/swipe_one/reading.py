"""A contact of Swipe One whose events may move while they are read, without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from source_events.components.mapped import MappedEntityDecoder
from source_events.components.paging import NumberPaging, PageParameters
from source_events.components.selection import EventSelection
from source_events.components.windows import Slice
from source_events.providers.swipe_one.answers import EventDecoder
from source_events.providers.swipe_one.reader import EventReader
from source_events.runtime import Runtime, StreamCounts
from unit_tests.decoders import decoder_of
from unit_tests.parts import Endpoint, completed, records

Json = dict[str, Any]
CONFIG: Json = completed({"provider_type": "swipe_one", "workspace_id": "w1", "api_key": "1e5"})


def events() -> EventDecoder:
    decoder: EventDecoder = decoder_of("swipe_one", "contact_events", CONFIG, "contact_events")
    return decoder


def contacts() -> MappedEntityDecoder:
    decoder: MappedEntityDecoder = decoder_of("swipe_one", "contact_list", CONFIG, "contacts")
    return decoder


class Pages(Endpoint):
    """Answers like the API: `events` newest first, of which `before_page` may change some in the middle of paging."""

    def __init__(
        self, events_: list[Json], length: int = 2, before_page: Callable[[list[Json], int], None] | None = None
    ) -> None:
        super().__init__(events())
        self.events, self.length, self.before_page = events_, length, before_page
        self.count: Callable[[list[Json]], int | None] = len
        self.counts: StreamCounts | None = None

    @property
    def numbers(self) -> list[int]:
        return [asked["page"] for asked in self.asked]

    def answer(self, part: Slice, page: PageParameters) -> Any:
        if self.before_page:
            self.before_page(self.events, len(self.asked))
        return self.page(int(page["page"]))

    def page(self, number: int) -> Json:
        rows = self.events[(number - 1) * self.length : number * self.length]
        return {"status": "success", "data": {"events": rows, "count": self.count(self.events), "page": number}}


def event(number: int, time: str = "2024-07-01T10:25:17.183Z", **fields: Any) -> Json:
    return {"type": "email_opened", "timestamp": time, "properties": {"number": number}, **fields}


def read(pages: Endpoint, start: str = "2024-01-01T00:00:00Z", **config: Any) -> list[Json]:
    runtime = Runtime(1)
    pages.memory = runtime.memory
    stream = runtime.stream("contact_events")
    if isinstance(pages, Pages):
        pages.counts = stream.counts
    selection = EventSelection({**CONFIG, **config}, stream)
    reader = EventReader(runtime, stream, pages, NumberPaging(), selection)  # type: ignore[arg-type]
    try:
        return records(reader.read(Slice(start, CONFIG["end_date"], "c1")))
    finally:
        assert runtime.memory.used == 0


def numbers(found: list[Json]) -> list[int]:
    return sorted(record["properties"]["number"] for record in found)


def ids(found: list[Json]) -> set[str]:
    names = {record["id"] for record in found}
    assert len(names) == len(found)
    return names

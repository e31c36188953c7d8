"""What the documentation leaves open about Swipe One, as switches."""

from dataclasses import dataclass
from typing import Literal

from sandbox import behaviour


@dataclass(frozen=True)
class Behaviour(behaviour.Behaviour):
    """The defaults are the documented or most awkward plausible behaviour.

    time_field: the documentation has `timestamp`, answers seen by others have `createdAt` and no `timestamp`.
    count: the total that an events page announces.
    limit_cap: answer with fewer rows a page than `limit`, without saying so.
    last_activity: whether a contact's `lastActivityDate` moves with the events that are added, which is not documented;
        or "absent", if contacts do not have it.
    last_token: the last page of contacts still carries a `searchAfter`, which leads to an empty page.
    native_ids: events name their contact and workspace, which the documented ones do not.
    drift: so many new events come in for a contact after each page of its events.
    repeat_page: answer every page of events with the first one.
    visibility_delay_seconds: how long after the 202 an event can be read; not documented.
    status: "fail" answers every read request with 200 and no data.
    """

    time_field: Literal["timestamp", "createdAt"] = "timestamp"
    count: Literal["exact", "zero", "plus_one"] = "exact"
    limit_cap: int | None = None
    last_activity: Literal["moves", "stays", "absent"] = "moves"
    last_token: bool = True
    native_ids: bool = False
    drift: int = 0
    repeat_page: bool = False
    visibility_delay_seconds: float = 0.3
    status: Literal["success", "fail"] = "success"

"""What the documentation leaves open or gets wrong about Cloud4Wi, as switches."""

from dataclasses import dataclass
from typing import Literal

from sandbox import behaviour


@dataclass(frozen=True)
class Behaviour(behaviour.Behaviour):
    """The defaults are the documented or most awkward plausible behaviour, but for `count`: a lie is asked for.

    single_session: whether a login ends the sessions of earlier ones; not documented.
    token_lifetime_seconds: documented as one day.
    scroll_lifetime_seconds: two minutes in the older API; not documented for events.
    expired_scroll_status: not documented.
    scroll_end: how a scroll says that it is over; not documented. "empty_page" still carries a scrollId, the others
        drop or empty it on the page with the last rows.
    repeat_scroll_id: answer every page of a scroll with the first page and its own scrollId.
    keep_scroll_id: the scrollId stays the same on all pages of a scroll, while the scroll moves on; not documented.
    contact_list: what the list is called in an answer with contacts; not documented.
    page_cap: answer with fewer rows a page than `size`, without saying so; the organisation's feed and its contacts.
    shuffle: order within a page differs from the sort order, as in the published example.
    count: what an answer announces. "exact" is the number of events, of a scroll that of the whole result; the
        published example announces one more than it has ("plus_one"). "page" is the number in this very answer.
    shape: the published example wraps type and id in `event`; the declared schema has them in the item ("flat").
    pretty: indented JSON, as published.
    ignore_dates: take no notice of dateStart and dateEnd.
    status: "KO" answers every event request with 200 and no events.
    gzip: compress answers for clients that accept it.
    """

    single_session: bool = False
    token_lifetime_seconds: float = 86400
    scroll_lifetime_seconds: float = 120
    expired_scroll_status: int = 404
    scroll_end: Literal["empty_page", "no_scroll_id", "empty_scroll_id", "null_scroll_id"] = "empty_page"
    repeat_scroll_id: bool = False
    keep_scroll_id: bool = False
    contact_list: str = "customers"
    page_cap: int | None = None
    shuffle: bool = True
    count: Literal["exact", "plus_one", "page", "zero", "absent"] = "exact"
    shape: Literal["wrapped", "flat", "mixed"] = "wrapped"
    pretty: bool = False
    ignore_dates: bool = False
    status: Literal["OK", "KO"] = "OK"
    gzip: bool = False

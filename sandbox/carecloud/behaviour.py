"""What the documentation leaves open about CareCloud, or what differs between installations, as switches."""

from dataclasses import dataclass
from typing import Literal

from sandbox import behaviour


@dataclass(frozen=True)
class Behaviour(behaviour.Behaviour):
    """The defaults are the documented or most awkward plausible behaviour.

    single_session: whether a login ends the sessions of earlier ones; not documented.
    token_lifetime_seconds: documented as seven hours, configurable for each project.
    login_status: both are documented for a login that succeeds.
    login_refusal: not documented; 401 is missing in the login's list of answers.
    old_installation: take no notice of time_from and time_to, as before August 2024.
    property_records: "included" on request; older ones ignore the flag: "null" or "missing".
    total_items: lies unless it is "exact".
    time_zone: of the project; no answer tells it.
    time_filter: "local" compares texts on the project's clock, "instant" the moments behind them.
    exclusive_bounds: whether an event at exactly time_from or time_to is left out; not documented.
    count_cap: answer with fewer rows than `count`, without saying so.
    ignore_offset: answer every request with the first page.
    ignore_sort: list customers in an order of their own, whatever is asked for.
    clock_offset_seconds: how far the server's clock is ahead, for the hourly password of basic authentication.
    """

    single_session: bool = False
    token_lifetime_seconds: float = 7 * 3600
    login_status: Literal[200, 201] = 201
    login_refusal: Literal[400, 401, 403, 404] = 401
    old_installation: bool = False
    property_records: Literal["included", "null", "missing"] = "included"
    total_items: Literal["exact", "plus_one", "zero", "absent"] = "exact"
    time_zone: str = "Europe/Prague"
    time_filter: Literal["local", "instant"] = "local"
    exclusive_bounds: bool = False
    count_cap: int | None = None
    ignore_offset: bool = False
    ignore_sort: bool = False
    clock_offset_seconds: float = 0

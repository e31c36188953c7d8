"""What a provider package gives to the sandbox, and how the sandbox finds it.

A provider is a sub-package whose module `api` has a function `create_provider(options)`. Nothing outside the
sub-package names it, so a further provider is added by adding a folder.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Protocol

from aiohttp import web

from sandbox.behaviour import Behaviour

ROWS = web.RequestKey("rows", int)
"""A provider notes here how many rows its answer carries; the request log shows the number."""


class InvalidControlRequest(ValueError):
    """A control request that cannot be carried out; the message says why."""


@dataclass(frozen=True)
class Options:
    """The data set to serve: as given on the command line. Providers that cannot stream ignore `streamed`."""

    events: int = 1000
    contacts: int = 50
    seed: int = 1
    start: str = "2024-01-01T00:00:00Z"
    end: str = "2024-03-01T00:00:00Z"
    example: bool = True
    streamed: int = 0


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    summary: str


@dataclass(frozen=True)
class Description:
    """What the page at `/` says about a provider. `config` is a whole configuration for the connector; each of
    `examples` is a command that a shell takes as it is. `seed` is the block with which `python -m seed` posts events to
    it; none, where the API cannot create events.
    """

    title: str
    facts: Mapping[str, str]
    endpoints: Sequence[Endpoint]
    credentials: Mapping[str, str]
    config: Mapping[str, object]
    examples: Mapping[str, str] = field(default_factory=dict)
    seed: Mapping[str, object] = field(default_factory=dict)


class Provider(Protocol):
    """One provider's API together with the switches that tests turn."""

    @property
    def name(self) -> str:
        """The name in the control endpoints' paths."""

    @property
    def behaviour(self) -> Behaviour:
        """The switches as they are now."""

    def change_behaviour(self, changes: Mapping[str, Any]) -> None:
        """Turn some of the switches; `ValueError` for a wrong name or value."""

    def routes(self) -> Sequence[web.RouteDef]:
        """The API's routes, as absolute paths."""

    def describe(self, url: str) -> Description:
        """Describe what is served at this base URL."""

    def add_events(self, request: Mapping[str, Any]) -> int:
        """Add the given or generated events and return their number."""

    def delete_events(self, ids: Collection[str]) -> int:
        """Delete the events with these ids and return how many there were; running scrolls still have them."""

    def events_by_day(self) -> Mapping[date, int]:
        """The days on which there are events, by the API's clock, and how many; those without a time are left out."""

    def event_ids(self, contact: str | None) -> Sequence[str]:
        """The ids of all events, or of one contact's events."""

    def delete_contact(self, contact: str) -> bool:
        """Delete a contact; false if there is none."""

    def reset(self) -> None:
        """Back to the behaviour of the start, with no contact deleted; added events stay."""

    def expire(self, *, tokens: bool, scrolls: bool) -> None:
        """Let every access token or every scroll expire now."""

    def expire_for(self, request: web.Request, *, token: bool, scroll: bool) -> None:
        """Let the token or the scroll expire that this request carries."""


def load_providers(options: Options) -> list[Provider]:
    """Create every provider found in the sub-packages, in the order of their names."""
    import sandbox

    names = sorted(module.name for module in iter_modules(sandbox.__path__) if module.ispkg)
    return [_factory(name)(options) for name in names]


def descriptions(url: str) -> dict[str, Description]:
    """What the page of a sandbox at this address says of each provider, by its name."""
    return {provider.name: provider.describe(url) for provider in load_providers(Options(events=0))}


def _factory(name: str) -> Callable[[Options], Provider]:
    factory: Callable[[Options], Provider] = import_module(f"sandbox.{name}.api").create_provider
    return factory

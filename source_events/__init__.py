"""Customer events from Cloud4Wi, Swipe One, App Market and CRM CareCloud, as an Airbyte source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from source_events.source import SourceEvents

__version__ = "0.1.0"
__all__ = ["SourceEvents", "__version__"]


def __getattr__(name: str) -> Any:
    """Import the source only when it is asked for: `spec` must not wait for the CDK."""
    if name == "SourceEvents":
        from source_events.source import SourceEvents

        return SourceEvents
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

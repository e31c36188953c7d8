"""The connector's specification, put together from the common fields and each provider's branch, without the CDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from source_events import providers


def specification() -> dict[str, Any]:
    """The body of the protocol's `SPEC` message."""
    document = providers.load(Path(__file__).parent / "spec.yaml")
    branches = [providers.connection_specification(name) for name in providers.names()]
    document["connectionSpecification"]["properties"]["provider"]["oneOf"] = branches
    return document

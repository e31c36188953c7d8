"""All systems: their streams, and configurations of the connector for the sandbox."""

from __future__ import annotations

from typing import Any

from integration_tests import app_market, carecloud, cloud4wi, swipe_one
from integration_tests.connector import Json
from sandbox.process import Sandbox

STREAMS = {
    "cloud4wi": ("org_events", "contact_events"),
    "swipe_one": ("contact_events", "contacts"),
    "app_market": ("org_events", "contact_events", "contacts"),
    "carecloud": (
        "org_events",
        "contact_events",
        "property_records",
        "event_types",
        "event_groups",
        "event_properties",
    ),
}


def config(system: str, sandbox: Sandbox, **fields: Any) -> Json:
    if system == "swipe_one":
        return swipe_one.config(sandbox, **fields)
    module = {"cloud4wi": cloud4wi, "app_market": app_market, "carecloud": carecloud}[system]
    made: Json = module.config(sandbox.url, **fields)
    return made

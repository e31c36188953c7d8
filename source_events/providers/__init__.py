"""The registry: every folder here with a `manifest.yaml` is a provider, and nothing outside a folder knows its name.

A provider's folder holds `spec.yaml` (its branch of the connection form), `manifest.yaml` (its streams), `schemas/`,
and modules for what a manifest cannot say.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The provider types, in the order of the connection form."""
    folders = [path.parent.name for path in FOLDER.glob("*/manifest.yaml")]
    return sorted(folders, key=lambda name: (connection_specification(name).get("order", 0), name))


def connection_specification(name: str) -> dict[str, Any]:
    """A provider's branch of the connection form, a JSON schema."""
    return load(FOLDER / name / "spec.yaml")


def manifest(name: str) -> dict[str, Any]:
    """A provider's manifest, with the definitions that all providers share merged into its own."""
    own = load(FOLDER / name / "manifest.yaml")
    shared = load(FOLDER / "definitions.yaml")
    return {**own, "definitions": {**shared, **own.get("definitions", {})}}


def documented_types(name: str) -> list[str]:
    """The event types that a system documents, if it does; accounts may have others."""
    documented: list[str] = manifest(name)["definitions"].get("documented_types", [])
    return documented


def load(path: Path) -> dict[str, Any]:
    """A YAML document, read with libyaml where that is there: it is ten times as fast."""
    with path.open(encoding="utf-8") as file:
        document: dict[str, Any] = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return document

"""The registry: every folder here with a `manifest.yaml` is a provider, and nothing outside a folder knows its name.

A provider's folder holds `spec.yaml` (its branch of the connection form), `manifest.yaml` (its streams), `schemas/`,
and modules for what a manifest cannot say, on the interface in `kit.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

FOLDER = Path(__file__).parent
FRAMES = FOLDER / "definitions.yaml"


def names() -> list[str]:
    """The provider types, in the order of the connection form."""
    folders = [path.parent.name for path in FOLDER.glob("*/manifest.yaml")]
    return sorted(folders, key=lambda name: (connection_specification(name).get("order", 0), name))


def connection_specification(name: str) -> dict[str, Any]:
    """A provider's branch of the connection form, a JSON schema."""
    return load(FOLDER / name / "spec.yaml")


def manifest(name: str) -> dict[str, Any]:
    """A provider's manifest, complete and without references.

    :raises InvalidManifest: if it cannot be read, or says what nothing would look at
    """
    # Not for `spec`, which must not wait for the CDK.
    from source_events.components.templates import InvalidManifest
    from source_events.providers.composition import composed

    try:
        own = load(FOLDER / name / "manifest.yaml")
    except yaml.YAMLError as error:
        raise InvalidManifest(f"The manifest of {name} cannot be read: {' '.join(str(error).split())}.") from None
    return composed(own, load(FRAMES), FOLDER / name / "schemas")


def definition(provider: str, name: str) -> Any:
    """One definition of a provider's manifest, without references; `None` if it has none of this name."""
    from source_events.providers.composition import References, definitions

    found = definitions(load(FOLDER / provider / "manifest.yaml"), load(FRAMES))
    return References({"definitions": found}).resolved(found.get(name))


def documented_types(name: str) -> list[str]:
    """The event types that a system documents, if it does; accounts may have others."""
    documented: list[str] = definition(name, "documented_types") or []
    return documented


def account(config: Mapping[str, Any]) -> str:
    """Whose data a completed configuration reads: what stays, when only credentials or restrictions change.

    It is the manifest's `account`, or else the host of `api_url`.
    """
    from source_events.components.templates import Template

    provider = config["provider"]
    named = definition(provider["provider_type"], "account")
    whose = Template(named, config, {"config"}).render() if named else urlsplit(provider["api_url"]).hostname
    return f"{provider['provider_type']} {whose}"


def load(path: Path) -> dict[str, Any]:
    """A YAML document, read with libyaml where that is there: it is ten times as fast.

    :raises yaml.YAMLError: if it is none, or a field occurs twice in an object
    """
    with path.open(encoding="utf-8") as file:
        document: dict[str, Any] = yaml.load(file, Loader=_Loader)
    return document


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Of a field that occurs twice, others keep the last in silence."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = super().construct_mapping(node, deep)
        if len(mapping) != len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a field occurs twice in an object", node.start_mark)
        return mapping

"""What tests find of each provider in the registry, in a module of its own: no test has a list of the providers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from source_events import providers


def of_each(module: str, name: str) -> dict[str, Any]:
    """What a provider's module, as `unit_tests.providers.NAME.model`, has under this name.

    One that lacks it is left out: an error here would keep all tests from running. A test of its own names it.
    """
    return {provider: found for provider in providers.names() if (found := _of(provider, module, name)) is not None}


def left_out(module: str, name: str) -> list[str]:
    """The places, each as a file and a name in it, that providers lack."""
    missing = sorted(set(providers.names()) - of_each(module, name).keys())
    return [f"{_path(provider, module)}: {name}" for provider in missing]


def _of(provider: str, module: str, name: str) -> Any:
    if not _path(provider, module).is_file():
        return None
    return getattr(import_module(module.replace("NAME", provider)), name, None)


def _path(provider: str, module: str) -> Path:
    return Path(*module.replace("NAME", provider).split(".")).with_suffix(".py")

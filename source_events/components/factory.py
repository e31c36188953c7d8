"""Makes the components that a manifest names, and hands each what it needs."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, get_args, get_type_hints

from airbyte_cdk.sources.types import Config

from source_events.components.templates import InvalidManifest
from source_events.runtime import Runtime, StreamRun

OF_THE_CDK = frozenset(("type", "class_name", "$parameters"))
"""Fields of a component that say what it is, and are no arguments."""


@dataclass(frozen=True)
class Factory:
    """Makes the components of one stream.

    A component is an object of the manifest with a `class_name`, or one in the place of an argument that has a class.
    Its fields are the arguments of that class. `config`, `runtime`, `stream` and `known`, the top-level fields that the
    stream's schema names, are handed to all who ask for them.
    """

    config: Config
    runtime: Runtime
    stream: StreamRun
    known: Collection[str]

    def make(self, definition: Mapping[str, Any], default: type | None = None) -> Any:
        """
        :raises InvalidManifest: if there is no such class, or it does not take these fields
        """
        component = _class_of(definition, default)
        factory = self if getattr(component, "counts_rows", True) else replace(self, stream=self.stream.uncounted())
        types = get_type_hints(component.__init__ if isinstance(component, type) else component)  # type: ignore[misc]
        arguments = inspect.signature(component).parameters
        given = {name: value for name, value in definition.items() if name not in OF_THE_CDK}
        unknown = sorted(given.keys() - arguments.keys())
        if unknown:
            raise InvalidManifest(
                f"{component.__name__} has no field `{unknown[0]}`; it has {', '.join(arguments.keys() - SHARED)}."
            )
        made = {name: factory._argument(value, types.get(name)) for name, value in given.items()}
        shared = {name: getattr(factory, name) for name in SHARED if name in arguments and name not in made}
        try:
            inspect.signature(component).bind(**shared, **made)
        except TypeError as error:
            raise InvalidManifest(f"{component.__name__}: {error}.") from None
        return component(**shared, **made)

    def _argument(self, value: Any, expected: Any) -> Any:
        if isinstance(value, Mapping):
            component = _component_in(expected)
            if "class_name" in value or component is not None:
                return self.make(value, component)
            return {name: self._argument(entry, None) for name, entry in value.items()}
        return value


SHARED = frozenset(("config", "runtime", "stream", "known"))


def _class_of(definition: Mapping[str, Any], default: type | None) -> Any:
    if "class_name" not in definition:
        return default
    module, _, name = str(definition["class_name"]).rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise InvalidManifest(f"There is no class `{definition['class_name']}`.") from None


def _component_in(expected: Any) -> type | None:
    """The class of components that an argument takes, if it takes one."""
    candidates = [expected, *get_args(expected)]
    return next(
        (
            each
            for each in candidates
            if isinstance(each, type) and each.__module__.startswith("source_events.") and not inspect.isabstract(each)
        ),
        None,
    )

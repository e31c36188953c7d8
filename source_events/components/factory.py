"""Makes the components that a manifest names, and hands each what it needs."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
from airbyte_cdk.sources.types import Config

from source_events.components.templates import InvalidManifest
from source_events.runtime import Runtime, StreamRun

OF_THE_CDK = frozenset(("type", "class_name", "$parameters"))
"""Fields of a component that say what it is, and are no arguments unless its class has one of that name."""


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
    known: Collection[str] | None

    def make(self, definition: Mapping[str, Any], default: type | None = None) -> Any:
        """
        :raises InvalidManifest: if there is no such class, or it does not take these fields
        """
        component = _class_of(definition, default)
        factory = self if getattr(component, "counts_rows", True) else self._for_other_rows()
        types = get_type_hints(component.__init__ if isinstance(component, type) else component)  # type: ignore[misc]
        arguments = inspect.signature(component).parameters
        given = {name: value for name, value in definition.items() if name not in OF_THE_CDK or name in arguments}
        unknown = sorted(given.keys() - arguments.keys())
        if unknown:
            raise InvalidManifest(
                f"{component.__name__} has no field `{unknown[0]}`; "
                f"it has {', '.join(name for name in arguments if name not in SHARED) or 'none'}."
            )
        made = {name: factory._argument(component, name, value, types.get(name)) for name, value in given.items()}
        shared = {name: getattr(factory, name) for name in SHARED if name in arguments and name not in made}
        try:
            inspect.signature(component).bind(**shared, **made)
        except TypeError as error:
            raise InvalidManifest(f"{component.__name__}: {error}.") from None
        return component(**shared, **made)

    def _for_other_rows(self) -> Factory:
        """The same for rows that are none of the stream's: they are not counted, and no schema names their fields."""
        return replace(self, stream=self.stream.uncounted(), known=None)

    def _argument(self, owner: Any, field: str, value: Any, expected: Any) -> Any:
        component = _component_in(expected)
        if _is_plain(expected):
            _check(owner, field, value, expected)
        if not isinstance(value, Mapping):
            if component is not None and value is not None:
                raise InvalidManifest(f"{owner.__name__}: `{field}` must be an object with the fields of a component.")
            return value
        if "class_name" not in value and component is not None and _is_abstract(component):
            raise InvalidManifest(f"{owner.__name__}: `{field}` needs a `class_name`.")
        if "class_name" in value or component is not None:
            return self.make(value, component)
        return {name: self._argument(owner, name, entry, None) for name, entry in value.items()}


SHARED = frozenset(("config", "runtime", "stream", "known"))


def _class_of(definition: Mapping[str, Any], default: type | None) -> Any:
    if "class_name" not in definition:
        if default is None:
            raise InvalidManifest(f"A component with the fields {', '.join(definition)} has no `class_name`.")
        return default
    module, _, name = str(definition["class_name"]).rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise InvalidManifest(f"There is no class `{definition['class_name']}`.") from None


def _component_in(expected: Any) -> type | None:
    """The class of components that an argument takes, if it takes one."""
    candidates = get_args(expected) if get_origin(expected) in (Union, UnionType) else (expected,)
    return next(
        (each for each in candidates if isinstance(each, type) and each.__module__.startswith("source_events.")), None
    )


def _is_plain(expected: Any) -> bool:
    """Whether a manifest may have a value of this type itself."""
    if get_origin(expected) is None:
        return expected in (str, int, float, bool, NoneType, Any)
    return all(map(_is_plain, get_args(expected)))


def _check(owner: Any, field: str, value: Any, expected: Any) -> None:
    try:
        msgspec.convert(value, expected)
    except msgspec.ValidationError as error:
        raise InvalidManifest(f"{owner.__name__}: `{field}` is not what it must be: {error}.") from None


def _is_abstract(component: type) -> bool:
    return inspect.isabstract(component) or getattr(component, "_is_protocol", False)

"""What a manifest says of a request, with `{{ ... }}` in it, evaluated by the CDK's interpolation."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.interpolation.filters import filters
from airbyte_cdk.sources.declarative.interpolation.jinja import JinjaInterpolation
from airbyte_cdk.sources.declarative.interpolation.macros import macros
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from jinja2 import Environment, meta

NAMES = frozenset(("config", "window", "contact"))
CONTACT = re.compile(r"\{\{-?\s*contact\s*-?\}\}")
_interpolation = JinjaInterpolation()
_environment = Environment()
_environment.filters.update(filters)


class InvalidManifest(AirbyteTracedException):
    """A mistake in a manifest, which would lose data or mix it up."""

    def __init__(self, message: str) -> None:
        super().__init__(message=message, internal_message=message, failure_type=FailureType.system_error)


class Template:
    """A text, or texts within objects and lists.

    A text that evaluates to a list is one; every other stays the text that it is, also where it looks like a number.
    Fields whose text is empty are left out of an object.

    :raises InvalidManifest: if it speaks of what a request cannot know; `names` are those that it does
    """

    def __init__(self, value: Any, config: Config, names: Collection[str] = NAMES) -> None:
        self._value = value
        self._config = config
        for text in _texts(value):
            _check(text, names)

    def render(self, **names: Any) -> Any:
        return self._rendered(self._value, names)

    def _rendered(self, value: Any, names: Mapping[str, Any]) -> Any:
        if isinstance(value, str):
            return _interpolation.eval(value, self._config, valid_types=(list,), **names) if "{" in value else value
        if isinstance(value, Mapping):
            fields = {name: self._rendered(entry, names) for name, entry in value.items()}
            return {name: entry for name, entry in fields.items() if entry not in (None, "", [])}
        if isinstance(value, list):
            return [self._rendered(entry, names) for entry in value]
        return value


class Bounds(dict[str, str]):
    """A window's bounds. One that it does not have would be empty, and the request without a filter."""

    def __missing__(self, name: str) -> str:
        raise InvalidManifest(f"The manifest speaks of `window.{name}`; this window has {', '.join(self)}.")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)


def _check(text: str, names: Collection[str]) -> None:
    """Requests for one contact after the other are made from one, so what depends on the contact must be seen in it."""
    unknown = sorted(_names(text) - set(names) - macros.keys())
    if unknown:
        raise InvalidManifest(
            f"The manifest's {text!r} speaks of `{unknown[0]}`, which a request does not know. It knows `config`, "
            "`window.start`, `window.end` and, as {{ contact }}, the contact."
        )
    if "contact" in _names(CONTACT.sub("", text)):
        raise InvalidManifest(f"The manifest's {text!r} must say {{{{ contact }}}}, and do nothing with the contact.")


def _names(text: str) -> set[str]:
    return meta.find_undeclared_variables(_environment.parse(text))

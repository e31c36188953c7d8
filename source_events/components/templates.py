"""What a manifest says of a request, with `{{ ... }}` in it, evaluated by the CDK's interpolation."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from functools import cache
from typing import Any

from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.declarative.interpolation.filters import filters
from airbyte_cdk.sources.declarative.interpolation.jinja import JinjaInterpolation
from airbyte_cdk.sources.declarative.interpolation.macros import macros
from airbyte_cdk.sources.types import Config
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from jinja2 import Environment, TemplateSyntaxError, meta, nodes

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

    def speaks_of(self, name: str) -> bool:
        return any(name in _parsed(text)[1] for text in _texts(self._value))

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
    unknown = sorted(_parsed(text)[1] - set(names) - macros.keys())
    if unknown:
        raise InvalidManifest(
            f"The manifest's {text!r} speaks of `{unknown[0]}`, which a request does not know. It knows `config`, "
            "`window.start`, `window.end` and, as {{ contact }}, the contact."
        )
    if "contact" in _parsed(CONTACT.sub("", text))[1]:
        raise InvalidManifest(f"The manifest's {text!r} must say {{{{ contact }}}}, and do nothing with the contact.")


@cache
def _parsed(text: str) -> tuple[nodes.Template, Set[str]]:
    """A template, and the names that it speaks of."""
    try:
        template = _environment.parse(text)
        return template, meta.find_undeclared_variables(template)
    except TemplateSyntaxError as error:
        raise InvalidManifest(f"The manifest's {text!r} is no template: {error.message}") from None


def check_fields(manifest: Any, form: Mapping[str, Any]) -> None:
    """See that what a manifest reads from the configuration are fields of its form, a JSON schema.

    :raises InvalidManifest: if one is none: it would be empty, and a header or a filter with it
    """
    for text in _texts(manifest):
        for fields in _fields_read(text) if "config" in text and "{" in text else ():
            _check_path(text, fields, form)


@cache
def _fields_read(text: str) -> Sequence[Sequence[str]]:
    template, _ = _parsed(text)
    found = template.find_all((nodes.Getitem, nodes.Getattr, nodes.Call))
    return [path for path in map(_path_of, found) if path]


def _path_of(node: nodes.Node) -> Sequence[str] | None:
    """`("provider", "api_key")` for `config['provider']['api_key']`, and for the other ways to write it."""
    match node:
        case nodes.Name(name="config"):
            return ()
        case nodes.Getitem(node=within, arg=nodes.Const(value=str(name))):
            pass
        case nodes.Call(node=nodes.Getattr(node=within, attr="get"), args=[nodes.Const(value=str(name)), *_]):
            pass
        case nodes.Getattr(node=within, attr=name) if not hasattr(dict, name):
            pass
        case _:
            return None
    path = _path_of(within)
    return None if path is None else (*path, name)


def _check_path(text: str, path: Sequence[str], form: Mapping[str, Any]) -> None:
    forms = [form]
    for depth, name in enumerate(path, 1):
        branches = [branch for each in forms for branch in (each, *each.get("oneOf", ()))]
        fields = {field for branch in branches for field in branch.get("properties", ())}
        if not fields:
            return
        if name not in fields:
            raise InvalidManifest(
                f"The manifest's {text!r} speaks of `{'.'.join(path[:depth])}`, which is no field of the form. "
                f"It has {', '.join(sorted(fields))}."
            )
        forms = [branch["properties"][name] for branch in branches if name in branch.get("properties", ())]

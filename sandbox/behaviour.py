"""Switches of a provider: a frozen dataclass, changed by name from a control request."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Behaviour:
    """The base of a provider's switches; each field's default is the behaviour of the real API, as far as known.

    The docstring of a provider's class says what each switch is: `name: meaning`, indented from the second line on.
    """


B = TypeVar("B", bound=Behaviour)
MEANING = re.compile(r"^(\w+(?:, \w+)*): (.+(?:\n +.+)*)", re.MULTILINE)


@dataclass(frozen=True)
class Switch:
    """A switch for people. `choices` are those of a choice; another kind takes any value that fits it."""

    name: str
    kind: Literal["choice", "flag", "number", "text"]
    value: object
    default: object
    meaning: str
    choices: Sequence[object] = ()


def changed(behaviour: B, changes: Mapping[str, Any]) -> B:
    """Return the behaviour with these changes; `ValueError` names a wrong name or value."""
    hints = get_type_hints(type(behaviour))
    for name, value in changes.items():
        if name not in hints:
            raise ValueError(f"no behaviour {name!r}; there are: {', '.join(hints)}")
        if not _fits(value, hints[name]):
            raise ValueError(f"behaviour {name!r} cannot be {value!r}; it takes {_wording(hints[name])}")
    return replace(behaviour, **changes)


def switches(behaviour: Behaviour) -> Sequence[Switch]:
    """All switches in their order, as they are now."""
    hints, meanings = get_type_hints(type(behaviour)), _meanings(type(behaviour))
    return [
        Switch(
            field.name,
            _kind(hints[field.name]),
            getattr(behaviour, field.name),
            field.default,
            meanings[field.name],
            get_args(hints[field.name]) if get_origin(hints[field.name]) is Literal else (),
        )
        for field in fields(behaviour)
    ]


def _meanings(behaviour: type[Behaviour]) -> Mapping[str, str]:
    found = MEANING.findall(inspect.getdoc(behaviour) or "")
    return {name: " ".join(meaning.split()) for names, meaning in found for name in names.split(", ")}


def _kind(hint: Any) -> Literal["choice", "flag", "number", "text"]:
    if get_origin(hint) is Literal:
        return "choice"
    if hint is bool:
        return "flag"
    return "text" if hint is str else "number"


def _fits(value: object, hint: Any) -> bool:
    if get_origin(hint) is Literal:
        return value in get_args(hint)
    if hint is NoneType:
        return value is None
    if isinstance(hint, UnionType):
        return any(_fits(value, option) for option in get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    # A bool is an int for Python but not for whoever wrote the request.
    return type(value) is hint


def _wording(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return " or ".join(repr(option) for option in get_args(hint))
    if isinstance(hint, UnionType):
        return " or ".join(map(_wording, get_args(hint)))
    return "null" if hint is NoneType else str(hint.__name__)

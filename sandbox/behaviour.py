"""Switches of a provider: a frozen dataclass, changed by name from a control request."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Behaviour:
    """The base of a provider's switches; each field's default is the behaviour of the real API, as far as known."""


B = TypeVar("B", bound=Behaviour)


def changed(behaviour: B, changes: Mapping[str, Any]) -> B:
    """Return the behaviour with these changes; `ValueError` names a wrong name or value."""
    hints = get_type_hints(type(behaviour))
    for name, value in changes.items():
        if name not in hints:
            raise ValueError(f"no behaviour {name!r}; there are: {', '.join(hints)}")
        if not _fits(value, hints[name]):
            raise ValueError(f"behaviour {name!r} cannot be {value!r}; it takes {_wording(hints[name])}")
    return replace(behaviour, **changes)


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
    return str(getattr(hint, "__name__", hint))

"""Errors as Spark shows them: behind the stack of whoever raised them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from airbyte_cdk.models import FailureType
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

Function = TypeVar("Function", bound=Callable[..., Any])


class EventsError(Exception):
    """What a person has to mend, or time will, in one sentence."""


def in_one_sentence(function: Function) -> Function:
    """Without the stack: only an error of our own needs one."""

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Any:
        try:
            return function(*arguments, **named)
        except AirbyteTracedException as error:
            problem = error
        raise _told(problem) from None

    return called  # type: ignore[return-value]


def each_in_one_sentence(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """The same for a generator."""

    @functools.wraps(function)
    def called(*arguments: Any, **named: Any) -> Iterator[Any]:
        try:
            yield from function(*arguments, **named)
        except AirbyteTracedException as error:
            problem = error
        else:
            return
        raise _told(problem) from None

    return called


def _told(error: AirbyteTracedException) -> Exception:
    return error if error.failure_type is FailureType.system_error else EventsError(str(error))

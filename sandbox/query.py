"""The names of a request's parameters, of which no API of these takes one that it does not know."""

from __future__ import annotations

from collections.abc import Callable, Collection

from aiohttp import web


def check_names(request: web.Request, allowed: Collection[str], invalid: Callable[[str], Exception]) -> None:
    """
    :raises Exception: what `invalid` makes of the sentence, if a name is not allowed, or is there more than once
    """
    for name in request.query:
        if name not in allowed:
            raise invalid(f"parameter {name} is not allowed here")
        if len(request.query.getall(name)) > 1:
            raise invalid(f"parameter {name} is given more than once")

"""An OpenAPI definition, and what of a request it does not allow."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonschema_path import SchemaPath
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.datatypes import PathOperationServer
from openapi_core.templating.paths.exceptions import PathError
from openapi_core.templating.paths.finders import APICallPathFinder
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import Headers, ImmutableMultiDict

from integration_tests.contract.calls import Call

SERVER = "https://project.example.com"
"""Stands for every project: the definition's own servers have variables, and none is the sandbox."""


@dataclass
class _Request:
    """A request in the form that openapi-core takes."""

    host_url: str
    path: str
    method: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None


class Definition:
    """Validates requests with openapi-core: method, path, credentials, parameters and body.

    It takes no notice of query parameters and bodies that the definition does not have: they are looked for here.
    Nor does it know that this API takes lists as PHP does, `name[]=a&name[]=b`, which no OpenAPI document can say.

    :raises OpenAPIError: if the document is none of OpenAPI
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        placed = {**document, "servers": [{"url": SERVER}]}
        self._finder = APICallPathFinder(SchemaPath.from_dict(placed))
        self._openapi = OpenAPI.from_dict(placed, config=Config(additional_properties_default_policy="forbid"))

    @classmethod
    def of_file(cls, path: Path) -> Definition:
        return cls(yaml.safe_load(path.read_text(encoding="utf-8")))

    def endpoint(self, call: Call) -> str | None:
        """The path that a request is for, with `{}` for an id; nothing if the definition has none."""
        try:
            return re.sub(r"\{.*?\}", "{}", self._found(call).path_result.pattern)
        except PathError:
            return None

    def problems(self, call: Call) -> Iterator[str]:
        """What is wrong with a request, each in one line."""
        try:
            found = self._found(call)
        except PathError as unknown:
            yield str(unknown).replace(SERVER, "")
            return
        declared = dict(_query_parameters(found))
        query = [(_plain(name, declared), value) for name, value in call.query]
        for name in sorted({name for name, _ in query} - declared.keys()):
            yield f"The query parameter `{name}` is not in the definition"
        if call.body and "requestBody" not in found.operation:
            yield "A body is sent, and the definition has none"
        for error in self._openapi.iter_request_errors(_request(call, query)):
            yield from _lines(error)

    def _found(self, call: Call) -> PathOperationServer:
        return self._finder.find(call.method.lower(), SERVER + call.path)


def _query_parameters(found: PathOperationServer) -> Iterator[tuple[str, bool]]:
    """The names of the parameters, and whether they are lists."""
    for place in (found.path, found.operation):
        for parameter in place.get("parameters", []):
            if (parameter / "in").read_str() == "query":
                kind = (parameter / "schema" / "type").read_str(default="")
                yield (parameter / "name").read_str(), kind == "array"


def _plain(name: str, declared: Mapping[str, bool]) -> str:
    """The name of a list without the brackets, unless that is not what the definition calls a list."""
    plain = name.removesuffix("[]")
    return plain if name not in declared and declared.get(plain) else name


def _request(call: Call, query: list[tuple[str, str]]) -> _Request:
    headers = Headers(list(call.headers))
    parameters = RequestParameters(query=ImmutableMultiDict(query), header=headers)
    content_type = headers.get("Content-Type", "").partition(";")[0].lower()
    return _Request(SERVER, call.path, call.method.lower(), parameters, content_type, call.body)


def _lines(error: Exception) -> Iterator[str]:
    """What openapi-core has found, with the reason that it keeps in the causes."""
    cause = error.__cause__
    if isinstance(cause, InvalidSchemaValue):
        yield from (f"{error}: {getattr(reason, 'message', reason)}" for reason in cause.schema_errors)
    else:
        yield f"{error}: {cause}" if cause else str(error)

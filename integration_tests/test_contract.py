"""CareCloud's requests beside a definition of our own, which is right first, and then wrong in one place.

The provider's own is not part of the project; `make contract` takes it.
"""

from __future__ import annotations

import copy
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from integration_tests.contract import __main__ as contract
from integration_tests.contract.calls import Call, all_calls, endpoints
from integration_tests.contract.definition import Definition

Json = dict[str, Any]
ANY_CONTACT_OR_EVENT = re.compile(r"/[0-9a-f]{20,}/")

DEFINITION = """
openapi: 3.0.2
info: {title: Of the tests, version: "1"}
security: [{bearer: []}, {basic: []}]
paths:
  /users/actions/login:
    post:
      security: []
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              properties:
                user_external_application_id: {type: string}
                login: {type: string}
                password: {type: string}
      responses: &responses {"200": {description: OK}}
  /events:
    get:
      parameters: &events
        - {name: count, in: query, schema: {type: integer, maximum: 1000}}
        - {name: offset, in: query, schema: {type: integer, minimum: 0}}
        - {name: sort_field, in: query, schema: {type: string}}
        - {name: sort_direction, in: query, schema: {type: string, enum: [ASC, DESC]}}
        - {name: event_type_ids, in: query, schema: {type: array, maxItems: 1000, items: {type: string}}}
        - {name: include_property_records, in: query, schema: {type: boolean}}
        - {name: time_from, in: query, schema: {type: string}}
        - {name: time_to, in: query, schema: {type: string}}
      responses: *responses
  /events/{event_id}/property-records:
    get:
      parameters: [{name: event_id, in: path, required: true, schema: {type: string}}]
      responses: *responses
  /customers/{customer_id}/events:
    parameters: [{name: customer_id, in: path, required: true, schema: {type: string}}]
    get: {parameters: *events, responses: *responses}
  /customers: {get: {parameters: *events, responses: *responses}}
  /event-types: {get: {parameters: *events, responses: *responses}}
  /event-types/{event_type_id}/event-properties:
    parameters: [{name: event_type_id, in: path, required: true, schema: {type: string}}]
    get: {parameters: *events, responses: *responses}
  /event-groups: {get: {parameters: *events, responses: *responses}}
  /event-properties: {get: {parameters: *events, responses: *responses}}
components:
  securitySchemes:
    bearer: {type: http, scheme: bearer}
    basic: {type: http, scheme: basic}
"""


@pytest.fixture(scope="module")
def calls() -> Iterator[list[Call]]:
    logger = logging.getLogger("airbyte")
    level = logger.level
    logger.setLevel(logging.ERROR)
    yield list({kind(call): call for call in all_calls(events=150)}.values())
    logger.setLevel(level)


def kind(call: Call) -> tuple[object, ...]:
    """What is the same for requests that differ in ids and times only: one of them is enough here."""
    authorization = dict(call.headers).get("Authorization", "").partition(" ")[0]
    return (
        call.method,
        ANY_CONTACT_OR_EVENT.sub("/{}/", call.path),
        tuple(name for name, _ in call.query),
        authorization,
    )


@pytest.fixture
def document() -> Json:
    """Each path by itself, where YAML has references: a test changes one place."""
    loaded: Json = yaml.safe_load(DEFINITION)
    loaded["paths"] = {path: copy.deepcopy(item) for path, item in loaded["paths"].items()}
    return loaded


def reasons(document: Json, calls: list[Call]) -> set[str]:
    """What is found, without the number of requests."""
    return {line.rpartition(" (")[0] or line for line in contract.found(Definition(document), calls)}


def parameter(document: Json, name: str) -> Json:
    (found,) = (each for each in document["paths"]["/events"]["get"]["parameters"] if each["name"] == name)
    return found


def body(document: Json) -> Json:
    post = document["paths"]["/users/actions/login"]["post"]
    properties: Json = post["requestBody"]["content"]["application/json"]["schema"]["properties"]
    return properties


def test_requests_that_are_as_the_definition_says_are_accepted(document: Json, calls: list[Call]) -> None:
    assert contract.found(Definition(document), calls) == []


def test_every_endpoint_that_the_manifest_names_is_asked(document: Json, calls: list[Call]) -> None:
    assert {Definition(document).endpoint(call) for call in calls} >= endpoints()
    assert "/events/{}/property-records" in endpoints()


def test_requests_have_every_kind_of_credentials_filters_and_pages(calls: list[Call]) -> None:
    assert {dict(call.headers)["Authorization"].partition(" ")[0] for call in calls if call.body is None} == {
        "Bearer",
        "Basic",
    }
    assert max(len([name for name, _ in call.query if name == "event_type_ids[]"]) for call in calls) == 2
    paged = {call.path for call in calls if "offset" in dict(call.query)}
    assert {"/events", "/event-types"} <= paged


def test_an_endpoint_without_a_request_is_found(document: Json, calls: list[Call]) -> None:
    others = [call for call in calls if call.path != "/event-groups"]
    assert reasons(document, others) == {"/event-groups: the connector knows it, and made no request"}


def test_a_parameter_that_the_definition_lacks_is_found(document: Json, calls: list[Call]) -> None:
    document["paths"]["/events"]["get"]["parameters"].remove(parameter(document, "time_to"))
    assert reasons(document, calls) == {"GET /events: The query parameter `time_to` is not in the definition"}


def test_a_parameter_with_a_wrong_value_is_found(document: Json, calls: list[Call]) -> None:
    parameter(document, "count")["schema"]["maximum"] = 500
    assert reasons(document, calls) == {
        "GET /events: Invalid query parameter: count: 1000 is greater than the maximum of 500"
    }


def test_a_parameter_of_a_wrong_type_is_found(document: Json, calls: list[Call]) -> None:
    parameter(document, "sort_field")["schema"] = {"type": "integer"}
    (reason,) = reasons(document, calls)
    assert reason.startswith("GET /events: ")
    assert "created_at" in reason


def test_a_list_where_the_definition_has_a_single_value_is_found(document: Json, calls: list[Call]) -> None:
    parameter(document, "event_type_ids")["schema"] = {"type": "string"}
    assert reasons(document, calls) == {"GET /events: The query parameter `event_type_ids[]` is not in the definition"}


def test_a_parameter_that_the_definition_requires_and_nobody_sends_is_found(document: Json, calls: list[Call]) -> None:
    wanted = {"name": "project", "in": "query", "required": True, "schema": {"type": "string"}}
    document["paths"]["/events"]["get"]["parameters"].append(wanted)
    assert reasons(document, calls) == {"GET /events: Missing required query parameter: project"}


def test_a_path_that_the_definition_lacks_is_found(document: Json, calls: list[Call]) -> None:
    del document["paths"]["/event-types"]
    found = contract.found(Definition(document), [call for call in calls if call.path == "/event-types"])
    assert any(line.startswith("GET /event-types: Path not found for /event-types (") for line in found)


def test_a_method_that_the_definition_lacks_is_found(document: Json, calls: list[Call]) -> None:
    login = document["paths"]["/users/actions/login"]
    login["put"] = login.pop("post")
    found = contract.found(Definition(document), [call for call in calls if call.method == "POST"])
    assert any("Operation post not found for /users/actions/login" in line for line in found)


def test_a_field_of_a_body_that_the_definition_lacks_is_found(document: Json, calls: list[Call]) -> None:
    del body(document)["login"]
    (reason,) = reasons(document, calls)
    assert reason.startswith("POST /users/actions/login: ")
    assert "'login' was unexpected" in reason


def test_a_field_of_a_body_of_a_wrong_type_is_found(document: Json, calls: list[Call]) -> None:
    body(document)["user_external_application_id"] = {"type": "integer"}
    (reason,) = reasons(document, calls)
    assert reason.startswith("POST /users/actions/login: ")
    assert "is not of type 'integer'" in reason


def test_a_body_that_the_definition_does_not_have_is_found(document: Json, calls: list[Call]) -> None:
    del document["paths"]["/users/actions/login"]["post"]["requestBody"]
    assert reasons(document, calls) == {"POST /users/actions/login: A body is sent, and the definition has none"}


def test_credentials_that_the_definition_does_not_take_are_found(document: Json, calls: list[Call]) -> None:
    document["security"] = [{"bearer": []}]
    found = reasons(document, calls)
    assert {line.partition(":")[0] for line in found} >= {"GET /events", "GET /event-types"}
    assert all("ecurity" in line for line in found)


def test_the_command_ends_with_1_and_names_what_is_wrong(
    document: Json,
    calls: list[Call],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parameter(document, "sort_direction")["schema"]["enum"] = ["asc"]
    path = tmp_path / "openapi.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    monkeypatch.setenv(contract.VARIABLE, str(path))
    monkeypatch.setattr(contract, "all_calls", lambda: calls)
    assert contract.main() == 1
    assert (
        "GET /events: Invalid query parameter: sort_direction: 'ASC' is not one of ['asc']" in capsys.readouterr().out
    )


@pytest.mark.parametrize("path", [None, "/nowhere/openapi.yaml"])
def test_the_command_says_that_it_was_not_run(
    path: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(contract.VARIABLE, raising=False)
    if path:
        monkeypatch.setenv(contract.VARIABLE, path)
    assert contract.main() == 2
    assert capsys.readouterr().err.startswith("Not run: ")

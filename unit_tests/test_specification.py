from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from source_events import providers
from source_events.specification import specification
from unit_tests.reading import configuration

FORM = specification()["connectionSpecification"]
BRANCHES = {
    branch["properties"]["provider_type"]["const"]: branch for branch in FORM["properties"]["provider"]["oneOf"]
}
CREDENTIAL = re.compile("secret|password|api_key|token")


def fields(schema: dict[str, Any], path: str = "") -> list[tuple[str, dict[str, Any]]]:
    found = []
    for name, field in schema.get("properties", {}).items():
        found.append((path + name, field))
        for branch in [field, *field.get("oneOf", [])]:
            found += fields(branch, f"{path}{name}.")
    return found


def test_it_is_a_json_schema():
    jsonschema.Draft7Validator.check_schema(FORM)


def test_every_provider_has_a_branch_and_no_two_can_be_mistaken():
    assert list(BRANCHES) == providers.names()
    for branch in BRANCHES.values():
        assert "provider_type" in branch["required"]
        assert branch["title"]


def test_a_configuration_matches_its_branch():
    jsonschema.validate(configuration(), FORM)


@pytest.mark.parametrize("path", [path for path, _ in fields(FORM) if CREDENTIAL.search(path.rpartition(".")[2])])
def test_credentials_are_marked_as_secrets(path):
    assert dict(fields(FORM))[path].get("airbyte_secret") is True


def test_the_client_secret_is_among_them():
    assert BRANCHES["cloud4wi"]["properties"]["client_secret"]["airbyte_secret"] is True


@pytest.mark.parametrize(("path", "field"), fields(FORM), ids=[path for path, _ in fields(FORM)])
def test_every_field_says_what_it_is_and_where_it_stands(path, field):
    assert isinstance(field["order"], int)
    if "const" not in field:
        assert field["title"]
        assert field["description"]


@pytest.mark.parametrize(("path", "field"), fields(FORM), ids=[path for path, _ in fields(FORM)])
def test_examples_and_defaults_are_valid_themselves(path, field):
    for value in [*field.get("examples", []), *([field["default"]] if "default" in field else [])]:
        jsonschema.validate(value, field)


def test_each_call_gives_a_document_of_its_own():
    specification()["connectionSpecification"]["properties"].clear()
    assert specification()["connectionSpecification"]["properties"]


@pytest.mark.parametrize(
    "field",
    ["provider", "start_date", "end_date", "contact_ids", "event_types", "lookback_window", "window_size"],
)
def test_the_common_fields_are_those_of_the_contract(field):
    assert field in FORM["properties"]
    assert FORM["required"] == ["provider", "start_date"]


@pytest.mark.parametrize(("field", "default"), [("lookback_window", "P1D"), ("window_size", "P7D"), ("num_workers", 8)])
def test_the_defaults_are_those_of_the_contract(field, default):
    assert FORM["properties"][field]["default"] == default


def test_it_is_put_together_without_the_cdk():
    code = (
        "import sys, json, source_events.specification as s; s.specification();"
        "print(json.dumps([name for name in sys.modules if name.split('.')[0] in ('airbyte_cdk', 'requests')]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert json.loads(run.stdout) == []

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

import jsonschema
import pytest

from source_events import providers
from source_events.settings.specification import specification
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


COMMON = {
    "provider": "required",
    "start_date": "required",
    "end_date": None,
    "contact_ids": None,
    "event_types": None,
    "lookback_window": "P1D",
    "window_size": "P7D",
    "num_workers": 8,
    "requests_per_minute": None,
}
OF_PROVIDERS = {
    "cloud4wi": {
        "organization_id": "required",
        "client_key": "required",
        "client_secret": "required",
        "api_url": "https://explore.cloud4wi.com",
    },
    "swipe_one": {
        "workspace_id": "required",
        "api_key": "required",
        "contacts": "all",
        "api_url": "https://api.swipeone.com/api",
    },
    "app_market": {
        "instance_id": "required",
        "api_secret": "required",
        "scope": "app",
        "api_url": "https://appmarket-publicapi.sitebuilder.com/v1.0",
        "events_path": "/events/get",
        "contacts_path": "/contacts/get",
        "instance_claim": "instanceId",
        "timestamp_unit": "milliseconds",
        "time_zone": "UTC",
    },
    "carecloud": {
        "api_url": "required",
        "time_zone": "required",
        "credentials": "required",
        "accept_language": "en",
    },
}
"""The names that users' configurations depend on, with "required" or their default."""


def contract(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        name: "required" if name in schema["required"] else field.get("default")
        for name, field in schema["properties"].items()
    }


def test_the_common_fields_are_those_of_the_contract():
    assert contract(FORM) == COMMON


@pytest.mark.parametrize("provider", BRANCHES)
def test_the_fields_of_a_provider_are_those_of_the_contract(provider):
    assert provider in OF_PROVIDERS, "users' configurations depend on its fields: OF_PROVIDERS must have them"
    assert contract(BRANCHES[provider]) == {"provider_type": "required", **OF_PROVIDERS[provider]}


def test_carecloud_has_two_kinds_of_credentials():
    options = BRANCHES["carecloud"]["properties"]["credentials"]["oneOf"]
    assert {option["properties"]["auth_type"]["const"]: contract(option) for option in options} == {
        "bearer": dict.fromkeys(("auth_type", "login", "password", "external_application_id"), "required"),
        "basic": dict.fromkeys(("auth_type", "login", "password"), "required"),
    }


class TestAirbytesForm:
    """What Airbyte's specification reference asks of a specification, or makes of it."""

    FIELDS = pytest.mark.parametrize(("path", "field"), fields(FORM), ids=[path for path, _ in fields(FORM)])

    @FIELDS
    def test_a_pattern_is_explained_in_a_few_words(self, path, field):
        assert ("pattern" in field) == ("pattern_descriptor" in field)
        assert len(field.get("pattern_descriptor", "")) < 60

    @FIELDS
    def test_a_choice_is_told_apart_by_one_constant_and_has_titles(self, path, field):
        options = field.get("oneOf", [])
        assert field["type"] == "object" or not options
        constants = [
            [(name, entry["const"]) for name, entry in option["properties"].items() if "const" in entry]
            for option in options
        ]
        assert {len(found) for found in constants} <= {1}
        assert len({found[0][0] for found in constants}) <= 1
        assert len({found[0][1] for found in constants}) == len(options)
        assert all(option["type"] == "object" and option["title"] and option["description"] for option in options)

    @FIELDS
    def test_descriptions_are_html_that_is_closed(self, path, field):
        tags = re.findall(r"<(/?)(\w+)>", field.get("description", ""))
        assert tags == [(slash, name) for _, name in tags[::2] for slash in ("", "/")]
        assert {name for _, name in tags} <= {"b", "i", "code"}
        assert not set("<>&") & set(re.sub(r"</?\w+>|&[lg]t;", "", field.get("description", "")))

    @pytest.mark.parametrize("form", [FORM, *BRANCHES.values()], ids=["common", *BRANCHES])
    def test_no_two_fields_have_the_same_place(self, form):
        places = [field["order"] for field in form["properties"].values()]
        assert places == sorted(set(places))

    def test_every_field_is_in_one_of_the_groups(self):
        groups = [group["id"] for group in FORM["groups"]]
        assert list(dict.fromkeys(field["group"] for field in FORM["properties"].values())) == groups

    @pytest.mark.parametrize("provider", BRANCHES)
    def test_what_can_stay_as_it_is_is_folded_away(self, provider):
        shown = [name for name, field in BRANCHES[provider]["properties"].items() if field.get("always_show")]
        assert shown == (["scope"] if provider == "app_market" else [])

    @pytest.mark.parametrize("provider", BRANCHES)
    def test_what_is_read_is_asked_for_before_the_secret(self, provider):
        branch = BRANCHES[provider]
        fields = {name for name, field in branch["properties"].items() if field.get("always_show")}
        shown = sorted(fields.union(branch["required"]), key=lambda name: branch["properties"][name]["order"])
        *others, last = (branch["properties"][name] for name in shown)
        assert last.get("airbyte_secret") or last["oneOf"]
        assert not any(field.get("airbyte_secret") for field in others)


def test_it_is_put_together_without_the_cdk():
    code = (
        "import sys, json, source_events.settings.specification as s; s.specification();"
        "print(json.dumps([name for name in sys.modules if name.split('.')[0] in ('airbyte_cdk', 'requests')]))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert json.loads(run.stdout) == []

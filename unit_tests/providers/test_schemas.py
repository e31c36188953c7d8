"""The schemas declare what the providers document: every field, at every level, with its type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from source_events import providers
from unit_tests.providers.cloud4wi import responses
from unit_tests.schemas import contradictions, fields, undeclared

EXAMPLES = Path(__file__).parent / "examples"
"""For each stream of a provider, what its documentation shows or, where it shows nothing, what it describes."""
ENVELOPE = {"id", "provider", "type", "createdAt", "organizationId", "contactId"}
TIMES = {"timestamp_with_timezone", "timestamp_without_timezone"}


def schemas(provider: str) -> dict[str, dict[str, Any]]:
    folder = providers.FOLDER / provider / "schemas"
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))}


def examples(provider: str) -> dict[str, list[dict[str, Any]]]:
    """Of a provider without a file none, so that a test says so and not the collection of all."""
    path = EXAMPLES / f"{provider}.json"
    found: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if provider == "cloud4wi":
        found["events"] += responses.example()["events"]
    return found


SCHEMAS = {(provider, name): schema for provider in providers.names() for name, schema in schemas(provider).items()}
FIELDS = [
    pytest.param(field, id=f"{provider} {name} {path}")
    for (provider, name), schema in SCHEMAS.items()
    for path, field in fields(schema)
]
DOCUMENTED = [
    pytest.param(SCHEMAS[provider, name], record, id=f"{provider} {name} {number}")
    for provider in providers.names()
    for name, records in examples(provider).items()
    for number, record in enumerate(records, 1)
]
of_every_schema = pytest.mark.parametrize("schema", SCHEMAS.values(), ids=[" ".join(key) for key in SCHEMAS])


def types(field: dict[str, Any]) -> set[str]:
    declared = field.get("type", [])
    return {declared} if isinstance(declared, str) else set(declared)


@pytest.mark.parametrize("provider", providers.names())
def test_there_are_examples_of_every_stream(provider):
    assert set(examples(provider)) == set(schemas(provider)), f"they belong into {EXAMPLES.name}/{provider}.json"


@pytest.mark.parametrize(("schema", "record"), DOCUMENTED)
def test_a_documented_record_is_as_declared(schema, record):
    assert contradictions(schema, record) == set()


@pytest.mark.parametrize(("schema", "record"), DOCUMENTED)
def test_every_field_of_a_documented_record_is_declared(schema, record):
    assert undeclared(schema, record) == set()


@of_every_schema
def test_it_is_a_json_schema_of_an_object(schema):
    Draft7Validator.check_schema(schema)
    assert schema["type"] == "object"


@of_every_schema
def test_it_is_open_at_every_level(schema):
    objects = [schema, *(field for _, field in fields(schema) if "object" in types(field))]
    assert {each.get("additionalProperties") for each in objects} == {True}


@pytest.mark.parametrize("field", FIELDS)
def test_every_field_has_types(field):
    assert types(field)


@pytest.mark.parametrize("field", [each for each in FIELDS if not each.id.endswith("[]")])
def test_every_field_is_described(field):
    assert field["description"].endswith(".")


@of_every_schema
def test_what_the_connector_does_not_make_itself_may_be_null(schema):
    never_null = {path for path, field in fields(schema) if "null" not in types(field)}
    own = {"id", "provider", "organizationId", "eventId"}
    keys = {"event_type_id", "event_group_id", "property_id", "_id", "cid", "customer_id", "name"}
    assert never_null <= own | keys


@pytest.mark.parametrize("field", FIELDS)
def test_a_moment_is_declared_with_or_without_a_zone(field):
    assert (field.get("format") == "date-time") == (field.get("airbyte_type") in TIMES)
    assert types(field) == {"null", "string"} or "format" not in field


@pytest.mark.parametrize(
    ("provider", "name"), [key for key in SCHEMAS if key[1] in ("events", "contact_events")], ids=" ".join
)
def test_events_have_the_envelope_that_all_providers_share(provider, name):
    properties = SCHEMAS[provider, name]["properties"]
    declared = {field: (types(properties[field]), properties[field].get("airbyte_type")) for field in ENVELOPE}
    text, nullable = ({"string"}, None), ({"string", "null"}, None)
    assert declared == {
        "id": text,
        "provider": text,
        "type": nullable,
        "createdAt": ({"string", "null"}, "timestamp_with_timezone"),
        "organizationId": text,
        "contactId": nullable,
    }


@pytest.mark.parametrize(
    ("provider", "name", "path"),
    [
        ("cloud4wi", "events", "when.createdAtLocal"),
        ("cloud4wi", "events", "visit.startAtLocal"),
        ("cloud4wi", "events", "event.visit.startAtLocal"),
        ("carecloud", "events", "created_at"),
        ("carecloud", "property_records", "last_change"),
        ("carecloud", "event_properties", "last_change"),
        ("carecloud", "event_type_properties", "last_change"),
        ("carecloud", "contacts", "last_change"),
        ("carecloud", "contacts", "doi_email"),
        ("cloud4wi", "contacts", "created"),
        ("cloud4wi", "contacts", "metrics.lastVisitDateBusiness"),
        ("app_market", "events", "created_on"),
    ],
)
def test_a_time_that_a_warehouse_would_misread_is_a_text_that_says_why(provider, name, path):
    field = dict(fields(SCHEMAS[provider, name]))[path]
    assert "format" not in field
    assert "not declared as a timestamp" in field["description"].lower()


class TestTheComparison:
    """It would find a mistake."""

    SCHEMA = SCHEMAS["cloud4wi", "events"]

    def test_a_wrong_type_is_a_contradiction(self):
        record = {"event": {"visit": {"duration": "15 minutes"}}}
        assert contradictions(self.SCHEMA, record) == {"event.visit.duration: type"}

    def test_a_local_time_is_no_moment(self):
        record = {"when": {"createdAt": "2022-07-21T18:41:09"}}
        assert contradictions(self.SCHEMA, record) == {"when.createdAt: timestamp_with_timezone"}

    def test_a_moment_is_no_local_time(self):
        record = {"created_on": "2018-08-22T16:47:10.0549203Z"}
        assert contradictions(SCHEMAS["app_market", "contacts"], record) == {"created_on: timestamp_without_timezone"}

    def test_a_field_that_nobody_declared_is_found_at_any_level(self):
        record = {"novel": 1, "event": {"visit": {"novel": 1}}, "where": {"geofenceJSON": {"novel": []}}}
        assert undeclared(self.SCHEMA, record) == {"novel", "event.visit.novel", "where.geofenceJSON.novel"}

    def test_a_field_of_the_members_of_a_list_too(self):
        record = {"addresses": [{"city": "Springfield"}, {"novel": 1}]}
        assert undeclared(SCHEMAS["app_market", "contacts"], record) == {"addresses[].novel"}

    def test_what_is_free_in_form_is_not_looked_into(self):
        assert undeclared(self.SCHEMA, {"event": {"promo": {"novel": 1}}}) == set()

from __future__ import annotations

import json

import pytest
import yaml

from source_events import providers
from source_events.components.templates import InvalidManifest
from source_events.settings.specification import specification
from unit_tests.registered import left_out, of_each

MOST_LINES = 700
"""Python and YAML of a provider."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two providers, the second in the alphabet first in the form."""
    for name, order in (("alpha", 2), ("beta", 1)):
        (tmp_path / name).mkdir()
        spec = {"order": order, "properties": {"provider_type": {"const": name}}}
        (tmp_path / name / "spec.yaml").write_text(yaml.safe_dump(spec))
        manifest = {"definitions": {"own": name, "event_stream": name}}
        (tmp_path / name / "manifest.yaml").write_text(yaml.safe_dump(manifest))
    (tmp_path / "no_provider").mkdir()
    monkeypatch.setattr(providers, "FOLDER", tmp_path)
    return tmp_path


def test_a_folder_with_a_manifest_is_a_provider(folder):
    assert providers.names() == ["beta", "alpha"]


def test_a_new_folder_has_a_branch_in_the_connection_form(folder):
    branches = specification()["connectionSpecification"]["properties"]["provider"]["oneOf"]
    assert [branch["properties"]["provider_type"]["const"] for branch in branches] == ["beta", "alpha"]


def test_a_manifest_has_the_shared_definitions_and_its_own_before_them(folder):
    assert providers.definition("alpha", "own") == providers.definition("alpha", "event_stream") == "alpha"
    assert providers.definition("alpha", "event_cursor")["cursor_field"] == "createdAt"
    assert providers.definition("alpha", "none") is None


def test_a_field_that_occurs_twice_is_refused(folder):
    (folder / "alpha" / "spec.yaml").write_text("order: 1\norder: 2\n")
    with pytest.raises(yaml.YAMLError, match=r"a field occurs twice in an object\n.*line 1, column 1"):
        providers.connection_specification("alpha")
    (folder / "alpha" / "manifest.yaml").write_text("streams:\n- name: a\n  name: b\n")
    with pytest.raises(InvalidManifest, match=r"manifest of alpha cannot be read: a field occurs twice .* line 2, col"):
        providers.manifest("alpha")


@pytest.mark.parametrize("name", providers.names())
def test_a_manifest_is_the_same_without_libyaml(name):
    path = providers.FOLDER / name / "manifest.yaml"
    try:
        assert yaml.safe_load(path.read_text(encoding="utf-8")) == providers.load(path)
    except yaml.YAMLError as error:
        pytest.fail(
            f'{error}\n{path}: in braces, a path with a `?` needs quotes: {{next: "links.next?"}}', pytrace=False
        )


@pytest.mark.parametrize(("module", "name"), [("model", "MODELS"), ("odd_data", "CASES"), ("fields", "FIELDS")])
def test_each_provider_has_what_tests_look_for_in_its_test_folder(module, name):
    assert left_out(f"unit_tests.providers.NAME.{module}", name) == []


def test_what_a_provider_lacks_is_named_as_a_file_and_a_name_in_it(folder):
    assert left_out("unit_tests.providers.NAME.model", "MODELS") == [
        "unit_tests/providers/alpha/model.py: MODELS",
        "unit_tests/providers/beta/model.py: MODELS",
    ]
    assert of_each("unit_tests.providers.NAME.model", "MODELS") == {}


def test_cloud4wi_is_a_provider():
    assert "cloud4wi" in providers.names()


@pytest.mark.parametrize("name", providers.names())
class TestEachProvider:
    def test_the_folder_has_what_a_provider_needs(self, name):
        folder = providers.FOLDER / name
        assert (folder / "manifest.yaml").is_file()
        assert (folder / "spec.yaml").is_file()
        assert [json.loads(path.read_text()) for path in (folder / "schemas").glob("*.json")]

    def test_the_discriminator_is_the_folders_name(self, name):
        branch = providers.connection_specification(name)
        assert branch["properties"]["provider_type"]["const"] == name
        assert "provider_type" in branch["required"]

    def test_what_is_checked_is_a_stream(self, name):
        manifest = providers.manifest(name)
        assert manifest["check"]["stream_names"][0] in [stream["name"] for stream in manifest["streams"]]

    def test_each_stream_has_a_primary_key(self, name):
        manifest = providers.manifest(name)
        for stream in manifest["streams"]:
            assert stream["primary_key"]

    def test_what_it_says_of_an_account_tells_two_apart_and_stays_when_a_secret_changes(self, name):
        branch = providers.connection_specification(name)
        fields = {each: field for each, field in branch["properties"].items() if each != "provider_type"}
        own = {each: field.get("default") or field.get("examples", ["given"])[0] for each, field in fields.items()}
        own["provider_type"] = name

        def account(**changes):
            return providers.account({"provider": {**own, **changes}})

        assert account(**{each: "another" for each in fields if fields[each].get("airbyte_secret")}) == account()
        other = "https://another.example"
        assert [each for each in branch["required"] if each in fields and account(**{each: other}) != account()]

    def test_nothing_outside_the_folder_knows_its_name(self, name):
        package = providers.FOLDER.parent
        outside = [path for path in package.rglob("*.py") if providers.FOLDER / name not in path.parents]
        assert [path.name for path in outside if f'"{name}"' in path.read_text()] == []

    def test_it_is_short_or_says_why_not(self, name):
        folder = providers.FOLDER / name
        lines = sum(len(path.read_text().splitlines()) for path in (*folder.glob("*.py"), *folder.glob("*.yaml")))
        assert lines <= MOST_LINES or (folder / "__init__.py").read_text()

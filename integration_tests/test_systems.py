"""A system that is added must be missing nowhere: a test names the place that lacks it."""

from __future__ import annotations

import pytest
import yaml

from docs import generate
from integration_tests.documentation.pages import PROJECT
from source_events import providers
from unit_tests.registered import left_out


@pytest.mark.parametrize("name", ["FAULTS", "MOVING", "connections", "account"])
def test_no_system_is_left_out(name: str) -> None:
    """What they are says `integration_tests/cases.py`."""
    assert left_out("integration_tests.NAME", name) == []


def test_no_system_is_left_out_of_the_standard_tests() -> None:
    scenarios = (PROJECT / "acceptance-test-config.yml").read_text(encoding="utf-8")
    assert generate.with_scenarios(scenarios) == scenarios, "run `python -m docs.generate`"
    wanted = {f"integration_tests/configs/{name}.json" for name in providers.names()}
    for kind in yaml.safe_load(scenarios)["acceptance_tests"].values():
        assert wanted <= {test["config_path"] for test in kind["tests"]}


@pytest.mark.parametrize("name", providers.names())
def test_the_standard_tests_have_its_configuration_and_one_with_wrong_credentials(name: str) -> None:
    folder = PROJECT / "integration_tests/configs"
    assert (folder / f"{name}.json").is_file()
    assert list(folder.glob(f"{name}_wrong_*.json"))


def test_no_system_is_left_out_of_the_form_for_defects() -> None:
    form = (PROJECT / ".github/ISSUE_TEMPLATE/defect.yml").read_text(encoding="utf-8")
    assert generate.with_titles(form) == form, "run `python -m docs.generate`"
    (options,) = (field["attributes"]["options"] for field in yaml.safe_load(form)["body"] if field["id"] == "provider")
    assert options[:-1] == [providers.connection_specification(name)["title"] for name in providers.names()]

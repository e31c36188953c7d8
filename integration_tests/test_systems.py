"""Where tests, the demo or a form list the systems one by one, a system that is added must not be missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest
import yaml

from demo.providers import PROVIDERS
from integration_tests import test_faults, test_moving_source, test_security
from integration_tests.documentation.pages import PROJECT
from integration_tests.soak.loads import loads
from source_events import providers
from unit_tests import test_odd_data
from unit_tests.models import Habits, Model
from unit_tests.settings import test_specification

SCENARIOS = yaml.safe_load((PROJECT / "acceptance-test-config.yml").read_text(encoding="utf-8"))["acceptance_tests"]
DEFECT = yaml.safe_load((PROJECT / ".github/ISSUE_TEMPLATE/defect.yml").read_text(encoding="utf-8"))


def modelled(kind: type[Model] = Model) -> Iterator[str]:
    habits = Habits(page=1, order="ascending", exclusive=False, totals=False)
    for model in kind.__subclasses__():
        yield model(habits).provider["provider_type"]
        yield from modelled(model)


LISTED: dict[str, Iterable[str]] = {
    "unit_tests/models.py": modelled(),
    "unit_tests/test_odd_data.py CASES": test_odd_data.CASES,
    "unit_tests/test_specification.py OF_PROVIDERS": test_specification.OF_PROVIDERS,
    "integration_tests/test_faults.py CASES": test_faults.CASES,
    "integration_tests/test_faults.py REFUSALS": test_faults.REFUSALS,
    "integration_tests/test_moving_source.py CASES": test_moving_source.CASES,
    "integration_tests/test_security.py configurations": test_security.KINDS,
    "integration_tests/soak/loads.py": [load.provider for load in loads(scale=1, others=1, share=1)],
    "demo/providers.py PROVIDERS": [provider.name for provider in PROVIDERS],
}


@pytest.mark.parametrize("place", LISTED)
def test_no_system_is_left_out(place: str) -> None:
    """A system may have several cases: their names begin with its own."""
    assert {name.partition(" ")[0] for name in LISTED[place]} == set(providers.names())


@pytest.mark.parametrize("kind", SCENARIOS)
def test_no_system_is_left_out_of_the_standard_tests(kind: str) -> None:
    configurations = {test["config_path"] for test in SCENARIOS[kind]["tests"]}
    assert {f"integration_tests/configs/{name}.json" for name in providers.names()} <= configurations


def test_no_system_is_left_out_of_the_form_for_defects() -> None:
    (options,) = (field["attributes"]["options"] for field in DEFECT["body"] if field.get("id") == "provider")
    assert options[:-1] == [providers.connection_specification(name)["title"] for name in providers.names()]

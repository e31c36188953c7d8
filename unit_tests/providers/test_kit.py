"""The interface of the providers: what stands in it is documented there, and they import nothing else."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from source_events import providers
from source_events.providers import kit
from unit_tests.imports import imported_by, name_of

MODULES = sorted(
    module
    for name in providers.names()
    for module in (providers.FOLDER / name).glob("*.py")
    if module.stem != "__init__"
)


@pytest.mark.parametrize("module", MODULES, ids=[name_of(module) for module in MODULES])
def test_a_provider_imports_nothing_but_the_kit_and_its_own(module):
    allowed = (f"{kit.__name__}.", f"{kit.__package__}.{module.parent.name}.")
    ours = [name for name in imported_by(module) if name.startswith("source_events")]
    assert [name for name in ours if not name.startswith(allowed)] == []


@pytest.mark.parametrize("module", MODULES, ids=[name_of(module) for module in MODULES])
def test_of_the_kit_it_takes_what_is_offered(module):
    taken = {name.removeprefix(f"{kit.__name__}.") for name in imported_by(module) if name.startswith(kit.__name__)}
    assert taken <= set(kit.__all__)


def test_what_is_offered_is_what_is_documented():
    documented = re.findall(r"`(\w+)`", (kit.__doc__ or "").partition("\n")[2])
    assert sorted(set(documented)) == sorted(kit.__all__)


def test_what_is_documented_is_there():
    assert [name for name in kit.__all__ if not hasattr(kit, name)] == []


def test_each_frame_names_a_class_that_exists():
    frames = {
        name: frame for name, frame in providers.load(providers.FRAMES).items() if frame and "class_name" in frame
    }
    for frame in frames.values():
        module, _, name = frame["class_name"].rpartition(".")
        assert callable(getattr(import_module(module), name))
    assert frames

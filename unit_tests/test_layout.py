"""Which part of the package may know which: each line those below it, and never one above."""

from __future__ import annotations

import pytest

from unit_tests.imports import imported_by, modules, name_of

LINES = (
    ("__main__",),
    ("cli",),
    ("process",),
    ("load", "spark"),
    ("warehouse", "arrow", "parquet", "tally"),
    ("batches",),
    ("source",),
    ("restrictions",),
    ("report",),
    ("settings",),
    ("providers",),
    ("components",),
    ("runtime",),
    ("transport",),
    ("records",),
    ("allocator",),
)
PARTS = tuple(part for line in LINES for part in line)
LAZY = ("source_events.__version__", "source_events.SourceEvents")
"""What the package itself gives: it imports nothing until it is asked for the source."""
CDK, HTTP = "airbyte_cdk", ("requests", "urllib3", "http")
OF_OTHERS = {
    "records": (CDK, *HTTP, "threading", "concurrent", "queue"),
    "transport": (CDK,),
    "components": ("urllib3", "http"),
    "providers": ("urllib3", "http", "requests"),
}
"""What a part leaves to others."""

MOST_LINES = 350
LONGER: dict[str, str] = {}
"""Modules of more lines, each with its reason."""


def part_of(name: str) -> str:
    """The part of the package that a module, or what is imported from it, belongs to."""
    return name.split(".")[1] if "." in name else ""


def place_of(part: str) -> int:
    return next(place for place, line in enumerate(LINES) if part in line)


MODULES = sorted(modules())
IDS = [name_of(module) for module in MODULES]


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_nothing_imports_what_stands_above_it(module):
    own = part_of(name_of(module))
    others = {
        part_of(name)
        for name in imported_by(module)
        if name.partition(".")[0] == "source_events" and name not in LAZY and part_of(name) != own
    }
    if own:
        assert {part for part in others if place_of(part) <= place_of(own)} == set()
    else:
        assert others == {"source"}, "the package gives the source, and nothing else"


def test_every_part_has_its_place():
    assert {part_of(name) for name in IDS} - {""} <= set(PARTS)


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_a_part_leaves_to_others_what_is_theirs(module):
    others = OF_OTHERS.get(part_of(name_of(module)), ())
    assert {name for name in imported_by(module) if name.partition(".")[0] in others} == set()


@pytest.mark.parametrize("module", MODULES, ids=IDS)
def test_a_module_is_short_or_says_why_not(module):
    assert len(module.read_text(encoding="utf-8").splitlines()) <= MOST_LINES or LONGER.get(name_of(module))

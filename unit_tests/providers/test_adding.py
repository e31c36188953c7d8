"""What `docs/adding-a-provider.md` shows is what a test reads, and what it names is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from source_events import providers
from source_events.components.errors import refusals_of

PAGE = Path("docs/adding-a-provider.md").read_text(encoding="utf-8")
EXAMPLE = yaml.safe_load(Path("unit_tests/providers/ordinary/papyrus/manifest.yaml").read_text(encoding="utf-8"))
SHOWN: list[dict[str, Any]] = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def test_the_manifest_that_it_shows_is_the_examples():
    [shown] = [block for block in SHOWN if "streams" in block]
    assert shown["definitions"] == EXAMPLE["definitions"]
    assert shown["streams"] == EXAMPLE["streams"][:1]


def test_the_refusals_that_it_shows_are_some():
    [shown] = [block for block in SHOWN if "refusals" in block]
    assert [refusal.gone for refusal in refusals_of(shown["refusals"])] == [False, False, True]


def test_the_definitions_that_it_names_are_there():
    named = set(re.findall(r"\b(?:\w+_(?:paging|reader|fields|headers|stream)|contacts_of_\w+|single_page)\b", PAGE))
    assert named - providers.load(providers.FRAMES).keys() == set()
    assert {name for name in providers.load(providers.FRAMES) if name.endswith("paging")} <= named


def test_the_files_that_it_names_are_there():
    named = re.findall(r"`((?:unit_tests|integration_tests|sandbox|demo|docs|dbt|source_events)/[\w./-]+)`", PAGE)
    there = [name.replace("NAME", "swipe_one") for name in named]
    assert [name for name in there if not Path(name).exists()] == []
    assert named

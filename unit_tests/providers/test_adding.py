"""What `docs/adding-a-provider.md` shows is what a test reads, and what it names is there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import yaml

from source_events import providers
from source_events.components.errors import refusals_of
from source_events.settings import configuration
from source_events.source import SourceEvents
from unit_tests.exchange import Request, Response, Transport
from unit_tests.reading import LOGGER

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


def test_the_login_that_it_shows_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Transport):
    shutil.copytree("unit_tests/providers/ordinary", tmp_path / "registry")
    monkeypatch.setattr(providers, "FOLDER", tmp_path / "registry")
    monkeypatch.setattr(configuration, "_schema", configuration._schema.__wrapped__)
    [shown] = [block for block in SHOWN if "authenticator" in block]
    requester = {**EXAMPLE["definitions"]["requester"], **shown}
    manifest = {**EXAMPLE, "definitions": {**EXAMPLE["definitions"], "requester": requester}}
    (tmp_path / "registry/papyrus/manifest.yaml").write_text(yaml.safe_dump(manifest))
    spec = providers.connection_specification("papyrus")
    spec["properties"] |= {"client_id": {"type": "string"}, "client_secret": {"type": "string"}}
    (tmp_path / "registry/papyrus/spec.yaml").write_text(yaml.safe_dump(spec))
    asked: list[Request] = []

    def answer(made: Request) -> Response:
        asked.append(made)
        return Response(b'{"access_token": "a-fake-token", "data": [], "links": {"next": null}}')

    monkeypatch.setattr(network, "answer", answer)
    provider = {"provider_type": "papyrus", "account_id": "acme", "api_key": "fake", "client_id": "c"}
    config = {"provider": {**provider, "client_secret": "a-fake-secret"}, "start_date": "2024-01-01"}
    assert SourceEvents().check(LOGGER, config).message is None
    login, page = asked
    assert (login.method, login.url.rpartition("/")[2]) == ("POST", "token")
    sent = {"grant_type": "client_credentials", "client_id": "c", "client_secret": "a-fake-secret"}
    assert dict(parse_qsl(login.body)) == sent
    assert dict(page.headers)["Authorization"] == "Bearer a-fake-token"


def test_the_definitions_that_it_names_are_there():
    named = set(re.findall(r"\b(?:\w+_(?:paging|reader|fields|headers|stream)|contacts_of_\w+|single_page)\b", PAGE))
    assert named - providers.load(providers.FRAMES).keys() == set()
    assert {name for name in providers.load(providers.FRAMES) if name.endswith("paging")} <= named


def test_the_files_that_it_names_are_there():
    named = re.findall(r"`((?:unit_tests|integration_tests|sandbox|demo|docs|dbt|source_events)/[\w./-]+)`", PAGE)
    there = [name.replace("NAME", "swipe_one") for name in named]
    assert [name for name in there if not Path(name).exists()] == []
    assert named

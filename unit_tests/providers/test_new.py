"""A new provider's folder, as it is written: from `discover` to its records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from source_events import providers
from source_events.providers import new
from source_events.settings import configuration
from source_events.source import SourceEvents
from unit_tests.exchange import Request, Response, Transport
from unit_tests.reading import LOGGER, read

CONFIG = {
    "provider": {"provider_type": "paper_mill", "account_id": "acme", "api_key": "a-fake-key"},
    "start_date": "2024-01-01T00:00:00Z",
    "end_date": "2024-01-01T23:59:59Z",
}
API = "https://api.paper-mill.example/v1/events"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(providers, "FOLDER", tmp_path)
    monkeypatch.setattr(configuration, "_schema", configuration._schema.__wrapped__)
    return tmp_path


def test_discover_takes_it_at_once(registry: Path) -> None:
    assert new.main(["paper_mill"]) == 0
    assert providers.names() == ["paper_mill"]
    assert [stream.name for stream in SourceEvents().discover(LOGGER, CONFIG).streams] == ["org_events"]


def test_it_reads_the_api_that_it_describes(registry: Path, network: Transport) -> None:
    new.write("paper_mill")
    query = (("limit", "100"), ("since", "2024-01-01T00:00:00Z"), ("until", "2024-01-02T00:00:00Z"))
    first = Request("GET", API, query, headers=(("X-Api-Key", "a-fake-key"),))
    event = {"id": 1, "type": "folded", "created_at": "2024-01-01T23:59:59.5+00:00", "contact_id": "c"}
    other = {"id": 2, "type": "cut", "created_at": "2024-01-01T12:00:00Z", "weight": 3}
    network.expect(first, Response(json.dumps({"events": [event], "next": f"{API}?page=2"}).encode()))
    network.expect(
        Request("GET", API, (("page", "2"),)), Response(json.dumps({"events": [other], "next": None}).encode())
    )
    output = read("org_events", config={**CONFIG, "end_date": "2024-01-01"})
    shared = {"provider": "paper_mill", "organizationId": "acme"}
    assert output.records() == [
        {**event, **shared, "id": "1", "createdAt": "2024-01-01T23:59:59.5Z", "contactId": "c"},
        {**other, **shared, "id": "2", "createdAt": "2024-01-01T12:00:00Z", "unknownFields": {"weight": 3}},
    ]


def test_it_says_what_to_fill_in(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new.main(["paper_mill"])
    said = capsys.readouterr().out
    written = {str(path.relative_to(registry / "paper_mill")) for path in registry.rglob("*.*")}
    assert written == {"spec.yaml", "manifest.yaml", "schemas/events.json"}
    assert all(name in said for name in (*written, str(registry / "paper_mill"), "docs/adding-a-provider.md"))


def test_it_comes_last_in_the_connection_form(registry: Path) -> None:
    for name in ("second", "first"):
        new.write(name)
    assert providers.names() == ["second", "first"]


@pytest.mark.parametrize("name", ["Paper", "paper-mill", "1paper", "paper__mill", "_paper", "../paper", "", "é"])
def test_a_name_that_is_none_is_refused(registry: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert new.main([name]) == 1
    assert capsys.readouterr().err == (
        f"{name!r} is no provider's name: small letters, digits and single underscores between them.\n"
    )
    assert list(registry.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(registry: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (registry / "paper").mkdir()
    (registry / "kit.py").touch()
    for name in ("paper", "kit"):
        assert new.main([name]) == 1
        assert capsys.readouterr().err == f"There is a {name} in {registry} already.\n"
    assert list((registry / "paper").iterdir()) == []


def test_without_a_name_it_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    assert new.main([]) == 2
    assert capsys.readouterr().err.endswith("python -m source_events.providers.new NAME\n")

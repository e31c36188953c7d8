"""The sandbox's page: what it shows is so, what it gives to copy works as copied; and the ready configurations."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

from integration_tests.connector import run
from integration_tests.documentation.pages import Page
from sandbox.behaviour import switches
from sandbox.cloud4wi.api import Cloud4Wi
from sandbox.configurations import write_configurations
from sandbox.faults import ActiveFault, parse_fault
from sandbox.histogram import MOST_BARS, Bar, count_by_day, histogram
from sandbox.presets import PRESETS, Preset
from sandbox.process import Sandbox
from sandbox.provider import Options, Provider, load_providers
from source_events import providers
from source_events.settings.configuration import validate

PROJECT = Path(__file__).resolve().parent.parent
PROVIDERS = sorted(providers.names())
START = date(2024, 1, 1)
SHELL = ["bash", "-euo", "pipefail", "-c"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(events=300) as running:
        yield running


@pytest.fixture(scope="module")
def text(sandbox: Sandbox) -> str:
    return requests.get(sandbox.url, timeout=10).text


@pytest.fixture(params=PROVIDERS)
def provider(request: pytest.FixtureRequest) -> Provider:
    [found] = [provider for provider in load_providers(Options(events=300)) if provider.name == request.param]
    return found


def snippets(text: str, section: str = "main") -> list[str]:
    """What the buttons beside the lines copy, of the whole page or of a section."""
    start = text.index(f'id="{section}"') if section != "main" else text.index("<main")
    end = text.index("</section>", start) if section != "main" else len(text)
    return [unescape(found) for found in re.findall(r"<pre>(.*?)</pre>", text[start:end], re.DOTALL)]


def shell(command: str, folder: Path) -> str:
    done = subprocess.run([*SHELL, command], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestSnippets:
    """Each is run in an empty folder, with nothing that an activated environment would bring."""

    @pytest.fixture(autouse=True)
    def _plain_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", os.defpath)

    @pytest.mark.parametrize("name", PROVIDERS)
    def test_check_and_read_as_copied(self, text: str, sandbox: Sandbox, tmp_path: Path, name: str) -> None:
        check, read, config, *_ = snippets(text, name)
        assert '"status":"SUCCEEDED"' in shell(check, tmp_path).replace(" ", "")
        assert shell(read, tmp_path) == ""
        lines = (tmp_path / f"sandbox-{name}.jsonl").read_text(encoding="utf-8").split("\n")
        read_events = [line for line in lines if '"RECORD"' in line and f'"provider":"{name}"' in line.replace(" ", "")]
        assert len(read_events) >= len(sandbox.control.event_ids(name))
        assert json.loads(config) == json.loads((tmp_path / f"sandbox-{name}.json").read_text(encoding="utf-8"))
        validate(json.loads(config))

    @pytest.mark.parametrize("name", PROVIDERS)
    def test_make_requests_by_hand_as_copied(self, text: str, sandbox: Sandbox, tmp_path: Path, name: str) -> None:
        _, _, _, *by_hand = snippets(text, name)
        assert by_hand
        for command in by_hand:
            sandbox.control.clear_requests()
            json.loads(shell(command, tmp_path))
            *_, last = sandbox.control.requests()
            assert last["status"] in (200, 202), (command, last)
            assert last["rows"] or last["method"] == "POST"

    def test_add_a_fault_as_copied(self, text: str, sandbox: Sandbox, tmp_path: Path) -> None:
        [command] = snippets(text, "control")
        answer = json.loads(shell(command, tmp_path))
        assert sandbox.control.faults() == [answer]
        sandbox.control.clear_faults()

    def test_that_are_left_are_those_of_a_page_without_requests(self, text: str) -> None:
        shown = {snippet for name in (*PROVIDERS, "control") for snippet in snippets(text, name)}
        assert snippets(text, "requests") == snippets(text, PROVIDERS[0])[:2]
        assert set(snippets(text)) == shown


class TestPage:
    def test_is_one_document_without_anything_from_elsewhere(self, sandbox: Sandbox, text: str) -> None:
        answer = requests.get(sandbox.url, timeout=10)
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert not re.search(r"""<link[^>]+href="(?!data:)|\bsrc=|@import|url\(""", text)
        assert set(re.findall(r"https?://[^/\s\"'<]+", text)) == {sandbox.url}

    def test_has_a_contents_whose_links_lead_somewhere(self, text: str) -> None:
        page = Elements(text)
        assert page.links[:8] == ["#top", "#requests", "#faults", *(f"#{name}" for name in PROVIDERS), "#control"]
        assert len(set(page.ids)) == len(page.ids)
        assert {link.removeprefix("#") for link in page.links} <= set(page.ids)
        assert set(re.findall(r'element\("([\w-]+)"\)', text)) <= set(page.ids)

    def test_fills_in_everything(self, text: str) -> None:
        before_script = text.partition("<script>")[0]
        assert not re.search(r"\$\w+", before_script.replace("$TOKEN", "").replace("$JWT", ""))

    def test_offers_to_add_the_events_that_the_next_sync_finds(self, text: str, sandbox: Sandbox) -> None:
        for name in PROVIDERS:
            [offered] = re.findall(rf'data-provider="{name}" data-add="(.+?)"', text)
            before = len(sandbox.control.event_ids(name))
            assert sandbox.control.add_events(name, **json.loads(unescape(offered))) == 100
            assert len(sandbox.control.event_ids(name)) == before + 100

    @pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
    def test_knows_its_faults_again_among_the_active_ones(self, preset: Preset) -> None:
        assert ActiveFault(1, parse_fault(preset.fault)).as_json()["fault"] == preset.fault

    def test_can_be_read_while_there_is_nothing(self) -> None:
        with Sandbox(events=0, contacts=1, no_example=True) as empty:
            text = requests.get(empty.url, timeout=10).text
        assert "<svg" not in text
        assert "<b>0</b> events" in text


class Elements(HTMLParser):
    """The ids and the links within a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.append(value)
            if (tag, name) == ("a", "href") and value:
                self.links.append(value)


class TestSwitches:
    def test_each_says_what_it_is(self, provider: Provider) -> None:
        shown = switches(provider.behaviour)
        assert [switch.name for switch in shown] == list(asdict(provider.behaviour))
        assert all(len(switch.meaning) > 10 for switch in shown)
        assert all(switch.value == switch.default for switch in shown)

    def test_are_of_the_kind_that_they_take(self) -> None:
        kinds = {
            switch.name: (switch.kind, switch.choices) for switch in switches(Cloud4Wi(Options(events=0)).behaviour)
        }
        assert kinds["count"] == ("choice", ("exact", "plus_one", "page", "zero", "absent"))
        assert kinds["shuffle"] == ("flag", ())
        assert kinds["page_cap"] == kinds["scroll_lifetime_seconds"] == ("number", ())

    def test_show_what_has_been_changed(self, sandbox: Sandbox) -> None:
        sandbox.control.behaviour("cloud4wi", count="plus_one")
        try:
            text = requests.get(sandbox.url, timeout=10).text
        finally:
            sandbox.control.behaviour("cloud4wi", count="exact")
        assert text.count("<li class=changed>") == 1
        assert '<option value="&quot;plus_one&quot;" selected>' in text


def days(*numbers: int) -> dict[date, int]:
    """So many events on each of the days from START on, none on those with 0."""
    return {START + timedelta(days=day): events for day, events in enumerate(numbers) if events}


class TestHistogram:
    def test_has_a_bar_for_each_day_of_a_short_time(self) -> None:
        [bars] = histogram(days(2, 0, 5))
        assert bars == [
            Bar(START, START, 2),
            Bar(date(2024, 1, 2), date(2024, 1, 2), 0),
            Bar(date(2024, 1, 3), date(2024, 1, 3), 5),
        ]

    def test_leaves_long_pauses_out_and_no_short_ones(self) -> None:
        short, long = histogram(days(1, 0, 0, 0, 1)), histogram(days(1, 0, 0, 0, 0, 1))
        assert [[bar.events for bar in bars] for bars in short] == [[1, 0, 0, 0, 1]]
        assert [[bar.events for bar in bars] for bars in long] == [[1], [1]]

    def test_has_wider_bars_for_a_long_time(self) -> None:
        [bars] = histogram(days(*[1] * 365))
        assert {bar.last - bar.first for bar in bars} == {timedelta(days=6)}
        assert sum(bar.events for bar in bars) == 365
        assert (bars[0].first, len(bars)) == (START, 53)

    @pytest.mark.parametrize("number", [1, 100, 101, 5000, 50_000])
    def test_never_has_more_bars_than_fit(self, number: int) -> None:
        stretches = histogram(days(*[1] * number))
        assert sum(map(len, stretches)) <= MOST_BARS
        assert sum(bar.events for bars in stretches for bar in bars) == number

    def test_of_nothing_is_empty(self) -> None:
        assert list(histogram({})) == []

    def test_counts_by_days_of_utc(self) -> None:
        assert count_by_day([-1, 0, 86399, 86400]) == {date(1969, 12, 31): 1, date(1970, 1, 1): 2, date(1970, 1, 2): 1}

    def test_is_of_all_events_that_have_a_time(self, provider: Provider) -> None:
        counted = provider.events_by_day()
        ids = provider.event_ids(None)
        # Every 97th event of CareCloud's has none.
        assert sum(counted.values()) == len(ids) - (3 if provider.name == "carecloud" else 0)
        generated = [day for day in counted if day.year == 2024]
        assert (min(generated), len(generated) > 50) == (START, True)

    def test_of_streamed_events_is_computed_and_the_same_as_counted(self) -> None:
        streamed = Cloud4Wi(Options(streamed=5000, start="2024-01-01T12:00:00Z", end="2024-01-05T11:59:59Z"))
        counted = streamed.events_by_day()
        assert counted == {
            START: 625,
            **{START + timedelta(days=day): 1250 for day in (1, 2, 3)},
            date(2024, 1, 5): 625,
        }

    def test_is_on_the_page(self, text: str) -> None:
        assert "1 Jan 2024 to 29 Feb 2024; a bar is a day, at most" in text
        [drawn] = re.findall(r'<section id="app_market">.*?<svg(.*?)</svg>', text, re.DOTALL)
        assert 'aria-label="300 events, 1 Jan 2024 to 29 Feb 2024"' in drawn
        assert sum(int(found) for found in re.findall(r"<title>[^<]+: (\d+)</title>", drawn)) == 300


class TestConfigurations:
    def test_are_written_before_the_address_is_announced_and_work_as_they_are(self, tmp_path: Path) -> None:
        folder = tmp_path / "a folder" / "secrets"
        with Sandbox(events=20, write_configs=str(folder)) as sandbox:
            assert sorted(path.name for path in folder.iterdir()) == [f"{name}.json" for name in PROVIDERS]
            for path in folder.iterdir():
                config = json.loads(path.read_text(encoding="utf-8"))
                validate(config)
                assert config["provider"]["api_url"].startswith(sandbox.url)
                assert run("check", config=config).connection_status == {"status": "SUCCEEDED"}

    def test_of_an_earlier_start_are_replaced(self, tmp_path: Path) -> None:
        providers = load_providers(Options(events=1))
        write_configurations(tmp_path, providers, "http://127.0.0.1:1")
        written = write_configurations(tmp_path, providers, "http://127.0.0.1:2")
        assert written == [tmp_path / f"{name}.json" for name in PROVIDERS]
        assert all("127.0.0.1:2" in path.read_text(encoding="utf-8") for path in written)

    @pytest.mark.parametrize(
        "theirs", ['{"provider": {"provider_type": "swipe_one", "api_key": "their own"}}', "[]", "not JSON", ""]
    )
    def test_never_take_the_place_of_another(self, tmp_path: Path, theirs: str) -> None:
        (tmp_path / "swipe_one.json").write_text(theirs, encoding="utf-8")
        with pytest.raises(RuntimeError, match=r"swipe_one\.json is not a configuration of the sandbox"):
            Sandbox(events=1, write_configs=str(tmp_path)).start()
        assert [path.name for path in tmp_path.iterdir()] == ["swipe_one.json"]
        assert (tmp_path / "swipe_one.json").read_text(encoding="utf-8") == theirs

    def test_that_cannot_be_written_are_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        with pytest.raises(RuntimeError, match="Not a directory"):
            Sandbox(events=1, write_configs=str(tmp_path / "file" / "folder")).start()

    def test_are_what_the_examples_use(self, tmp_path: Path) -> None:
        """The page's commands as they are; only the port is another."""
        start, *commands = (block.text for block in Page(PROJECT / "examples/README.md").blocks("sh"))
        program, option, folder = start.strip().rsplit(" ", 2)
        assert (program, option) == (".venv/bin/python -m sandbox", "--write-configs")
        (tmp_path / ".venv").symlink_to(sys.prefix)
        shutil.copytree(PROJECT / "examples", tmp_path / "examples")
        with Sandbox(events=50, write_configs=str(tmp_path / folder)):
            said = [shell(command, tmp_path) for command in commands]
        assert any('"SUCCEEDED"' in text for text in said)
        records = (tmp_path / "messages.jsonl").read_text(encoding="utf-8").count('"RECORD"')
        # The catalogue has the events of the organisation, and those of its contacts; these, and the places.
        assert records == 2 * (50 + 19) + (50 + 2) + 9

"""The results of the benchmarks are shown as they were measured: pages, pictures, and what the documentation says."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks import claims, render, workers
from benchmarks.cost import Cost
from benchmarks.parts import Row
from benchmarks.programs import PEERS, peers_installed
from benchmarks.render import PAGES
from benchmarks.report import as_json, as_markdown, limit_of_requests, row_of
from docs.generate import BLOCK
from integration_tests.documentation.pages import PROJECT
from sandbox.process import Sandbox

RESULTS = PROJECT / "benchmarks/results"
SVG = "{http://www.w3.org/2000/svg}"
LINK = re.compile(r"\]\([^)]*\)")


class Picture:
    """The texts of an SVG, its colours, and those that it has in dark mode."""

    def __init__(self, path: Path) -> None:
        self.source = path.read_text(encoding="utf-8")
        root = ElementTree.fromstring(self.source)
        self.texts = ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]
        self.text = "\n".join(self.texts)
        styles = " ".join(element.get("style", "") for element in root.iter())
        self.colours = set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", styles))
        rules = "".join(style.text or "" for style in root.iter(f"{SVG}style"))
        _, _, dark = rules.partition("@media (prefers-color-scheme: dark)")
        self.in_the_dark = dict(re.findall(r'"fill: (#\w{6})"\]\{fill:(#\w{6})!important\}', dark))


def figure(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


# --- pages


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_what_was_measured(name: str) -> None:
    text = (RESULTS / f"{name}.md").read_text(encoding="utf-8")
    assert PAGES[name](claims.results(name)) == text, "run `make bench-pages`"


def test_rendering_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "peers_installed", lambda: False)
    with pytest.raises(SystemExit, match="run `make bench-pages`"):
        render.main()


# --- pictures


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_says_when_and_where_and_which_way_is_better(name: str) -> None:
    content, picture = claims.results(name), Picture(RESULTS / f"{name}.svg")
    machine = content["machine"]
    versions = ", ".join(f"{package} {version}" for package, version in machine["versions"].items())
    where = f"{machine['cores']} cores, {machine['processor']}, Python {machine['python']}; {versions}."
    assert f"{content['date']}; {where}" in picture.texts, "run `make bench-pages`"
    assert re.search(r"^(Less|More) is better\.", picture.text, re.MULTILINE)
    assert "logarithmic" in picture.text


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_has_a_colour_of_its_own_for_dark_mode(name: str) -> None:
    picture = Picture(RESULTS / f"{name}.svg")
    assert picture.colours <= picture.in_the_dark.keys()
    assert "#ffffff" in picture.colours, "it has a background of its own"
    assert picture.in_the_dark["#ffffff"] == "#0d1117"


def test_the_comparison_has_the_figure_of_every_program() -> None:
    picture = Picture(RESULTS / "benchmark.svg")
    for row in claims.results("benchmark")["rows"]:
        if row["part"] in ("read", "pages", "carecloud", "contacts, 8 workers"):
            assert any(text.partition("  (")[0] == figure(row["cpu_per_million"]) for text in picture.texts), row


def test_the_growth_explains_the_step_of_the_state() -> None:
    states = [row for row in claims.results("growth")["states"] if row["program"] == "connector"]
    largest, last = max(states, key=lambda row: int(row["last"])), states[-1]
    picture = Picture(RESULTS / "growth.svg")
    assert last["last"] < largest["last"]
    assert f"Up to {largest['contacts']:,} contacts" in picture.texts
    assert f"{last['last']:,}" in picture.texts


def test_the_workers_have_the_figures_of_the_fewest_and_of_the_most() -> None:
    picture = Picture(RESULTS / "workers.svg")
    counts = [rate["workers"] for rate in claims.results("workers")["rates"]]
    for rate in claims.results("workers")["rates"]:
        if rate["workers"] in (min(counts), max(counts)):
            assert figure(rate["per_second"]) in picture.texts


@pytest.mark.skipif(not peers_installed(), reason="what draws the pictures is installed by make bench only")
@pytest.mark.parametrize("name", PAGES)
def test_a_picture_is_drawn_from_the_results(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{name}.json").write_bytes((RESULTS / f"{name}.json").read_bytes())
    subprocess.run([PEERS, "-m", "benchmarks.plots", name, tmp_path], check=True, cwd=PROJECT)
    assert Picture(tmp_path / f"{name}.svg").texts == Picture(RESULTS / f"{name}.svg").texts


# --- what the documentation says


def test_the_readme_has_no_figure_of_its_own() -> None:
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## How fast it is\n")[2].partition("\n## ")[0]
    prose = LINK.sub("]", BLOCK.sub("", section))
    assert "make bench" in prose
    assert not re.search(r"\d", prose), "a figure belongs into a generated part"


def test_memory_grows_and_then_little() -> None:
    """So says the page on performance."""
    peaks = [row["memory"] for row in claims.results("growth")["events"] if row["program"] == "connector"]
    assert peaks[-1] / peaks[-2] < 1.35
    assert max(peaks) < 155


def test_requests_a_second_are_workers_divided_by_answer_time_up_to_a_ceiling() -> None:
    """So says the page on performance; the server's own time comes on top, which short answers show."""
    rates = claims.results("workers")["rates"]
    longest = max(rate["answer_time"] for rate in rates)
    for rate in rates:
        ideal = rate["workers"] / rate["answer_time"]
        assert rate["per_second"] <= 1.02 * ideal
        assert rate["answer_time"] < longest or rate["per_second"] > 0.7 * ideal
    *_, fewer, most = (rate for rate in rates if rate["answer_time"] == min(rate["answer_time"] for rate in rates))
    assert most["per_second"] / fewer["per_second"] < 0.8 * most["workers"] / fewer["workers"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ({1: 3000, 8: 400, 20: 160, 40: 80}, 8),
        ({1: 60_000, 8: 7500, 20: 3000, 40: 1500}, 20),
        ({1: 600_000, 8: 75_000, 20: 30_000, 40: 15_000}, 40),
        ({1: 60_000, 8: 7500, 20: 7200, 40: 7100}, 8),
    ],
    ids=["the default does", "the fewest within an hour", "none within an hour", "more bring nothing"],
)
def test_the_fewest_workers_that_do_are_chosen(times: dict[int, float], expected: int) -> None:
    assert claims.chosen(times) == expected


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(45, "45 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (7200, "2.0 h"), (129_600, "1.5 days")],
)
def test_a_duration_has_the_unit_that_fits(seconds: float, text: str) -> None:
    assert claims.duration(seconds) == text


def test_the_time_of_a_sync_is_its_requests_by_the_measured_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    content = {
        "requests": {"contacts": 100, "first": 200, "later": 101},
        "rates": [{"answer_time": 0.3, "workers": count, "per_second": 2.0 * count} for count in (1, 8, 40)],
    }
    monkeypatch.setattr(claims, "results", lambda _: content)
    assert list(claims.sync_times()) == [
        "| contacts | requests | answers after | 1 worker | 8 workers | 40 workers | choose |",
        "|---|---|---|---|---|---|---|",
        "| 10,000 | 20,000 | 300 ms | 2.8 h | 21 min | 4 min | **8** |",
        "| 100,000 | 200,000 | 300 ms | 27.8 h | 3.5 h | 42 min | **40** |",
        "| 1,000,000 | 2,000,000 | 300 ms | 11.6 days | 34.7 h | 6.9 h | **40** |",
    ]


# --- what bounds the requests

OWN = Row("contacts, 8 workers", "connector", 1000, Cost(3.0, 1.5, 90.0), Cost(1.0, 0.5, 80.0), 1001, "contact")
SOCKETS = replace(OWN, program="limit: sockets and raw splice")
STOCK = replace(OWN, program="stock declarative source", cost=Cost(6.0, 5.0, 90.0))


def test_requests_are_bounded_by_the_answers_where_bare_sockets_make_no_more() -> None:
    assert (
        limit_of_requests([OWN, STOCK, SOCKETS])
        == "500 contacts a second, bounded by the answers (bare sockets 500, the stock source 200)"
    )


def test_requests_are_bounded_by_a_core_where_it_is_busy() -> None:
    fast, busy = replace(SOCKETS, cost=Cost(1.5, 0.6, 50.0)), replace(OWN, cost=Cost(3.0, 2.4, 90.0))
    assert (
        limit_of_requests([busy, fast])
        == "500 contacts a second, bounded by its own work, which takes 0.95 of a core (bare sockets 2,000)"
    )


def test_no_bound_is_named_where_none_is_seen() -> None:
    fast = replace(SOCKETS, cost=Cost(1.5, 0.6, 50.0))
    assert limit_of_requests([OWN, fast]) == "500 contacts a second (bare sockets 2,000)"


def test_the_report_says_what_bounds_the_requests() -> None:
    about: dict[str, Any] = {
        "date": "2026-01-02",
        "machine": {"cores": 2, "processor": "a processor", "python": "3.11", "versions": {"dlt": "1.31.0"}},
        "scale": {"rounds": 3},
    }
    assert "The connector makes 500 contacts a second, bounded by the answers (" in as_markdown([OWN, SOCKETS], about)


def test_a_row_comes_back_from_the_json_as_it_was() -> None:
    bare = Row("spec", "connector", 1, Cost(0.1, 0.05, 13.0))
    assert [row_of(figures) for figures in as_json([OWN, bare], {})["rows"]] == [OWN, bare]


# --- requests a second by number of workers


def test_each_worker_gets_the_same_number_of_batches() -> None:
    assert {cell.contacts % (workers.BATCH * cell.workers) for cell in workers.CELLS} == {0}
    assert max(cell.contacts for cell in workers.CELLS) <= workers.CONTACTS


def test_a_read_is_measured_with_its_requests_and_what_the_sandbox_took() -> None:
    with Sandbox(events=30, contacts=10, start=workers.START, end=workers.END, no_example=True) as sandbox:
        run = workers.measured(sandbox, workers.Cell(0.02, 2, 10))
        assert run.requests >= 10
        assert 0 < run.per_second <= 2 / 0.02
        counted = workers.requests_of_syncs(sandbox, 10)
    assert counted["first"] >= counted["later"] >= 11


def test_a_rate_counts_what_comes_behind_each_workers_first_request() -> None:
    arrivals = [datetime(2026, 1, 1, second=second) for second in (0, 0, 10, 10, 20, 20)]
    assert workers.rate_of(arrivals, 2) == 0.2


def test_the_ceiling_is_told_with_what_the_connectors_own_work_leaves_time_for() -> None:
    slow = {"answer_time": 0.05, "workers": 8, "per_second": 150, "cpu_per_request": 0.001}
    fast = {"answer_time": 0.005, "workers": 40, "per_second": 1000, "cpu_per_request": 0.0008}
    assert workers.ceiling({"rates": [slow, fast]}) == (
        "The most that was measured is 1,000 requests a second, with 40 workers and answers after 5 ms. A request took "
        "the connector 0.80 ms of CPU there, of which it can use hardly more than one core: about 1,250 a second are "
        "the ceiling here, whatever the number of workers."
    )


@pytest.mark.parametrize(("busy", "told"), [(0.05, False), (0.8, True)], ids=["quiet", "shared"])
def test_a_shared_machine_is_told(busy: float, told: bool) -> None:
    content = {"scale": {"rounds": 5}, "others": {"median": busy, "most": 1.5}, "machine": {"cores": 2}}
    text = workers.conditions(content)
    assert text.startswith("Medians of 5 interleaved rounds.")
    assert ("The machine was shared: other programs kept 0.8 of its 2 cores busy" in text) == told

"""The benchmark measures what it says, and the events that the sandbox streams are as good as generated ones."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from benchmarks.completeness import Incomplete, check_numbers
from benchmarks.cost import Cost, measure, median
from benchmarks.parts import Entry, Row, compare
from benchmarks.programs import Task, connector, limit
from benchmarks.report import as_json, as_markdown, judged
from sandbox.cloud4wi import CLIENT_KEY, CLIENT_SECRET, ORGANIZATION_ID
from sandbox.cloud4wi.feed import Feed, Selection, row_from
from sandbox.cloud4wi.generator import contact_id
from sandbox.cloud4wi.streamed import StreamedFeed, number_of
from sandbox.process import Sandbox
from sandbox.provider import Options

START, END = "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z"
EVENTS, CONTACTS = 2500, 7
OPTIONS = Options(streamed=EVENTS, contacts=CONTACTS, start=START, end=END)
EVER = (-(2**62), 2**62)
PATH = f"/v1/organizations/{ORGANIZATION_ID}/events"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(streamed=EVENTS, contacts=CONTACTS, start=START, end=END) as running:
        yield running


@pytest.fixture(scope="module")
def session(sandbox: Sandbox) -> requests.Session:
    logged_in = requests.Session()
    pair = {"clientKey": CLIENT_KEY, "clientSecret": CLIENT_SECRET}
    token = requests.post(f"{sandbox.url}/v1/sts/login/services", json=pair, timeout=10).json()["token"]
    logged_in.headers["Authorization"] = f"Bearer {token}"
    return logged_in


class TestStreamedEvents:
    streamed = StreamedFeed(OPTIONS)
    held = Feed(row_from(json.loads(text)) for text in streamed.rendered(range(EVENTS)))

    def test_carry_their_number_in_their_id(self) -> None:
        ids = [json.loads(text)["event"]["id"] for text in self.streamed.rendered(range(EVENTS))]
        assert ids == self.streamed.ids_of(None)
        assert [number_of(event_id) for event_id in ids] == list(range(EVENTS))

    def test_are_the_same_each_time(self) -> None:
        assert StreamedFeed(OPTIONS).rendered([0, 1234]) == self.streamed.rendered([0, 1234])

    @pytest.mark.parametrize("contact", [None, contact_id(0), contact_id(CONTACTS - 1), "nobody"])
    @pytest.mark.parametrize("types", [None, frozenset({"visit", "login"})])
    @pytest.mark.parametrize("created", [EVER, (1704499200_000_000, 1705276800_000_000), (5, 4)])
    @pytest.mark.parametrize("reverse", [False, True])
    def test_are_selected_as_if_they_were_held(
        self, contact: str | None, types: frozenset[str] | None, created: tuple[int, int], reverse: bool
    ) -> None:
        selection = Selection(created, types, by_business_time=False, reverse=reverse)
        assert list(self.streamed.select(selection, contact)) == list(self.held.select(selection, contact))

    def test_are_sorted_by_local_time_on_request(self) -> None:
        positions = self.streamed.select(Selection(EVER, None, by_business_time=True, reverse=False))
        local = [json.loads(text)["when"]["createdAtLocal"] for text in self.streamed.rendered(positions)]
        assert local == sorted(local)
        assert sorted(positions) == list(range(EVENTS))

    def test_are_served_by_scroll_with_the_usual_strictness(self, sandbox: Sandbox, session: requests.Session) -> None:
        params = {"enableScroll": "true", "sortBy": "utcTime", "size": "1000"}
        first = session.get(sandbox.url + PATH, params=params, timeout=10).json()
        token = first["scrollId"]
        second = session.get(sandbox.url + PATH, params={**params, "scrollId": token}, timeout=10).json()
        assert [number_of(item["event"]["id"]) for item in first["events"][-2:]] == [987, 994]
        assert len(first["events"]) == len(second["events"]) == 1000
        assert session.get(sandbox.url + PATH, params={**params, "scrollId": token}, timeout=10).status_code == 409
        assert session.get(sandbox.url + PATH, params={**params, "page": "2"}, timeout=10).status_code == 409

    def test_cannot_be_added_to(self, sandbox: Sandbox) -> None:
        with pytest.raises(ValueError, match="nothing can be added to streamed events"):
            sandbox.control.add_events("cloud4wi", generate=1)


class TestComparison:
    def test_measures_programs_whose_output_is_complete(self, sandbox: Sandbox) -> None:
        task = Task(sandbox.url, START, END)
        rows = compare(
            "read",
            [
                Entry(program, task, Task(sandbox.url, START, END, empty=True), EVENTS, complete)
                for program in (connector(), limit("splice"))
            ],
            1,
            sandbox,
        )
        assert [(row.program, row.records) for row in rows] == [
            ("connector", EVENTS),
            ("limit: raw splice", EVENTS),
        ]
        own, splice = rows
        assert own.startup is not None
        assert 0 < own.startup.cpu < 30
        # One login, one page and the empty one behind it.
        assert splice.requests == 3

    @pytest.mark.parametrize("numbers", [[0, 1], [0, 1, 1, 2], [0, 1, 2, 3]], ids=["missing", "repeated", "unknown"])
    def test_refuses_an_incomplete_output(self, numbers: list[int]) -> None:
        with pytest.raises(Incomplete):
            check_numbers([f"{number:032x}l" for number in numbers], range(3))

    def test_adds_up_what_a_program_starts(self) -> None:
        """Two processes, each with a second's work and a hundred megabytes, of which one starts the other."""
        work = (
            "import time; kept = b'x' * 100_000_000; begin = time.process_time()\n"
            "while time.process_time() - begin < 1: pass"
        )
        start = f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {work!r}])"
        both = f"{start}\n{work}\nchild.wait()"
        cost = measure([sys.executable, "-c", both], tree=True)
        assert 2 <= cost.cpu < 3
        assert 200 < cost.memory < 300

    def test_says_why_a_program_failed(self) -> None:
        with pytest.raises(RuntimeError, match="no such luck"):
            measure([sys.executable, "-c", "import sys; sys.exit('no such luck')"])

    def test_ends_a_program_at_its_first_record(self) -> None:
        code = """print('{"type":"RECORD"}', flush=True); import time; time.sleep(60)"""
        assert measure([sys.executable, "-c", code], until_first_record=True).wall < 30

    def test_counts_a_programs_own_memory_alone(self) -> None:
        held = bytearray(200 * 2**20)
        assert measure([sys.executable, "-I", "-S", "-c", "pass"]).memory < 60
        assert len(held) == 200 * 2**20


def complete(output: Path) -> None:
    records = [message["record"]["data"] for message in map(json.loads, output.open()) if message["type"] == "RECORD"]
    check_numbers([record["id"] for record in records], range(EVENTS))


class TestReport:
    rows = (
        Row("read", "connector", 1_000_000, Cost(10.0, 7.0, 140.0), Cost(2.0, 2.0, 80.0), 210),
        Row("read", "limit: raw splice", 1_000_000, Cost(5.0, 4.1, 50.0), Cost(0.2, 0.1, 40.0), 102),
        Row("read", "stock declarative source", 50_000, Cost(20.0, 22.0, 120.0), Cost(2.0, 2.0, 80.0), 9),
        Row("spec", "connector", 1, Cost(0.1, 0.05, 13.0)),
        Row("contacts, 8 workers", "connector", 1000, Cost(4.0, 3.0, 90.0), Cost(2.0, 2.0, 80.0), 1001, "contact"),
        Row(
            "contacts, 8 workers",
            "stock declarative source",
            100,
            Cost(3.0, 3.0, 90.0),
            Cost(2.0, 2.0, 80.0),
            101,
            "contact",
        ),
    )
    about: ClassVar[dict[str, Any]] = {
        "date": "2026-01-02",
        "machine": {"cores": 2, "processor": "a processor", "python": "3.11", "versions": {"dlt": "1.31.0"}},
        "scale": {"rounds": 3},
    }

    def test_judges_each_target_by_figures_beyond_start_up(self) -> None:
        found = {result["target"]: (result["measured"], result["met"]) for result in judged(self.rows)}
        assert found["CPU per record beyond start-up, times that of the raw splice"] == ("1.25", True)
        assert found["CPU per record of the stock source, times the connector's"] == ("80.0", True)
        assert found["`spec`, CPU s"] == ("0.05", True)
        assert found["requests a second with 8 workers, times those of stock"] == ("5.0", False)

    def test_says_of_what_was_not_run_that_it_was_not_measured(self) -> None:
        found = {result["target"]: result["met"] for result in judged(self.rows)}
        assert found["CPU per record of the best peer, times the connector's"] is None
        assert "| peak memory with 40 workers, MB | below 150 | - | not measured |" in as_markdown(
            self.rows, self.about
        )

    def test_writes_a_table_for_each_part(self) -> None:
        text = as_markdown(self.rows, self.about)
        assert "| stock declarative source | 50,000 | 2,778 | 400.0 | 80.00 | 2.00 | 120 | 9 |" in text
        assert "2026-01-02; 2 cores, a processor, Python 3.11; dlt 1.31.0." in text

    def test_gives_no_rate_where_the_work_was_less_than_the_start_up(self) -> None:
        row = Row("read", "connector", 10, Cost(1.0, 1.0, 90.0), Cost(2.0, 2.0, 80.0), 2)
        assert "| connector | 10 | - |" in as_markdown([row], self.about)
        assert as_json([row], self.about)["rows"][0]["per_second"] is None

    def test_writes_the_same_figures_as_json(self) -> None:
        content = json.loads(json.dumps(as_json(self.rows, self.about)))
        assert content["rows"][0]["cpu_per_million"] == 5.0
        assert content["rows"][3]["cpu_per_million"] is None

    def test_takes_the_median_seconds_and_the_highest_memory(self) -> None:
        costs = [Cost(1.0, 5.0, 10.0), Cost(2.0, 4.0, 30.0), Cost(9.0, 3.0, 20.0)]
        assert median(costs) == Cost(2.0, 4.0, 30.0)

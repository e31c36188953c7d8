"""The dbt package makes of the sample data what Python counts in it, in DuckDB and in Postgres, run after run."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from docs import generate
from integration_tests.documentation.pages import PROJECT, TIMEOUT
from integration_tests.warehouse import analysis, loading
from integration_tests.warehouse.analysis import Project
from integration_tests.warehouse.loading import KINDS, running
from source_events import providers

Row = dict[str, Any]

# The results are read by PyAirbyte's interpreter, which has drivers for both.
pytestmark = [*analysis.marks, *loading.marks, pytest.mark.timeout(TIMEOUT)]

PACKAGE, SAMPLE = PROJECT / "dbt", PROJECT / "examples/dbt-sample"
VARIABLES: Row = yaml.safe_load((PACKAGE / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]["source_events"]
CHOSEN: Row = yaml.safe_load((SAMPLE / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]["source_events"]
EVENTS = {
    name: f"{name}_{VARIABLES[f'{name}_stream']}"
    for name in providers.names()
    if f"{name}_stream" in VARIABLES and CHOSEN.get(name, True)
}
"""The tables of the systems that have a sample: its variables switch the others off."""
MODELS = ("events", "visits", "visits_by_place_and_day", "sessions", "funnel", "stg_carecloud__properties_pivoted")
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Built:
    """The models' rows after the first run, after one with other seeds, and as another loader would write them."""

    project: Project
    said: str
    first: dict[str, list[Row]]
    second: dict[str, list[Row]]
    otherwise_loaded: dict[str, list[Row]]


@pytest.fixture(scope="module", params=KINDS)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as warehouse:
        project = Project.copied("dbt-sample", warehouse)
        said = project.run_page()
        first = project.rows(*MODELS)
        change_seeds(project.folder / "seeds")
        project.run("seed")
        project.run("build", "--exclude-resource-type", "seed")
        second = project.rows(*MODELS)
        load_otherwise(project.folder)
        project.run("seed", "--full-refresh")
        variables = json.dumps({"loaded_at_column": "loadedAt", "column_names": "original"})
        project.run("run", "--full-refresh", "--vars", variables)
        yield Built(project, said, first, second, project.rows(*MODELS))


# --- the sample


def test_every_event_is_stacked_once_with_its_moment(built: Built) -> None:
    found = {key_of(row): moment_if_any(row["created_at"]) for row in built.first["events"]}
    assert found == {key_of(row): moment_if_any(row["createdat"]) for row in seeded_events()}
    assert len(built.first["events"]) == len(found)


def test_days_are_those_of_the_events_own_zone(built: Built) -> None:
    found = {key_of(row): row["local_day"] for row in built.first["events"]}
    assert found == {key_of(row): text(local_day(row)) for row in seeded_events()}
    utc = {key_of(row): row["createdat"][:10] or None for row in seeded_events()}
    assert {provider for provider, id in found if found[provider, id] != utc[provider, id]} == {"cloud4wi", "carecloud"}


def test_types_of_carecloud_have_names(built: Built) -> None:
    names = {row["event_type_id"]: row["text_id"] for row in seeds("carecloud_event_types")}
    found = {row["id"]: row["event_name"] for row in built.first["events"] if row["provider"] == "carecloud"}
    assert found == {row["id"]: names[row["type"]] for row in seeds("carecloud_org_events")}


def test_visits_have_start_length_place_and_the_places_day(built: Built) -> None:
    found = {key_of(visit): visit_of(visit) for visit in built.first["visits"]}
    assert found == {key_of(row): expected_visit(row) for row in seeded_visits()}
    assert {provider for provider, _ in found} == set(EVENTS)


def test_visits_are_counted_by_place_and_day(built: Built) -> None:
    contacts = defaultdict(list)
    for row in seeded_visits():
        visit = expected_visit(row)
        contacts[row["provider"], visit["place"], visit["local_day"]].append(row["contactid"])
    found = {
        (row["provider"], row["place"], row["day"]): (row["visits"], row["visitors"])
        for row in built.first["visits_by_place_and_day"]
    }
    assert found == {key: (len(came), len(set(came))) for key, came in contacts.items()}
    assert len(built.first["visits_by_place_and_day"]) == len(found)


def test_a_session_is_what_a_contact_does_without_a_long_pause(built: Built) -> None:
    assert sessions_of(built.first) == Counter(expected_sessions(seeded_events()))


def test_a_session_is_named_after_its_first_event(built: Built) -> None:
    events = {f"{row['provider']}:{row['id']}": row for row in built.first["events"]}
    for session in built.first["sessions"]:
        first = events[session["session_id"]]
        assert (first["contact_id"], first["created_at"]) == (session["contact_id"], session["started_at"])
        assert (first["event_name"], first["local_day"]) == (session["first_event"], session["local_day"])


def test_the_funnel_counts_contacts_that_came_so_far_in_this_order(built: Built) -> None:
    found = {(row["provider"], row["step"]): row["contacts"] for row in built.first["funnel"]}
    expected = expected_funnel(seeded_events())
    assert found == expected
    steps = [step["name"] for step in VARIABLES["funnel"]]
    for row in built.first["funnel"]:
        provider, step = row["provider"], row["step"]
        assert row["name"] == steps[step - 1]
        assert row["share_of_first"] == pytest.approx(expected[provider, step] / expected[provider, 1])
        before = expected.get((provider, step - 1))
        assert row["share_of_previous"] == (before and pytest.approx(expected[provider, step] / before))


def test_properties_are_columns_of_their_types(built: Built) -> None:
    expected: dict[str, Row] = defaultdict(lambda: {"store": None, "amount": None, "delivered": None})
    for record in seeds("carecloud_property_records"):
        expected[record["eventid"]][record["property_id"]] = json.loads(record["property_value"])
    found = {row["event_id"]: row for row in built.first["stg_carecloud__properties_pivoted"]}
    assert set(found) == set(expected)
    for event, values in expected.items():
        assert (found[event]["store"], found[event]["delivered"]) == (values["store"], values["delivered"])
        assert float(found[event]["amount"]) == values["amount"]


def test_texts_lose_the_quotes_of_json(built: Built) -> None:
    rows = built.project.warehouse.query(
        "SELECT DISTINCT event_name, data FROM analytics.stg_carecloud__events WHERE data IS NOT NULL"
    )
    assert rows == [{"event_name": "purchase", "data": '{"till": 3}'}]


def test_moments_have_a_zone_and_days_are_dates(built: Built) -> None:
    types = built.project.warehouse.column_types("analytics", "events")
    assert types["created_at"] == types["started_at"] == "timestamp with time zone"
    assert types["local_created_at"].startswith("timestamp")
    assert "with time zone" not in types["local_created_at"]
    assert types["local_day"] == "date"
    assert {types[name] for name in ("id", "type", "event_name", "place")} <= {"varchar", "text", "character varying"}


def test_the_page_draws_a_chart_of_visits(built: Built) -> None:
    rows = [line.split("|")[1:-1] for line in built.said.splitlines() if line.startswith("| ") and "#" in line]
    found = {(place.strip(), day.strip()): (int(visits), chart.strip()) for place, day, visits, chart in rows}
    assert {place for place, _ in found} == {"Baixa Shop", "Praha"}
    assert all(chart == "#" * visits for visits, chart in found.values())


def test_the_tests_of_the_package_are_run_and_pass(built: Built) -> None:
    assert re.search(r"[1-9]\d data tests", built.said)
    assert "WARN=0 ERROR=0" in built.said


# --- the second run


def test_a_second_run_takes_events_that_are_new_however_old_they_are(built: Built) -> None:
    before, after = (Counter(key_of(row) for row in rows["events"]) for rows in (built.first, built.second))
    assert after - before == Counter({("swipe_one", id): 1 for id in ("old-1", "old-2", "old-3")})
    assert not before - after


def test_a_second_run_takes_what_has_changed_within_the_lookback_and_nothing_before(built: Built) -> None:
    places = {key_of(row): row["place"] for row in built.second["events"]}
    newest, older = changed_events(seeds("cloud4wi_org_events"))
    assert (places["cloud4wi", newest], places["cloud4wi", older]) == ("Changed", "Ferry Café")


def test_a_pause_of_exactly_the_gap_ends_no_session(built: Built) -> None:
    found = sorted(row["events"] for row in built.second["sessions"] if row["contact_id"] == "old")
    assert found == [1, 2]


def test_tables_of_another_loader_give_the_same(built: Built) -> None:
    """JSON as text, times with a zone, names as the connector writes them, rows that are there more than once."""
    for model in MODELS:
        assert comparable(built.otherwise_loaded[model]) == comparable(built.second[model]), model


# --- documentation and settings


def test_every_column_is_described_in_the_documentation_and_in_the_warehouse(built: Built) -> None:
    built.project.run("docs", "generate")
    catalogue, manifest = (
        json.loads((built.project.folder / f"target/{name}.json").read_text(encoding="utf-8"))
        for name in ("catalog", "manifest")
    )
    models = {name: node for name, node in manifest["nodes"].items() if name.startswith("model.source_events.")}
    chosen = {"store", "amount", "delivered"}
    for name, node in models.items():
        described = {column for column, told in node["columns"].items() if told["description"]}
        assert set(catalogue["nodes"][name]["columns"]) - described == (chosen if "pivoted" in name else set()), name
        assert node["description"], name
    folders = {"marts", *EVENTS}
    assert len(models) == len([path for path in PACKAGE.glob("models/**/*.sql") if path.parent.name in folders])
    assert catalogue["nodes"]["model.source_events.events"]["columns"]["local_day"]["comment"] == (
        "The day then in the event's own time zone."
    )


def test_freshness_warns_of_each_system_whose_newest_event_is_old(built: Built) -> None:
    said = built.project.run("source", "freshness", "--vars", json.dumps({"column_names": "original"}))
    stale = re.findall(r"WARN freshness of (\w+\.\w+)", said)
    assert sorted(stale) == sorted(name.replace("_org", ".org").replace("_con", ".con") for name in EVENTS.values())


def test_the_package_is_installed_from_a_repository_with_the_systems_that_are_on(tmp_path: Path) -> None:
    with running("duckdb", tmp_path) as warehouse:
        project = Project.copied("dbt", warehouse)
        repository = tmp_path / "repository"
        repository.mkdir()
        (tmp_path / "dbt").rename(repository / "dbt")
        git = ["git", "-C", str(repository), "-c", "user.name=Test", "-c", "user.email=test@example.com"]
        for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "Package"]):
            subprocess.run([*git, *command], check=True)
        installed = {"git": f"file://{repository}", "subdirectory": "dbt", "revision": "main"}
        (project.folder / "packages.yml").write_text(yaml.safe_dump({"packages": [installed]}), encoding="utf-8")
        project.run("deps")
        models = ["ls", "--quiet", "--resource-type", "model", "--output", "name", "--vars"]
        on = project.run(*models, json.dumps(dict.fromkeys({*providers.names()} - {"cloud4wi"}, False)))
        marts = {"events", "visits", "visits_by_place_and_day", "sessions", "funnel"}
        assert set(on.split()) == {"stg_cloud4wi__events", *marts}
        none = project.run(*models, json.dumps(dict.fromkeys(providers.names(), False)), fails=True)
        assert "All systems are switched off: set at least one of" in none


def test_the_package_knows_every_stream_as_a_source() -> None:
    documents = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in PACKAGE.glob("models/staging/*/*.yml")]
    sources = [source for document in documents for source in document.get("sources", ())]
    tables = {source["name"]: {table["name"] for table in source["tables"]} for source in sources}
    assert tables == {name: {stream.name for stream in generate.streams_of(name)} for name in providers.names()}


def test_every_variable_of_the_models_has_a_default() -> None:
    files = [path for pattern in ("models/**/*", "macros/*") for path in PACKAGE.glob(pattern) if path.is_file()]
    used = {name for path in files for name in re.findall(r"var\([\"'](\w+)[\"']\)", path.read_text(encoding="utf-8"))}
    assert used - set(VARIABLES) == set()
    assert {
        name for name in set(VARIABLES) - used if not re.match(rf"({'|'.join(providers.names())})(_stream)?$", name)
    } == set()


def test_the_seeds_are_those_that_the_script_writes(tmp_path: Path) -> None:
    subprocess.run(["python3", str(SAMPLE / "generate.py"), str(tmp_path)], check=True)
    for path in (SAMPLE / "seeds").glob("*.csv"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()
    assert len([*tmp_path.iterdir()]) == len([*(SAMPLE / "seeds").iterdir()])


# --- what is expected


def seeds(name: str) -> list[dict[str, str]]:
    return read(SAMPLE / f"seeds/{name}.csv")


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [*csv.DictReader(file)]


def seeded_events() -> list[dict[str, str]]:
    names = {row["event_type_id"]: row["text_id"] for row in seeds("carecloud_event_types")}
    return [{**row, "name": names.get(row["type"], row["type"])} for name in EVENTS.values() for row in seeds(name)]


def seeded_visits() -> list[dict[str, str]]:
    return [row for row in active(seeded_events()) if row["name"] in VARIABLES["visit_types"]]


def active(events: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """Those with a time that are not deleted."""
    return [event for event in events if event["createdat"] and event.get("state") != "0"]


def moment(value: str) -> datetime:
    return datetime.fromisoformat(value).astimezone(timezone.utc)


def moment_if_any(value: str | None) -> datetime | None:
    return moment(value) if value else None


def text(value: date | None) -> str | None:
    return value.isoformat() if value else None


def local_day(event: dict[str, str]) -> date | None:
    if event["provider"] == "carecloud":
        return date.fromisoformat(event["created_at"][:10]) if event["createdat"] else None
    return on_clock(event, moment(event["createdat"])).date()


def on_clock(event: dict[str, str], time: datetime) -> datetime:
    zone = json.loads(event["when"])["timezone"] if event["provider"] == "cloud4wi" else "UTC"
    return time.astimezone(ZoneInfo(zone))


def visit_of(visit: Row) -> Row:
    times = {name: moment_if_any(visit[name]) for name in ("started_at", "ended_at")}
    return {**times, **{name: visit[name] for name in ("duration_minutes", "place", "local_day")}}


def expected_visit(event: dict[str, str]) -> Row:
    created = moment(event["createdat"])
    if event["provider"] == "cloud4wi":
        visit = json.loads(event["event"])["visit"]
        return {
            "started_at": moment(visit["startAt"]),
            "ended_at": created,
            "duration_minutes": visit["duration"],
            "place": names_now()[json.loads(event["where"])["locationId"]],
            "local_day": visit["startAtLocal"][:10],
        }
    return {
        "started_at": created,
        "ended_at": None,
        "duration_minutes": None,
        "place": place_of(event),
        "local_day": text(local_day(event)),
    }


def names_now() -> dict[str, str]:
    """What the places are called now; one had another name when its events were made."""
    return {row["id"]: row["name"] for row in seeds("cloud4wi_locations")}


def place_of(event: dict[str, str]) -> Any:
    if event["provider"] == "swipe_one":
        return json.loads(event["properties"])["location"]
    if event["provider"] == "app_market":
        return json.loads(event["content"])["store_id"]
    (record,) = (
        record
        for record in seeds("carecloud_property_records")
        if (record["eventid"], record["property_id"]) == (event["id"], "store")
    )
    return json.loads(record["property_value"])


def sessions_of(rows: dict[str, list[Row]]) -> Counter[tuple[str, str, datetime, datetime, int]]:
    return Counter(
        (row["provider"], row["contact_id"], moment(row["started_at"]), moment(row["ended_at"]), row["events"])
        for row in rows["sessions"]
    )


def by_contact(events: Iterable[dict[str, str]]) -> dict[tuple[str, str], list[tuple[datetime, str]]]:
    """Times and names of each contact's events, in their order."""
    found = defaultdict(list)
    for event in active(events):
        found[event["provider"], event["contactid"]].append((moment(event["createdat"]), event["name"]))
    return {contact: sorted(did) for contact, did in found.items()}


def expected_sessions(events: Iterable[dict[str, str]]) -> Iterator[tuple[str, str, datetime, datetime, int]]:
    gap = timedelta(minutes=VARIABLES["session_gap_minutes"])
    for contact, did in by_contact(events).items():
        times = [time for time, name in did if name not in VARIABLES["passive_types"]]
        begins = [place for place, time in enumerate(times) if place == 0 or time - times[place - 1] > gap]
        for begin, end in zip(begins, [*begins[1:], len(times)], strict=True):
            yield *contact, times[begin], times[end - 1], end - begin


def expected_funnel(events: Iterable[dict[str, str]]) -> dict[tuple[str, int], int]:
    counts = {(provider, step): 0 for provider in EVENTS for step in range(1, len(VARIABLES["funnel"]) + 1)}
    for (provider, _), did in by_contact(events).items():
        reached = datetime.min.replace(tzinfo=timezone.utc)
        for number, step in enumerate(VARIABLES["funnel"], start=1):
            later = [time for time, name in did if name in step["events"] and time >= reached]
            if not later:
                break
            reached = min(later)
            counts[provider, number] += 1
    return counts


# --- other seeds


def change_seeds(folder: Path) -> None:
    """Three events from before the first, and two others at another place: the newest, and one two days before it."""
    rows = read(folder / "swipe_one_contact_events.csv")
    times = ("2026-02-01 10:00:00+00:00", "2026-02-01 10:30:00+00:00", "2026-02-01 11:00:01+00:00")
    added = [{**rows[0], "id": f"old-{n}", "contactid": "old", "createdat": time} for n, time in enumerate(times, 1)]
    write(folder / "swipe_one_contact_events.csv", [*rows, *added])
    rows = read(folder / "cloud4wi_org_events.csv")
    changed = changed_events(rows)
    for row in rows:
        if row["id"] in changed:
            row["where"] = json.dumps({**json.loads(row["where"]), "locationName": "Changed"})
    write(folder / "cloud4wi_org_events.csv", rows)


def changed_events(rows: list[dict[str, str]]) -> tuple[str, str]:
    newest = max(rows, key=lambda row: row["createdat"])
    limit = moment(newest["createdat"])
    older = [
        row
        for row in rows
        if row["type"] == "login" and "Ferry" in row["where"] and moment(row["createdat"]) < limit - 2 * DAY
    ]
    return newest["id"], max(older, key=lambda row: row["createdat"])["id"]


def load_otherwise(project: Path) -> None:
    """The tables as a loader makes them that only appends, keeps names, knows time zones and writes JSON as text."""
    names = {"createdat": "createdAt", "organizationid": "organizationId", "contactid": "contactId"}
    names |= {"eventid": "eventId", "createdby": "createdBy", "externalid": "externalId"}
    settings = project / "dbt_project.yml"
    types = settings.read_text(encoding="utf-8").replace(": json", ": text").replace(": timestamp", ": timestamptz")
    for name, original in names.items():
        types = types.replace(f" {name}:", f" {original}:")
    settings.write_text(types, encoding="utf-8")
    for path in (project / "seeds").glob("*.csv"):
        rows = [{names.get(name, name): value for name, value in row.items()} for row in read(path)]
        changes = {"state": "0", "contactId": "stale", "name": "stale"}
        stale = [{**row, **next(({name: changes[name]} for name in changes if name in row), {})} for row in rows[:9]]
        write(
            path,
            [{**row, "loadedAt": "2026-05-01 00:00:00"} for row in rows]
            + [{**row, "loadedAt": "2026-04-30 00:00:00"} for row in stale],
        )


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)


def key_of(row: Row) -> tuple[str, str]:
    return row["provider"], row["id"]


def comparable(rows: list[Row]) -> list[str]:
    """The rows but for the event that a second run does not take again, and a full refresh does."""
    _, older = changed_events(seeds("cloud4wi_org_events"))
    return sorted(json.dumps(row, sort_keys=True) for row in rows if row.get("id") != older)

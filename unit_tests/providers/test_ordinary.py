"""A provider without Python: an ordinary API, from its folder to its records, and what its author may write wrongly."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from airbyte_cdk.models import FailureType, Status
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events import providers
from source_events.settings import configuration
from source_events.source import SourceEvents
from unit_tests.exchange import Request, Response, Transport
from unit_tests.reading import LOGGER, Output, read, stream_state

FOLDER = Path(__file__).parent / "ordinary"
MOST_LINES = 60
API = "https://api.papyrus.example/v1"
CONFIG = {
    "provider": {"provider_type": "papyrus", "account_id": "acme", "api_key": "a-fake-key"},
    "start_date": "2024-01-01T00:00:00Z",
    "end_date": "2024-01-14T12:00:00Z",
}
Json = dict[str, Any]


def event(name: str, time: Any, profile: str = "p1", metric: str = "m1", **fields: Any) -> Json:
    return {
        "type": "event",
        "id": name,
        "attributes": {"datetime": time, "value": 1.5},
        "relationships": {
            "metric": {"data": {"type": "metric", "id": metric}},
            "profile": {"data": {"type": "profile", "id": profile}},
        },
        **fields,
    }


EVENTS = [
    event("before", "2023-12-31T23:59:59Z"),
    event("first", "2024-01-01T00:00:00Z"),
    event("offset", "2024-01-02T02:00:00.5+02:00", "p2", "m2"),
    event("last second of a slice", "2024-01-07T23:59:59.999Z"),
    event("first second of the next", "2024-01-08T00:00:00Z", "p3/é"),
    event("last", "2024-01-14T12:00:00Z", "p2"),
    event("behind", "2024-01-14T12:00:00.5Z"),
]
METRICS = {"m1": "Opened", "m2": "Clicked"}


class Papyrus:
    """The API: two rows a page, whatever is asked for, of which `changed` may make another answer."""

    page = 2

    def __init__(self, network: Transport) -> None:
        self.events = list(EVENTS)
        self.changed: Callable[[Json], Json] = lambda answer: answer
        self.asked: list[Request] = []
        self.gone: str | None = None
        self.deaf = False
        """Whether it serves the first page, whichever is asked for, and always promises another."""
        network.answer = self._answer  # type: ignore[method-assign]

    def _answer(self, made: Request) -> Response:
        self.asked.append(made)
        headers, query = dict(made.headers), dict(made.query)
        if headers.get("Authorization") != "Papyrus-Key a-fake-key" or headers.get("revision") != "2026-10-15":
            return Response(b'{"errors":[{"detail":"Missing or invalid key."}]}', 401)
        path = made.url.removeprefix(API)
        if path == "/profiles":
            return self._page(made, [{"type": "profile", "id": name, "attributes": {}} for name in ("p1", "p2")], {})
        contact = path.removeprefix("/profiles/").removesuffix("/events") if path != "/events" else None
        if contact == self.gone and contact:
            return Response(b"{}", 404)
        start, end = query["filter"].removeprefix("and(greater-or-equal(datetime,").split("),less-than(datetime,")
        found = [
            each
            for each in self.events
            if contact is None or quote(each["relationships"]["profile"]["data"]["id"], safe="") == contact
            if start <= str(each["attributes"]["datetime"]) < end.removesuffix("))")
        ]
        assert query["include"] == "metric"
        return self._page(made, found, {"included": self._included()})

    @staticmethod
    def _included() -> list[Json]:
        return [{"type": "metric", "id": name, "attributes": {"name": text}} for name, text in METRICS.items()]

    def _page(self, made: Request, rows: list[Json], beside: Json) -> Response:
        query = dict(made.query)
        begin = int(query.get("page[cursor]", 0)) + (int(query.get("page[number]", 1)) - 1) * self.page
        begin = 0 if self.deaf else begin
        token = following = None
        if begin + self.page < len(rows) or self.deaf:
            token = str(begin + self.page)
            asked = {**query, "page[cursor]": token}
            following = f"{made.url}?" + "&".join(f"{name}={quote(value)}" for name, value in asked.items())
        answer = {"data": rows[begin : begin + self.page], "links": {"next": following, "token": token}, **beside}
        return Response(json.dumps(self.changed(answer)).encode())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of its own, with nothing but the folder."""
    shutil.copytree(FOLDER, tmp_path / "registry")
    monkeypatch.setattr(providers, "FOLDER", tmp_path / "registry")
    monkeypatch.setattr(configuration, "_schema", configuration._schema.__wrapped__)
    return tmp_path / "registry" / "papyrus"


@pytest.fixture
def api(folder: Path, network: Transport) -> Papyrus:
    return Papyrus(network)


Change = Callable[[Callable[[Json], None]], None]


@pytest.fixture
def change(folder: Path) -> Change:
    """Change the manifest."""

    def changing(edit: Callable[[Json], None]) -> None:
        path = folder / "manifest.yaml"
        manifest = yaml.safe_load(path.read_text())
        edit(manifest)
        path.write_text(yaml.safe_dump(manifest))

    return changing


def record(native: Mapping[str, Any], time: str, metric: str) -> Json:
    return {
        **native,
        "provider": "papyrus",
        "type": metric,
        "createdAt": time,
        "organizationId": "acme",
        "contactId": native["relationships"]["profile"]["data"]["id"],
    }


WANTED = [
    record(EVENTS[1], "2024-01-01T00:00:00Z", "Opened"),
    record(EVENTS[2], "2024-01-02T00:00:00.5Z", "Clicked"),
    record(EVENTS[3], "2024-01-07T23:59:59.999Z", "Opened"),
    record(EVENTS[4], "2024-01-08T00:00:00Z", "Opened"),
    record(EVENTS[5], "2024-01-14T12:00:00Z", "Opened"),
]


def in_order(output: Output) -> list[Json]:
    return sorted(output.records(), key=lambda found: found["createdAt"])


def failure_of(output: Output) -> str:
    assert output.errors, "nothing was said"
    return str(output.errors[0]["message"])


class TestReading:
    def test_it_is_a_folder_of_few_lines(self):
        assert len((FOLDER / "papyrus" / "manifest.yaml").read_text().splitlines()) <= MOST_LINES
        assert list(FOLDER.rglob("*.py")) == []

    def test_it_is_discovered(self, folder):
        streams = SourceEvents().discover(LOGGER, CONFIG).streams
        assert [stream.name for stream in streams] == ["org_events", "contact_events", "contacts"]

    def test_the_connection_is_checked_with_one_row(self, api):
        assert SourceEvents().check(LOGGER, CONFIG).status is Status.SUCCEEDED
        [made] = api.asked
        assert dict(made.query)["page[size]"] == "1"

    def test_a_key_that_is_refused_is_named(self, api):
        provider = {**CONFIG["provider"], "api_key": "a-wrong-fake-key"}
        status = SourceEvents().check(LOGGER, {**CONFIG, "provider": provider})
        assert status.message == (
            "Papyrus does not accept the key. Check `provider.api_key`. "
            "(The API answered 401 Unauthorized: Missing or invalid key.)"
        )

    @pytest.mark.parametrize("stream", ["org_events", "contact_events"])
    def test_every_event_comes_once_and_exactly(self, api, stream):
        assert in_order(read(stream, config=CONFIG)) == WANTED

    def test_the_time_filter_has_the_seconds_of_the_slice(self, api):
        read("org_events", config=CONFIG)
        assert {dict(made.query)["filter"] for made in api.asked} == {
            "and(greater-or-equal(datetime,2024-01-01T00:00:00Z),less-than(datetime,2024-01-08T00:00:00Z))",
            "and(greater-or-equal(datetime,2024-01-08T00:00:00Z),less-than(datetime,2024-01-14T12:00:01Z))",
        }

    def test_only_wanted_types_are_read(self, api):
        assert read("org_events", config={**CONFIG, "event_types": ["Clicked"]}).ids() == ["offset"]

    def test_the_next_sync_goes_on(self, api):
        state = read("org_events", config=CONFIG).states[-1]
        output = read("org_events", config=CONFIG, state=stream_state("org_events", state))
        assert output.ids() == ["last"]

    def test_contacts_have_their_ids_and_keep_their_own_fields(self, api):
        assert read("contacts", config=CONFIG, sync_mode="full_refresh").records() == [
            {
                "type": "profile",
                "id": name,
                "attributes": {},
                "provider": "papyrus",
                "organizationId": "acme",
            }
            for name in ("p1", "p2")
        ]

    def test_a_contact_that_is_gone_is_skipped(self, api, log):
        api.gone = "p1"
        assert read("contact_events", config={**CONFIG, "contact_ids": ["p1", "p2"]}).ids() == ["last", "offset"]
        assert "A contact is skipped, because Papyrus does not know it (any more): p1." in log.text

    def test_a_field_that_the_schema_does_not_name_stands_there_once_more(self, api):
        api.events = [event("e", "2024-01-05T00:00:00Z", novel=1)]
        [found] = read("org_events", config=CONFIG).records()
        assert (found["novel"], found["unknownFields"]) == (1, {"novel": 1})

    @pytest.mark.parametrize("name", ["provider", "createdAt", "organizationId", "contactId"])
    def test_its_own_fields_of_the_envelopes_names_give_way(self, api, name):
        api.events = [event("e", "2024-01-05T00:00:00Z", **{name: "its own"})]
        [found] = read("org_events", config=CONFIG).records()
        assert found == record(event("e", "2024-01-05T00:00:00Z"), "2024-01-05T00:00:00Z", "Opened")


def in_events(manifest: Json) -> Json:
    requester: Json = manifest["definitions"]["events"]["requester"]
    return requester


def mapped(**fields: Any) -> Callable[[Json], None]:
    return lambda manifest: in_events(manifest)["decoder"].update(fields)


def requested(**fields: Any) -> Callable[[Json], None]:
    return lambda manifest: in_events(manifest).update(fields)


def paged(name: str, following: str | None = None, **fields: Any) -> Callable[[Json], None]:
    """The events' paging is that one, and answers have there what follows."""

    def edit(manifest: Json) -> None:
        manifest["definitions"]["events"]["paging"] = {"$ref": f"#/definitions/{name}", **fields}
        in_events(manifest)["decoder"]["next"] = following

    return edit


PAGINGS = pytest.mark.parametrize(
    "edit",
    [
        pytest.param(paged("link_paging", "links.next"), id="links"),
        pytest.param(paged("token_paging", "links.token", parameter="page[cursor]"), id="tokens"),
        pytest.param(paged("offset_paging", parameter="page[cursor]"), id="offsets"),
        pytest.param(paged("number_paging", parameter="page[number]"), id="numbers"),
    ],
)


class TestPages:
    @PAGINGS
    @pytest.mark.parametrize("stream", ["org_events", "contact_events"])
    def test_every_event_comes_where_the_server_gives_fewer_rows_than_it_is_asked_for(self, api, change, edit, stream):
        change(edit)
        assert in_order(read(stream, config=CONFIG)) == WANTED
        assert any(int(dict(made.query).get("page[size]", 200)) == 200 for made in api.asked)

    @PAGINGS
    def test_pages_that_never_end_are_one_error(self, api, change, edit):
        api.deaf = True
        change(edit)
        output = read("org_events", config=CONFIG)
        assert "The API repeats a page after 4 rows instead of going on." in failure_of(output)
        assert output.status("org_events") == "INCOMPLETE"

    def test_an_answer_that_a_server_caps_is_read_again_in_halves(self, api, change):
        """It announces no total, and gives a hundred rows whatever it is asked for."""
        change(paged("single_page", limit=1000))
        api.page = 100
        api.events = [
            event(f"e{hour}", f"2024-01-{hour // 24 + 1:02}T{hour % 24:02}:00:00Z") for hour in range(14 * 24)
        ]
        api.changed = lambda answer: {**answer, "links": {}}
        output = read("org_events", config={**CONFIG, "end_date": "2024-01-14"})
        assert (output.errors, sorted(output.ids())) == ([], sorted(each["id"] for each in api.events))


class TestMistakesThatAreFoundAtOnce:
    """What cannot be meant is an error of the first command that looks at the manifest."""

    @pytest.mark.parametrize(
        ("edit", "message"),
        [
            (requested(parameters={"since": "{{ stream_partition.start }}"}), "speaks of `stream_partition`"),
            (requested(parameters={"page": "{{ next_page_token }}"}), "speaks of `next_page_token`"),
            (
                requested(headers={"Account": "{{ config['provider']['acount_id'] }}"}),
                "`provider.acount_id`, which is no",
            ),
            (
                mapped(organization="{{ config['provider']['acount_id'] }}"),
                "It has account_id, api_key, api_url, provider",
            ),
            (requested(url="{{ config['provider']['api_url'] }"), "is no template: "),
            (requested(request_parameters={"a": "b"}), "Requester has no field `request_parameters`"),
            (requested(body={"filter": "x"}, method="POST"), "a request with a `body` or a `form` has none"),
            (requested(refusals={404: {"mesage": "x"}}), "has no field `mesage`"),
            (requested(refusals={"not found": "x"}), "`not found` is no status"),
            (requested(refusals={404: {"message": "x", "failure_type": "config"}}), "`config` is no `failure_type`"),
            (mapped(row="data"), "MappedEventDecoder has no field `row`"),
            (mapped(rows="data events"), "`data events` is no path"),
            (mapped(id="id?"), "no `?` behind their paths"),
            (mapped(organization="relationships.profile"), "`relationships.profile` asks for an object as a whole"),
            (mapped(contact="elsewhere.id"), "The schema does not name `elsewhere`"),
            (mapped(type="attributes.metric"), "`included` need each other"),
            (
                mapped(next=None),
                "LinkPaging follows what an answer says of the next page, and the decoder has no `next`",
            ),
            (
                lambda manifest: manifest["definitions"]["requester"].update(page_size=200),
                "Requester: `page_size` is not what it must be: Expected `object | null`, got `int`",
            ),
            (
                lambda manifest: manifest["definitions"]["requester"].update(page_size={"page[size]": "200"}),
                "Expected `int`, got `str`",
            ),
            (
                requested(parameters="since=0"),
                "Requester: `parameters` is not what it must be: Expected `object | null`",
            ),
            (mapped(contact=None), "their decoder has no `contact`"),
            (
                lambda manifest: manifest["streams"][1]["retriever"]["events"]["requester"].pop("url"),
                "{{ contact }} stands neither in the `url` nor",
            ),
            (lambda manifest: manifest["streams"][1].update(name="org_events"), "more than one stream `org_events`"),
            (
                lambda manifest: manifest["streams"][2]["retriever"]["requester"]["decoder"].update(
                    id=None, key="type"
                ),
                "The stream `contacts` has the primary key `id`, and its rows `type`",
            ),
            (lambda manifest: manifest.update(spec={}), "A manifest has no field `spec`"),
            (lambda manifest: manifest["streams"][0].update(record_selector={}), "has no field `record_selector`"),
            (lambda manifest: manifest["definitions"]["events"].update(paginator={}), "has no field `paginator`"),
            (
                lambda manifest: manifest["definitions"]["events"].update(paging={"page": 1}),
                "`paging` needs a `class_name`",
            ),
        ],
    )
    def test_they_fail_discover(self, folder, change, edit, message):
        change(edit)
        with pytest.raises(AirbyteTracedException, match=re.escape(message)) as caught:
            SourceEvents().discover(LOGGER, CONFIG)
        assert caught.value.failure_type is FailureType.system_error

    def test_so_does_a_form_that_does_not_say_where_the_api_is(self, folder):
        spec = yaml.safe_load((folder / "spec.yaml").read_text())
        spec["properties"].pop("api_url")
        (folder / "spec.yaml").write_text(yaml.safe_dump(spec))
        with pytest.raises(AirbyteTracedException, match="The form of papyrus has no `api_url`, the address that"):
            SourceEvents().discover(LOGGER, CONFIG)

    def test_a_check_tells_them_in_a_sentence(self, folder, change):
        change(mapped(rows="data events"))
        status = SourceEvents().check(LOGGER, CONFIG)
        assert (status.status, "is no path" in str(status.message)) == (Status.FAILED, True)


SOON = 8.0
"""Seconds of all waits together: those of two requests side by side."""


class TestMistakesThatAnswersShow:
    @pytest.mark.parametrize(
        ("edit", "message"),
        [
            (
                requested(parameters={"filter": "less-than(datetime,{{ window.ende }})", "include": "metric"}),
                "speaks of `window.ende`; this window has start, end, end_within",
            ),
            (mapped(rows="items"), "Object missing required field `items`"),
            (mapped(next="links.following"), "missing required field `links.following` (`links.following?`, if"),
            (mapped(next="paging.next"), "missing required field `paging.next`"),
            (mapped(total="meta.total"), "missing required field `meta.total`"),
            (mapped(id="attributes.id"), "Row 0 of an answer cannot be read: Object missing required field `id`"),
            (
                mapped(time="attributes.time"),
                "has a time that cannot be read: 'nothing at `attributes.time`'",
            ),
            (mapped(contact="attributes.profile"), "Object missing required field `profile` - at `$.attributes`"),
            (
                mapped(type="relationships.metric.data > attributes.title"),
                "nothing is included at `attributes.title` of metric m1",
            ),
        ],
    )
    def test_each_is_one_clear_error_soon_and_no_record(self, api, change, waits, edit, message):
        change(edit)
        output = read("org_events", config=CONFIG)
        assert message in failure_of(output)
        assert output.records() == []
        assert sum(waits) < SOON

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ({"events": [], "others": []}, "Expected `array | null`, got `object` - at `$.data`"),
            ("none", "Expected `array | null`, got `str` - at `$.data`"),
        ],
        ids=["two lists", "no list"],
    )
    def test_rows_that_are_no_list_are_one_error_soon(self, api, waits, data, message):
        api.changed = lambda answer: {**answer, "data": data}
        assert message in failure_of(read("org_events", config=CONFIG))
        assert sum(waits) < SOON

    def test_without_a_paging_nothing_is_cut_off_in_silence(self, api, change):
        change(lambda manifest: manifest["definitions"]["events"].pop("paging"))
        message = failure_of(read("org_events", config=CONFIG))
        assert "An answer has 2 rows and there are a next page, but the manifest names no `paging`" in message

    def test_neither_is_it_with_an_announced_total_or_a_full_page(self, api, change):
        change(lambda manifest: manifest["definitions"]["events"].pop("paging"))
        change(mapped(next=None, total="total"))
        api.changed = lambda answer: {**answer, "total": 3}
        assert "An answer has 2 rows and there are 3 rows, but" in failure_of(read("org_events", config=CONFIG))
        change(mapped(total=None))
        change(lambda manifest: manifest["definitions"]["requester"].update(page_size={"page[size]": 2}))
        assert "there are perhaps more rows, but" in failure_of(read("org_events", config=CONFIG))

    @pytest.mark.parametrize(
        ("link", "where"),
        [
            ("https://elsewhere.example/v1/events?key=a-fake-secret", "to another host (elsewhere.example)"),
            ("http://api.papyrus.example/v1/events?key=a-fake-secret", "from https to http"),
            ("https://api.papyrus.example:444/v1/events?key=a-fake-secret", "to another port of the host"),
            ("https://u:a-fake-secret@api.papyrus.example/v1/events", "to what is no address"),
            ("https://[?key=a-fake-secret", "to what is no address"),
        ],
    )
    def test_a_link_to_where_the_key_must_not_go_is_one_clear_error(self, api, link, where):
        api.changed = lambda answer: {**answer, "links": {"next": link}}
        message = failure_of(read("org_events", config=CONFIG))
        assert f"The API's link to the next page leads {where}, where the credentials must not go." in message
        assert "a-fake" not in message
        assert "?" not in message
        assert all(made.url.startswith(API) for made in api.asked)

    def test_a_link_is_followed_as_it_is(self, api):
        pages = iter(
            ["/v1/events?a=%5B1%5D&filter=and(greater-or-equal(datetime,0),less-than(datetime,0))&include=metric", None]
        )
        api.changed = lambda answer: {**answer, "links": {"next": next(pages)}}
        read("org_events", config={**CONFIG, "end_date": "2024-01-02T00:00:00Z"})
        assert [dict(made.query).get("a") for made in api.asked] == [None, "[1]"]
        assert "page[size]" not in dict(api.asked[1].query)

    def test_a_refusal_with_a_successful_status_is_told_in_the_apis_words(self, api):
        api.changed = lambda answer: {"errors": [{"title": "Busy", "detail": "The report is not ready."}]}
        assert "The API refused the request: The report is not ready." in failure_of(read("org_events", config=CONFIG))


class TestTimesAndIds:
    @pytest.mark.parametrize(
        ("native", "zone", "expected"),
        [
            ("2024-01-05T12:00:00.123456789+01:00", None, "2024-01-05T11:00:00.123456Z"),
            ("2024-01-05 12:00:00", "Europe/Prague", "2024-01-05T11:00:00Z"),
            ("2024-01-05T12:00:00Z", "Europe/Prague", "2024-01-05T12:00:00Z"),
            (1704456000, None, "2024-01-05T12:00:00Z"),
            (1704456000123, None, "2024-01-05T12:00:00.123Z"),
            ("1704456000.5", None, "2024-01-05T12:00:00.5Z"),
        ],
    )
    def test_times_of_any_form_become_utc(self, api, change, native, zone, expected):
        change(mapped(time_zone=zone))
        change(
            requested(
                parameters={"filter": "and(greater-or-equal(datetime,0),less-than(datetime,3))", "include": "metric"}
            )
        )
        api.events = [event("e", native)]
        assert [found["createdAt"] for found in read("org_events", config=CONFIG).records()] == [expected]

    @pytest.mark.parametrize(
        ("native", "said"),
        [
            ("2024-01-05T12:00:00", "'2024-01-05T12:00:00'. It has no time zone, and none is given for it."),
            ("yesterday", "'yesterday'."),
            ("", "'nothing at `attributes.datetime`'."),
            (None, "'nothing at `attributes.datetime`'."),
            (True, "'True'."),
            ({"a": 1}, "\"{'a': 1}\"."),
        ],
    )
    def test_one_that_cannot_be_read_is_named_with_its_record(self, api, change, native, said):
        change(
            requested(
                parameters={"filter": "and(greater-or-equal(datetime,),less-than(datetime,~))", "include": "metric"}
            )
        )
        api.events = [event("e7", native)]
        message = failure_of(read("org_events", config=CONFIG))
        assert message == f"org_events: Record e7 has a time that cannot be read: {said}"

    def test_an_id_that_is_a_number_becomes_a_text(self, api):
        api.events = [{**event("e", "2024-01-05T00:00:00Z"), "id": 12345678901234567890}]
        assert read("org_events", config=CONFIG).ids() == ["12345678901234567890"]

    @pytest.mark.parametrize("value", [None, ""])
    def test_an_id_that_says_nothing_is_none(self, api, value):
        api.events = [{**event("e", "2024-01-05T00:00:00Z"), "id": value}]
        assert "Object missing required field `id`" in failure_of(read("org_events", config=CONFIG))

    def test_what_may_be_missing_is_null(self, api, change):
        change(mapped(contact="relationships.owner.data.id?", organization="attributes.account?"))
        api.events = [event("e", "2024-01-05T00:00:00Z")]
        [found] = read("org_events", config=CONFIG).records()
        assert (found.get("contactId"), found["organizationId"]) == (None, "api.papyrus.example")

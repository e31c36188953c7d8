"""The sandbox is as strict and as awkward as the APIs it stands in for."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import certifi
import pytest
import requests
from requests.adapters import HTTPAdapter

from sandbox.cloud4wi import (
    CLIENT_KEY,
    CLIENT_SECRET,
    DOCUMENTED_TYPES,
    EMPTY_ORGANIZATION_ID,
    ORGANIZATION_ID,
    UNDOCUMENTED_TYPES,
    UNSCOPED_CLIENT_KEY,
    UNSCOPED_CLIENT_SECRET,
)
from sandbox.process import Sandbox

PROVIDER = "cloud4wi"
EVENTS = f"/v1/organizations/{ORGANIZATION_ID}/events"
LOGIN = "/v1/sts/login/services"
PROJECT = Path(__file__).resolve().parent.parent
EXAMPLE = json.loads((PROJECT / "sandbox/cloud4wi/example.json").read_text())["events"]
EXAMPLE_CONTACT = EXAMPLE[0]["customerId"]
SCROLL = {"enableScroll": "true", "sortBy": "utcTime"}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(events=9981) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.control.reset()
    return running


class Client:
    """A caller that is logged in and does nothing by itself."""

    def __init__(self, url: str, key: str = CLIENT_KEY, secret: str = CLIENT_SECRET) -> None:
        self.url = url
        self.session = requests.Session()
        token = requests.post(url + LOGIN, json={"clientKey": key, "clientSecret": secret}, timeout=10).json()["token"]
        self.session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str = EVENTS, **params: Any) -> requests.Response:
        return self.session.get(self.url + path, params=params, timeout=10)

    def scroll(self, **params: Any) -> Iterator[dict[str, Any]]:
        page = self.get(**SCROLL, **params).json()
        yield page
        while page["events"] and page.get("scrollId"):
            page = self.get(**SCROLL, **params, scrollId=page["scrollId"]).json()
            yield page


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox.url)


def contact_path(contact: str) -> str:
    return f"/v1/organizations/{ORGANIZATION_ID}/customers/{contact}/events"


def ids_of(page: dict[str, Any]) -> list[str]:
    return [item["event"]["id"] for item in page["events"]]


def event(number: int, created_at: str) -> dict[str, Any]:
    return {
        "customerId": f"{number:032x}",
        "event": {"type": "login", "id": f"{number:032x}l"},
        "where": {},
        "when": {"createdAt": created_at, "createdAtLocal": created_at, "timezone": "UTC"},
    }


class TestLogin:
    def test_answers_the_same_token_in_body_and_header(self, sandbox: Sandbox) -> None:
        answer = login(sandbox, {"clientKey": CLIENT_KEY, "clientSecret": CLIENT_SECRET})
        assert answer.status_code == 200
        assert answer.json()["token"] == answer.headers["Authorization"]
        assert answer.json()["token"].count(".") == 2

    def test_answers_401_to_a_wrong_pair(self, sandbox: Sandbox) -> None:
        assert login(sandbox, {"clientKey": CLIENT_KEY, "clientSecret": "wrong"}).status_code == 401
        assert login(sandbox, {"clientKey": "wrong", "clientSecret": CLIENT_SECRET}).status_code == 401

    def test_answers_409_to_the_field_name_that_the_documentation_misspells(self, sandbox: Sandbox) -> None:
        assert login(sandbox, {"clietKey": CLIENT_KEY, "clientSecret": CLIENT_SECRET}).status_code == 409

    def test_needs_json_as_content_type(self, sandbox: Sandbox) -> None:
        body = json.dumps({"clientKey": CLIENT_KEY, "clientSecret": CLIENT_SECRET})
        assert requests.post(sandbox.url + LOGIN, data=body, timeout=10).status_code == 409

    def test_logout_revokes_the_token_once(self, sandbox: Sandbox, client: Client) -> None:
        logout = f"{sandbox.url}/v1/sts/logout"
        first, second = client.session.post(logout, timeout=10), client.session.post(logout, timeout=10)
        assert (first.status_code, first.content, second.status_code) == (200, b"", 401)
        assert client.get().status_code == 403


def login(sandbox: Sandbox, body: dict[str, str]) -> requests.Response:
    return requests.post(sandbox.url + LOGIN, json=body, timeout=10)


class TestAccess:
    def test_missing_and_unknown_tokens_are_403(self, sandbox: Sandbox, client: Client) -> None:
        token = client.session.headers.pop("Authorization")
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": str(token).removeprefix("Bearer ")}):
            answer = requests.get(sandbox.url + EVENTS, headers=headers, timeout=10)
            assert (answer.status_code, answer.json()["status"]) == (403, "KO")

    def test_tokens_expire_with_403_after_their_lifetime(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, token_lifetime_seconds=0.05)
        time.sleep(0.1)
        assert client.get().status_code == 403

    def test_tokens_expire_with_403_on_demand(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.expire(PROVIDER, tokens=True)
        assert client.get().status_code == 403

    def test_a_service_without_the_scope_logs_in_and_gets_403(self, sandbox: Sandbox) -> None:
        assert Client(sandbox.url, UNSCOPED_CLIENT_KEY, UNSCOPED_CLIENT_SECRET).get().status_code == 403

    def test_an_empty_organization_has_no_events(self, client: Client) -> None:
        answer = client.get(f"/v1/organizations/{EMPTY_ORGANIZATION_ID}/events", **SCROLL)
        assert (answer.status_code, answer.json()["events"]) == (200, [])

    def test_any_other_organization_is_404(self, client: Client) -> None:
        assert client.get(f"/v1/organizations/{'0' * 32}/events").status_code == 404

    def test_a_double_slash_is_404(self, client: Client) -> None:
        assert client.get("/" + EVENTS).status_code == 404


class TestParameters:
    @pytest.mark.parametrize(
        "query",
        [
            {"dateStart": "2024-01-01"},
            {"dateStart": "2024-01-01T00:00:00"},
            {"dateStart": "2024-01-01T00:00:00+00:00"},
            {"dateStart": "2024-01-01T00:00:00.000Z"},
            {"dateStart": "2024-02-30T00:00:00Z"},
            {"dateEnd": "1704067200"},
            {"dateStart": "2024-01-02T00:00:00Z", "dateEnd": "2024-01-01T00:00:00Z"},
            {"events": "arriving"},
            {"events": "login, visit"},
            {"events": ""},
            {"size": "0"},
            {"size": "10001"},
            {"size": "many"},
            {"size": ["1", "2"]},
            {"sortBy": "createdAt"},
            {"sortReverse": "True"},
            {"enableScroll": "1"},
            {"enableScroll": "false", "scrollId": "any"},
            {"scrollId": ""},
            {"page": "1"},
        ],
    )
    def test_invalid_parameters_are_409(self, client: Client, query: dict[str, Any]) -> None:
        assert client.get(**query).status_code == 409

    def test_size_is_100_by_default_and_10000_at_most(self, client: Client) -> None:
        assert len(client.get().json()["events"]) == 100
        assert len(client.get(size=10000).json()["events"]) == 10000

    def test_types_are_filtered_exactly(self, client: Client) -> None:
        page = client.get(events="login,send_sms", size=10000).json()
        assert {item["event"]["type"] for item in page["events"]} == {"login", "send_sms"}

    def test_both_dates_are_inclusive(self, sandbox: Sandbox, client: Client) -> None:
        moment = "2022-07-21T18:41:09Z"
        page = client.get(dateStart=moment, dateEnd=moment).json()
        assert sorted(ids_of(page)) == sorted(item["event"]["id"] for item in EXAMPLE[:2])

    def test_a_fraction_of_a_second_is_later_than_its_second(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_events(PROVIDER, [event(1, "2030-01-01T00:00:00.5Z")])
        assert client.get(dateEnd="2030-01-01T00:00:00Z", dateStart="2030-01-01T00:00:00Z").json()["events"] == []
        assert len(client.get(dateStart="2030-01-01T00:00:00Z", dateEnd="2030-01-01T00:00:01Z").json()["events"]) == 1

    def test_dates_can_be_ignored(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, ignore_dates=True)
        assert client.get(dateStart="1999-01-01T00:00:00Z", dateEnd="1999-01-01T00:00:00Z").json()["events"]

    def test_pages_sort_by_utc_or_business_time_but_rows_within_do_not(self, client: Client) -> None:
        for sort_by, field in (("utcTime", "createdAt"), ("businessTime", "createdAtLocal")):
            params: dict[str, Any] = {"enableScroll": "true", "sortBy": sort_by, "size": 3000}
            first = client.get(**params).json()
            second = client.get(**params, scrollId=first["scrollId"]).json()
            one, two = ([item["when"][field] for item in page["events"]] for page in (first, second))
            assert max(one) <= min(two)
            assert one != sorted(one)

    def test_the_order_can_be_reversed(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, shuffle=False)
        times = [
            item["when"]["createdAt"] for item in client.get(sortBy="utcTime", sortReverse="true").json()["events"]
        ]
        assert times == sorted(times, reverse=True)


class TestScroll:
    @pytest.mark.parametrize("end", ["empty_page", "no_scroll_id", "empty_scroll_id", "null_scroll_id"])
    @pytest.mark.parametrize("size", [10_000, 3000, 1000])
    def test_serves_every_event_exactly_once(self, sandbox: Sandbox, client: Client, end: str, size: int) -> None:
        sandbox.control.behaviour(PROVIDER, scroll_end=end)
        pages = list(client.scroll(size=size))
        served = [event_id for page in pages for event_id in ids_of(page)]
        assert len(served) >= 10_000
        assert sorted(served) == sorted(sandbox.control.event_ids(PROVIDER))
        assert (not pages[-1]["events"]) == (end == "empty_page")

    def test_gives_a_new_token_with_every_page_and_accepts_only_the_newest(self, client: Client) -> None:
        first = client.get(**SCROLL).json()["scrollId"]
        second = client.get(**SCROLL, scrollId=first).json()["scrollId"]
        assert first != second
        assert client.get(**SCROLL, scrollId=first).status_code == 409
        assert client.get(**SCROLL, scrollId=second).status_code == 200

    @pytest.mark.parametrize(
        "change", [{"size": 7}, {"events": "login"}, {"sortBy": "businessTime"}, {"dateEnd": "2024-01-02T00:00:00Z"}]
    )
    def test_cannot_change_while_it_runs(self, client: Client, change: dict[str, Any]) -> None:
        token = client.get(**SCROLL).json()["scrollId"]
        assert client.get(**{**SCROLL, **change}, scrollId=token).status_code == 409

    def test_expires_between_pages(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, scroll_lifetime_seconds=0.05)
        token = client.get(**SCROLL).json()["scrollId"]
        time.sleep(0.1)
        assert client.get(**SCROLL, scrollId=token).status_code == 404

    def test_expires_on_demand_with_the_configured_status(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, expired_scroll_status=410)
        token = client.get(**SCROLL).json()["scrollId"]
        sandbox.control.expire(PROVIDER, scrolls=True)
        assert client.get(**SCROLL, scrollId=token).status_code == 410
        assert client.get().status_code == 200

    def test_is_not_disturbed_by_new_events(self, sandbox: Sandbox, client: Client) -> None:
        before = sandbox.control.event_ids(PROVIDER)
        pages = client.scroll(size=4000)
        served = ids_of(next(pages))
        assert sandbox.control.add_events(PROVIDER, generate=50) == 50
        assert sorted(served + [event_id for page in pages for event_id in ids_of(page)]) == sorted(before)

    def test_can_repeat_page_and_token_forever(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, repeat_scroll_id=True)
        first = client.get(**SCROLL).json()
        second = client.get(**SCROLL, scrollId=first["scrollId"]).json()
        assert (first["scrollId"], first["events"]) == (second["scrollId"], second["events"])

    def test_pages_can_be_capped_silently(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, page_cap=400)
        pages = list(client.scroll(size=5000))
        assert {len(page["events"]) for page in pages[:-2]} == {400}
        assert sum(len(page["events"]) for page in pages) == len(sandbox.control.event_ids(PROVIDER))


class TestContacts:
    def test_have_their_own_events(self, sandbox: Sandbox, client: Client) -> None:
        page = client.get(contact_path(EXAMPLE_CONTACT)).json()
        assert sorted(ids_of(page)) == sorted(sandbox.control.event_ids(PROVIDER, contact=EXAMPLE_CONTACT))
        assert {item["customerId"] for item in page["events"]} == {EXAMPLE_CONTACT}

    def test_have_no_scroll(self, client: Client) -> None:
        assert client.get(contact_path(EXAMPLE_CONTACT), enableScroll="true").status_code == 409
        assert client.get(contact_path(EXAMPLE_CONTACT), scrollId="any").status_code == 409

    def test_unknown_ones_are_404(self, client: Client) -> None:
        assert client.get(contact_path("0" * 32)).status_code == 404

    def test_deleted_ones_are_404_while_the_organization_keeps_their_events(
        self, sandbox: Sandbox, client: Client
    ) -> None:
        sandbox.control.delete_contact(PROVIDER, EXAMPLE_CONTACT)
        assert client.get(contact_path(EXAMPLE_CONTACT)).status_code == 404
        assert client.get(dateEnd="2023-01-01T00:00:00Z").json()["events"]


class TestAnswers:
    def test_contain_the_example_as_published(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, count="plus_one")
        page = client.get(dateEnd="2023-01-01T00:00:00Z").json()
        assert sorted(page["events"], key=str) == sorted(EXAMPLE, key=str)
        assert (page["status"], page["count"]) == ("OK", 20)

    def test_announce_exactly_what_they_have(self, client: Client) -> None:
        """Of a scroll, on each of its pages, all that it has; of a contact's events, those that one answer holds."""
        pages = list(client.scroll(size=8, dateEnd="2023-01-01T00:00:00Z"))
        assert [(page["count"], len(page["events"])) for page in pages] == [(19, 8), (19, 8), (19, 3), (19, 0)]
        page = client.get(contact_path(EXAMPLE_CONTACT)).json()
        assert page["count"] == len(page["events"])

    @pytest.mark.parametrize(
        ("count", "announced"), [("plus_one", 20), ("exact", 19), ("page", 5), ("zero", 0), ("absent", None)]
    )
    def test_announce_a_count_that_lies_when_told_to(
        self, sandbox: Sandbox, client: Client, count: str, announced: int | None
    ) -> None:
        sandbox.control.behaviour(PROVIDER, count=count)
        assert client.get(**SCROLL, size=5, dateEnd="2023-01-01T00:00:00Z").json().get("count") == announced

    def test_come_in_two_shapes(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, shape="flat")
        assert all("event" not in item and item["id"] and item["type"] for item in client.get().json()["events"])
        sandbox.control.behaviour(PROVIDER, shape="mixed")
        assert ["event" in item for item in client.get(size=4).json()["events"]] == [True, False, True, False]

    def test_can_be_indented(self, sandbox: Sandbox, client: Client) -> None:
        plain = client.get().json()["events"]
        sandbox.control.behaviour(PROVIDER, pretty=True)
        answer = client.get()
        assert answer.text.startswith('{\n  "status"')
        assert answer.json()["events"] == plain

    def test_can_refuse_with_200(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.behaviour(PROVIDER, status="KO")
        assert (client.get().status_code, client.get().json()["status"]) == (200, "KO")

    def test_are_compressed_only_on_demand(self, sandbox: Sandbox, client: Client) -> None:
        assert "Content-Encoding" not in client.get().headers
        sandbox.control.behaviour(PROVIDER, gzip=True)
        assert client.get().headers["Content-Encoding"] == "gzip"
        client.session.headers["Accept-Encoding"] = "identity"
        assert "Content-Encoding" not in client.get().headers

    def test_cover_all_types_with_ids_of_the_published_form(self, client: Client) -> None:
        events = client.get(size=10000).json()["events"]
        assert {item["event"]["type"] for item in events} == {*DOCUMENTED_TYPES, *UNDOCUMENTED_TYPES}
        for item in events:
            is_geofence = item["event"]["type"].startswith("geo_")
            assert item["event"]["id"].endswith("g" if is_geofence else "l")
            assert ("organizationId" in item) != is_geofence


class TestHttps:
    def test_is_vouched_for_by_an_authority_of_its_own(self, tmp_path: Path) -> None:
        with Sandbox(events=1, tls=str(tmp_path / "new")) as sandbox:
            assert sandbox.authority == str(tmp_path / "new" / "authority.pem")
            assert [path.name for path in (tmp_path / "new").iterdir()] == ["authority.pem"]
            assert sandbox.url.startswith("https://127.0.0.1:")
            localhost = sandbox.url.replace("127.0.0.1", "localhost")
            assert requests.get(localhost, verify=sandbox.authority, timeout=10).status_code == 200
            with pytest.raises(requests.exceptions.SSLError, match="local issuer"):
                requests.get(sandbox.url, verify=certifi.where(), timeout=10)

    def test_leaves_nothing_behind_in_a_folder_that_nobody_named(self) -> None:
        with Sandbox(events=1, tls=True) as sandbox:
            authority = Path(sandbox.authority)
            assert authority.read_text().startswith("-----BEGIN CERTIFICATE-----")
        assert not authority.parent.exists()

    @pytest.mark.parametrize(("certificate", "words"), [("expired", "has expired"), ("other-host", "mismatch")])
    def test_shows_certificates_that_must_be_refused(self, certificate: str, words: str) -> None:
        with (
            Sandbox(events=1, tls=True, certificate=certificate) as sandbox,
            pytest.raises(requests.exceptions.SSLError, match=words),
        ):
            requests.get(sandbox.url, verify=sandbox.authority, timeout=10)

    def test_is_asked_for_where_a_certificate_is_chosen(self) -> None:
        with pytest.raises(RuntimeError, match="--certificate needs --tls"):
            Sandbox(certificate="expired").start()


class TestFaults:
    def test_pack_an_answer(self, sandbox: Sandbox, client: Client) -> None:
        plain = client.get()
        sandbox.control.add_fault(path="/events$", compress=True)
        packed = client.get()
        assert (packed.headers["Content-Encoding"], packed.json()) == ("gzip", plain.json())

    def test_close_a_connection_behind_an_answer_that_does_not_announce_it(
        self, sandbox: Sandbox, client: Client
    ) -> None:
        # A request that crosses the end of its connection is made once more.
        client.session.mount("http://", HTTPAdapter(max_retries=1))
        client.get()
        sandbox.control.clear_requests()
        sandbox.control.add_fault(path="/events$", hang_up=True)
        answers = [client.get() for _ in range(3)]
        assert {answer.headers.get("Connection") for answer in answers} == {None}
        first, second, third = (request["port"] for request in sandbox.control.requests())
        assert first != second == third

    def test_send_a_status_for_the_requests_they_match(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_fault(
            path="/events$", query={"size": "^7$"}, skip=1, times=2, status=429, headers={"Retry-After": "3"}
        )
        assert [client.get(size=7).status_code for _ in range(4)] == [200, 429, 429, 200]
        assert client.get(size=8).status_code == 200

    def test_hit_every_nth_request(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_fault(path="/events$", every=3, times=None, status=500, body="<html>oops</html>")
        assert [client.get().status_code for _ in range(6)] == [200, 200, 500, 200, 200, 500]

    def test_limit_the_requests_of_a_second(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_fault(path="/events$", per_second=2, times=None, status=429)
        statuses = [client.get(size=1).status_code for _ in range(4)]
        time.sleep(1)
        assert [*statuses, client.get(size=1).status_code] == [200, 200, 429, 429, 200]

    def test_cut_an_answer_short(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_fault(path="/events$", cut=1000)
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            client.get()
        assert client.get().status_code == 200

    def test_delay_an_answer(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_fault(path="/events$", delay=0.2)
        started = time.monotonic()
        assert client.get().status_code == 200
        assert time.monotonic() - started >= 0.2

    def test_reset_a_connection(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_fault(path="/events$", reset=True)
        with pytest.raises(requests.exceptions.ConnectionError):
            client.get()
        assert sandbox.control.requests()[-1]["status"] is None

    def test_corrupt_a_compressed_answer(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_fault(path="/events$", corrupt_gzip=True)
        with pytest.raises(requests.exceptions.ContentDecodingError):
            client.get()

    def test_expire_a_token_in_use(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_fault(path="/events$", skip=1, expire_token=True)
        assert [client.get().status_code for _ in range(3)] == [200, 403, 403]

    def test_expire_a_scroll_in_use(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.add_fault(query={"scrollId": "."}, expire_scroll=True)
        token = client.get(**SCROLL).json()["scrollId"]
        assert client.get(**SCROLL, scrollId=token).status_code == 404

    def test_are_removed_one_by_one_or_all_together(self, sandbox: Sandbox, client: Client) -> None:
        first, second, third = (sandbox.control.add_fault(path="/events$", status=status) for status in (500, 502, 503))
        sandbox.control.remove_fault(second["number"])
        assert [fault["number"] for fault in sandbox.control.faults()] == [first["number"], third["number"]]
        assert [client.get().status_code for _ in range(3)] == [500, 503, 200]
        with pytest.raises(ValueError, match=f"no fault {second['number']}"):
            sandbox.control.remove_fault(second["number"])
        sandbox.control.clear_faults()
        assert sandbox.control.faults() == []

    def test_are_refused_when_misspelt(self, sandbox: Sandbox) -> None:
        for fault in ({"stats": 500}, {"status": "500"}, {"path": "/events"}, {"path": "(", "status": 500}):
            with pytest.raises(ValueError, match="400"):
                sandbox.control.add_fault(**fault)


class TestControl:
    def test_the_log_tells_what_was_asked_but_no_secret(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.clear_requests()
        client.get(size=3, events="login,visit")
        (entry,) = sandbox.control.requests()
        assert (entry["number"], entry["method"], entry["path"], entry["status"]) == (1, "GET", EVENTS, 200)
        assert (entry["query"], entry["rows"]) == ({"size": "3", "events": "login,visit"}, 3)
        assert entry["headers"]["Authorization"] is True
        assert sandbox.control.max_in_flight() == 1

    def test_the_last_requests_can_be_asked_for_alone(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.control.clear_requests()
        for size in (1, 2, 3):
            client.get(size=size)
        answer = requests.get(f"{sandbox.url}/control/requests?last=2", timeout=10).json()
        assert [entry["rows"] for entry in answer["requests"]] == [2, 3]
        assert {name: answer[name] for name in ("total", "in_flight", "max_in_flight")} == {
            "total": 3,
            "in_flight": 0,
            "max_in_flight": 1,
        }
        assert requests.get(f"{sandbox.url}/control/requests?last=0", timeout=10).json()["requests"] == []
        refused = requests.get(f"{sandbox.url}/control/requests?last=few", timeout=10)
        assert (refused.status_code, refused.json()) == (400, {"error": "last must be a number, not 'few'"})

    def test_an_event_with_an_unreadable_time_can_be_served(self, sandbox: Sandbox, client: Client) -> None:
        with pytest.raises(ValueError, match="not a time"):
            sandbox.control.add_events(PROVIDER, [event(2, "yesterday")])
        sandbox.control.add_events(PROVIDER, [event(2, "yesterday")], at="2031-01-01T00:00:00Z")
        assert client.get(dateStart="2031-01-01T00:00:00Z").json()["events"] == [event(2, "yesterday")]

    def test_events_cannot_be_added_twice(self, sandbox: Sandbox) -> None:
        sandbox.control.add_events(PROVIDER, generate=10, seed=77)
        with pytest.raises(ValueError, match="unique"):
            sandbox.control.add_events(PROVIDER, generate=10, seed=77)

    def test_unknown_behaviour_is_refused(self, sandbox: Sandbox) -> None:
        for change in ({"scrollend": "x"}, {"scroll_end": "x"}, {"shuffle": 1}, {"page_cap": "many"}):
            with pytest.raises(ValueError, match="400"):
                sandbox.control.behaviour(PROVIDER, **change)


class TestProcess:
    def test_the_same_options_give_the_same_bytes(self) -> None:
        assert served_text(seed=5) == served_text(seed=5)
        assert served_text(seed=5) != served_text(seed=6)

    def test_stops_promptly(self) -> None:
        sandbox = Sandbox(events=1).start()
        requests.get(sandbox.url, timeout=10)
        started = time.monotonic()
        sandbox.stop()
        assert time.monotonic() - started < 2

    def test_stops_when_nobody_uses_it(self) -> None:
        assert runs_out("--idle-timeout=0.5") == 0

    def test_stops_when_its_parent_is_gone(self) -> None:
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        assert runs_out(f"--parent={gone.pid}") == 0

    def test_says_why_it_cannot_start(self) -> None:
        with pytest.raises(RuntimeError, match="not a time"):
            Sandbox(start="yesterday").start()


def served_text(seed: int) -> str:
    with Sandbox(events=300, seed=seed, no_example=True) as sandbox:
        return Client(sandbox.url).get(size=300).text.partition('"events":')[2]


def runs_out(option: str) -> int:
    command = [sys.executable, "-m", "sandbox", "--port=0", "--events=1", option]
    return subprocess.run(command, timeout=20, check=False, cwd=PROJECT, stdout=subprocess.DEVNULL).returncode

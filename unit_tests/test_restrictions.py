from __future__ import annotations

import re

import pytest
import yaml
from airbyte_cdk.models import Status

from source_events import providers
from source_events.source import SourceEvents
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import LOGGER, configuration, read, stream_state

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
FEED, LOGIN = requests.feed(*DAY), requests.login()
SPAN = "from 2024-01-01T00:00:00Z to 2024-01-01T23:59:59Z"


def row(events: str | None = None) -> object:
    return requests.feed(*DAY, size=1, events=events)


class TestCheck:
    """Each test says all requests that a check makes: another one would fail it."""

    @staticmethod
    def check(**config: object) -> None:
        assert SourceEvents().check(LOGGER, configuration(**config)).status is Status.SUCCEEDED

    @pytest.fixture(autouse=True)
    def login(self, network):
        network.expect(LOGIN, responses.token())

    def test_without_restrictions_nothing_is_said_and_nothing_more_is_asked(self, network, log):
        network.expect(row(), responses.page([responses.event("a")], "s"))
        self.check()
        assert "`event_types`" not in log.text
        assert "`contact_ids`" not in log.text

    def test_a_type_that_is_not_documented_is_named_beside_the_one_that_is_meant(self, network, log):
        network.expect(row(), responses.page([responses.event("a")], "s"))
        self.check(event_types=["login", "visits"])
        assert (
            "`event_types` names visits, but documented are arriving, click_email, click_sms, geo_arriving, geo_visit, "
            "login, open_email, promo, send_email, send_sms, signup, survey, visit. Nothing is read of a type that no "
            "event has. Did you mean visit?"
        ) in log.text

    @pytest.mark.parametrize("kind", ["login", "geo_visit"])
    def test_nothing_is_said_of_types_that_are_documented(self, network, log, kind):
        network.expect(row("login" if kind == "login" else None), responses.page([responses.event("a")], "s"))
        self.check(event_types=[kind])
        assert "`event_types`" not in log.text

    def test_one_page_is_enough_also_if_nothing_on_it_is_wanted(self, network):
        network.expect(row(), responses.page([responses.event("a")], "s"))
        self.check(event_types=["geo_visit"])

    def test_a_contact_that_is_not_known_is_named(self, network, log):
        network.expect(row(), responses.page([responses.event("a")], "s"))
        network.expect(requests.contact("gone", *DAY, size=1), responses.error(404))
        self.check(contact_ids=["gone", "another"])
        assert "A contact is skipped, because Cloud4Wi does not know it (any more): gone." in log.text

    @pytest.mark.parametrize(("types", "kind"), [([], "events"), (["login"], "events of the `event_types`")])
    def test_a_contact_without_events_is_named(self, network, log, types, kind):
        events = "login" if types else None
        network.expect(row(events), responses.page([responses.event("a")], "s"))
        network.expect(requests.contact("c", *DAY, size=1, events=events), responses.empty())
        self.check(contact_ids=["c"], event_types=types)
        assert f"`contact_ids` names c, which has no {kind} {SPAN}." in log.text

    def test_nothing_is_said_of_a_contact_with_events(self, network, log):
        network.expect(row(), responses.page([responses.event("a")], "s"))
        network.expect(requests.contact("c", *DAY, size=1), responses.page([responses.event("a")]))
        self.check(contact_ids=["c"])
        assert "`contact_ids`" not in log.text

    def test_what_cannot_be_found_out_fails_no_check(self, network, log):
        network.expect(row(), responses.page([responses.event("a")], "s"))
        network.expect(requests.contact("c", *DAY, size=1), responses.error(409))
        self.check(contact_ids=["c"])
        assert "Whether `event_types` and `contact_ids` match anything cannot be told: Cloud4Wi does not" in log.text


def test_the_types_that_the_api_can_filter_are_among_the_documented_ones():
    manifest = yaml.safe_dump(providers.definition("cloud4wi", "requester")["parameters"]["events"], width=10_000)
    filtered = set(re.findall(r"\'+([a-z_]+)\'+", manifest)) - {"in", "event_types"}
    assert filtered == set(providers.documented_types("cloud4wi")) - {"arriving", "geo_arriving", "geo_visit"}


class TestRead:
    @staticmethod
    def told(log) -> list[str]:
        return [record.getMessage() for record in log.records if record.getMessage().startswith("Nothing was read")]

    @pytest.fixture(autouse=True)
    def login(self, network):
        network.expect(LOGIN, responses.token())

    def test_an_account_without_events(self, network, log):
        network.expect(FEED, responses.empty())
        read("org_events")
        assert self.told(log) == [f"Nothing was read: there is nothing {SPAN}."]
        assert log.records[-1].levelname == "INFO"

    def test_a_sync_without_anything_new(self, network, log):
        network.expect(FEED, responses.empty())
        read("org_events", state=stream_state("org_events", {"createdAt": "2024-01-01T12:00:00Z"}))
        assert self.told(log) == [
            "Nothing was read: there is nothing new since the last sync, up to 2024-01-01T23:59:59Z."
        ]

    def test_events_of_other_types(self, network, log):
        network.expect(FEED, responses.page([responses.event("a"), responses.event("b")]))
        read("org_events", config=configuration(event_types=["geo_visit"]))
        assert self.told(log) == [f"Nothing was read: all 2 events {SPAN} are of other types than `event_types`."]

    def test_no_event_that_matches(self, network, log):
        network.expect(requests.feed(*DAY, events="login"), responses.empty())
        read("org_events", config=configuration(event_types=["login"]))
        assert self.told(log) == [f"Nothing was read: no event {SPAN} matches `event_types`."]

    def test_events_outside_the_time(self, network, log):
        network.expect(FEED, responses.page([responses.event("a", "2025-01-01T00:00:00Z")]))
        read("org_events")
        assert self.told(log) == [f"Nothing was read: all 1 events that came lie outside the time {SPAN}."]

    @pytest.mark.parametrize(
        ("listed", "rest"),
        [(["gone"], ""), (["gone", "b"], f", and the others have no events {SPAN}")],
        ids=["all", "some"],
    )
    def test_contacts_that_are_not_known(self, network, log, listed, rest):
        network.expect(requests.contact("gone", *DAY), responses.error(404))
        if "b" in listed:
            network.expect(requests.contact("b", *DAY), responses.empty())
        read("contact_events", config=configuration(contact_ids=listed))
        assert self.told(log) == [
            f"Nothing was read: 1 of the {len(listed)} contacts in `contact_ids` are not known{rest}."
        ]

    def test_nothing_is_said_where_something_was_read(self, network, log):
        network.expect(FEED, responses.page([responses.event("a")]))
        assert len(read("org_events").records()) == 1
        assert self.told(log) == []

    def test_nothing_is_said_of_a_read_that_failed(self, network, log):
        network.expect(FEED, responses.error(404))
        assert read("org_events").errors
        assert self.told(log) == []

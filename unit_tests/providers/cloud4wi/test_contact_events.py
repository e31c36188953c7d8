from __future__ import annotations

import pytest

from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import configuration, read, stream_state

DAY = ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
NOON = "2024-01-01T12:00:00Z"


@pytest.fixture(autouse=True)
def logged_in(network):
    network.expect(requests.login(), responses.token())


def of(contact: str, event_id: str, time: str = NOON, event_type: str = "visit") -> dict:
    return responses.event(event_id, time, event_type, contact)


def test_the_contacts_of_the_feed_are_read_once_each(network):
    network.expect(requests.feed(*DAY), responses.page([of("a", "1"), of("b", "2"), of(None, "3")], "s"))
    network.expect(requests.feed(*DAY, scroll="s"), responses.page([of("a", "4")]))
    network.expect(requests.contact("a", *DAY), responses.page([of("a", "1"), of("a", "4")]))
    network.expect(requests.contact("b", *DAY), responses.page([of("b", "2")]))
    output = read("contact_events")
    assert output.ids() == ["1", "2", "4"]
    assert output.states[-1] == {"createdAt": NOON}


def test_an_account_without_events_has_no_contacts_to_read(network):
    network.expect(requests.feed(*DAY), responses.empty())
    output = read("contact_events")
    assert (output.records(), output.status("contact_events")) == ([], "COMPLETE")


def test_listed_contacts_are_read_without_the_feed(network):
    for contact in ("a", "b"):
        network.expect(requests.contact(contact, *DAY), responses.page([of(contact, contact)]))
    assert read("contact_events", config=configuration(contact_ids=["a", "b"])).ids() == ["a", "b"]


def test_only_contacts_with_wanted_events_are_read(network):
    events = [of("a", "1"), of("b", "2", event_type="geo_visit")]
    network.expect(requests.feed(*DAY), responses.page(events))
    network.expect(requests.contact("b", *DAY), responses.page([events[1], of("b", "3", event_type="login")]))
    assert read("contact_events", config=configuration(event_types=["geo_visit"])).ids() == ["2"]


@pytest.mark.parametrize(
    ("contact", "path"),
    [
        ("a/b", "a%2Fb"),
        ("a b?c#d", "a%20b%3Fc%23d"),
        ("ü+%", "%C3%BC%2B%25"),
        ("0012", "0012"),
        ("{{1+1}}", "%7B%7B1%2B1%7D%7D"),
    ],
)
def test_an_identifier_stays_one_part_of_the_path(network, contact, path):
    network.expect(requests.contact(path, *DAY), responses.empty())
    output = read("contact_events", config=configuration(contact_ids=[contact]))
    assert output.status("contact_events") == "COMPLETE"


def test_an_identifier_is_told_as_it_was_given(network, log):
    network.expect(requests.contact("a%2Fb%20c", *DAY), responses.error(404))
    read("contact_events", config=configuration(contact_ids=["a/b c"]))
    assert "does not know it (any more): a/b c." in log.text


@pytest.mark.parametrize("contact", [".", ".."])
def test_an_identifier_of_dots_does_not_lead_elsewhere(network, log, contact):
    read("contact_events", config=configuration(contact_ids=[contact]))
    assert f"A contact is skipped, because an id of dots alone cannot be asked for: {contact}" in log.text
    asked = [made.url for made in network.made if made.method == "GET"]
    network.forget()
    assert all(f"/customers/{contact}/" in url for url in asked)


def test_a_contact_that_is_gone_is_skipped_and_the_others_are_read(network, log):
    network.expect(requests.contact("gone", *DAY), responses.error(404))
    network.expect(requests.contact("b", *DAY), responses.page([of("b", "1")]))
    output = read("contact_events", config=configuration(contact_ids=["gone", "b"]))
    assert output.ids() == ["1"]
    assert (output.errors, output.failure) == ([], None)
    assert log.text.count("A contact is skipped") == 1
    assert "A contact is skipped, because Cloud4Wi does not know it (any more): gone." in log.text


def test_an_answer_at_the_limit_is_read_in_two_halves(network):
    full = [of("a", str(number), "2024-01-01T06:00:00Z") for number in range(10_000)]
    network.expect(requests.contact("a", *DAY), responses.page(full))
    network.expect(requests.contact("a", DAY[0], NOON), responses.page([of("a", "1", "2024-01-01T06:00:00Z")]))
    network.expect(requests.contact("a", NOON, DAY[1]), responses.page([of("a", "2", "2024-01-01T18:00:00Z")]))
    output = read("contact_events", config=configuration(contact_ids=["a"]))
    assert output.ids() == ["1", "2"]
    assert output.status("contact_events") == "COMPLETE"


def test_the_published_example_is_not_split_though_it_announces_more(network):
    example = responses.example()
    config = configuration(start_date="2022-01-01T00:00:00Z", end_date="2022-12-31T23:59:59Z", contact_ids=["c"])
    bounds = (config["start_date"], config["end_date"])
    network.expect(requests.contact("c", *bounds), responses.json_answer(example))
    assert len(read("contact_events", config=config).records()) == 19


def test_the_feed_is_read_window_by_window(network):
    network.expect(requests.feed(DAY[0], NOON), responses.page([of("a", "1", "2024-01-01T06:00:00Z")]))
    network.expect(requests.feed(NOON, DAY[1]), responses.page([of("a", "2", "2024-01-01T18:00:00Z")]))
    network.expect(requests.contact("a", *DAY), responses.empty())
    read("contact_events", config=configuration(window_size="PT12H"))


def test_an_expired_scroll_of_the_feed_is_read_again_and_its_contacts_once(network):
    network.expect(requests.feed(*DAY), responses.page([of("a", "1", "2024-01-01T06:00:00Z")], "s"))
    network.expect(requests.feed(*DAY, scroll="s"), responses.error(404))
    network.expect(requests.feed(DAY[0], NOON), responses.page([of("a", "1", "2024-01-01T06:00:00Z")]))
    network.expect(requests.feed(NOON, DAY[1]), responses.empty())
    network.expect(requests.contact("a", *DAY), responses.page([of("a", "1", "2024-01-01T06:00:00Z")]))
    assert read("contact_events").ids() == ["1"]


class TestState:
    CONFIG = configuration(end_date="2024-01-10T00:00:00Z", window_size="P100D")
    END = "2024-01-10T00:00:00Z"

    def test_a_finished_sync_is_followed_by_one_from_its_time_less_the_lookback(self, network):
        start = "2024-01-04T00:00:00Z"
        network.expect(requests.feed(start, self.END), responses.page([of("a", "1", "2024-01-06T00:00:00Z")]))
        network.expect(requests.contact("a", start, self.END), responses.page([of("a", "1", "2024-01-06T00:00:00Z")]))
        state = stream_state("contact_events", {"createdAt": "2024-01-05T00:00:00Z"})
        output = read("contact_events", config=self.CONFIG, state=state)
        assert output.states[-1] == {"createdAt": "2024-01-06T00:00:00Z"}

    def test_an_unfinished_sync_goes_on_for_each_contact_where_it_was(self, network):
        contacts = {"a": "2024-01-05T00:00:00Z"}
        state = stream_state("contact_events", {"createdAt": DAY[0], "contacts": contacts})
        network.expect(requests.feed(DAY[0], self.END), responses.page([of("a", "1"), of("b", "2")]))
        network.expect(requests.contact("a", "2024-01-04T00:00:00Z", self.END), responses.empty())
        network.expect(requests.contact("b", DAY[0], self.END), responses.page([of("b", "2")]))
        output = read("contact_events", config=self.CONFIG, state=state)
        assert output.ids() == ["2"]
        assert output.states[-1] == {"createdAt": NOON}

    def test_a_failure_keeps_the_common_time(self, network):
        network.expect(requests.contact("a", *DAY), responses.error(409))
        output = read("contact_events", config=configuration(contact_ids=["a"]))
        assert output.status("contact_events") == "INCOMPLETE"
        assert all(state.get("createdAt", DAY[0]) == DAY[0] and "contacts" not in state for state in output.states)

    def test_a_contact_that_is_listed_later_is_read_from_the_start(self, network):
        network.expect(requests.contact("a", *DAY), responses.page([of("a", "1")]))
        first = read("contact_events", config=configuration(contact_ids=["a"]))
        assert first.states[-1] == {"createdAt": NOON, "contacts": {"a": NOON}, "listed_only": True}
        network.expect(requests.login(), responses.token())
        network.expect(requests.contact("a", DAY[0], self.END), responses.empty())
        network.expect(requests.contact("b", DAY[0], self.END), responses.page([of("b", "2")]))
        config = {**self.CONFIG, "contact_ids": ["a", "b"]}
        second = read("contact_events", config=config, state=stream_state("contact_events", first.states[-1]))
        assert second.ids() == ["2"]

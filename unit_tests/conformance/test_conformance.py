"""What every provider in the registry is held to, with nothing of it but its folder and its fake."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.models import Status

from source_events import providers
from source_events.components import mapped
from source_events.settings import configuration
from source_events.source import SourceEvents
from unit_tests.conformance.fake import NATIVE, Event, Fake, fake_of, moment_of
from unit_tests.exchange import Request, Response, Transport
from unit_tests.reading import LOGGER, Output, read, read_lines, stream_state

START, END = datetime(2024, 1, 1, tzinfo=timezone.utc), datetime(2024, 1, 3, 12, tzinfo=timezone.utc)
"""The range: two slices of a day, and half of one."""
DAY, SECOND, SHORT = timedelta(days=1), timedelta(seconds=1), timedelta(microseconds=999_000)
GONE = "contact-2"
Record = Mapping[str, Any]


def events() -> list[Event]:
    """Where bounds are: those of the range and, on each side of them, those of its slices; for three contacts."""
    times = [
        START - SECOND,
        START,
        START + timedelta(hours=1),
        START + timedelta(hours=2),
        START + timedelta(hours=2),
        START + DAY - SECOND,
        START + DAY - SECOND + SHORT,
        START + DAY,
        START + 2 * DAY - SECOND,
        START + 2 * DAY,
        END - SECOND,
        END,
        END + SECOND,
    ]
    return [
        Event(f"{1000 + number}", time, f"contact-{number % 3 + 1}", f"type-{number % 2 + 1}", NATIVE)
        for number, time in enumerate(times)
    ]


Answer = Callable[[Request], Response]


def said(made: Request) -> str:
    """A request without its headers."""
    return f"{made.method} {made.url} {made.query} {json.dumps(made.body)}"


class Account:
    """A provider with its fake, which `network` leads to."""

    def __init__(self, name: str, network: Transport) -> None:
        kind = fake_of(name)
        self.name = name
        self.fake: Fake = kind([])
        self.fake.events = [self._as_told(event) for event in events()]
        self.asked: list[Request] = []
        self.changed: Callable[[Request, Answer], Response] = lambda made, answer: answer(made)
        network.answer = self._answer  # type: ignore[method-assign]

    def _as_told(self, event: Event) -> Event:
        return replace(event, time=event.time - (event.time - START) % self.fake.precision)

    def _answer(self, made: Request) -> Response:
        self.asked.append(made)
        return self.fake.answer(made) if self.fake.is_login(made) else self.changed(made, self.fake.answer)

    @property
    def streams(self) -> list[str]:
        """Those of events."""
        sliced = [each["name"] for each in providers.manifest(self.name)["streams"] if "incremental_sync" in each]
        assert set(self.fake.not_events) <= set(sliced)
        return [name for name in sliced if name not in self.fake.not_events]

    @property
    def lists(self) -> Mapping[str, str]:
        """The others, and the primary key of each."""
        others = [each for each in providers.manifest(self.name)["streams"] if "incremental_sync" not in each]
        return {each["name"]: each["primary_key"] for each in others}

    @property
    def config(self) -> dict[str, Any]:
        return {
            "provider": self.fake.provider,
            "start_date": "2024-01-01T00:00:00Z",
            "end_date": "2024-01-03T12:00:00Z",
            "window_size": "P1D",
        }

    def read(self, stream: str, **config: Any) -> Output:
        return read(stream, config={**self.config, **config})

    def wanted(self, first: datetime = START, last: datetime = END) -> Counter[Any]:
        return Counter(
            (event.id if self.fake.has_ids else None, event.time, event.contact, event.type)
            for event in self.fake.events
            if first <= event.time <= last
        )

    def found(self, records: Sequence[Record]) -> Counter[Any]:
        assert max(Counter(record["id"] for record in records).values(), default=1) == 1
        return Counter(
            (
                record["id"] if self.fake.has_ids else None,
                moment_of(record["createdAt"]),
                record["contactId"],
                record["type"],
            )
            for record in records
        )


@pytest.fixture(params=[*providers.names(), "papyrus"])
def account(request: pytest.FixtureRequest, network: Transport) -> Account:
    if request.param not in providers.names():
        request.getfixturevalue("ordinary")
    return Account(request.param, network)


@pytest.fixture
def ordinary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry of its own, with nothing but a provider without Python."""
    shutil.copytree("unit_tests/providers/ordinary", tmp_path / "registry")
    monkeypatch.setattr(providers, "FOLDER", tmp_path / "registry")
    monkeypatch.setattr(configuration, "_schema", configuration._schema.__wrapped__)
    return tmp_path / "registry" / "papyrus"


def test_it_has_streams_of_events(account: Account) -> None:
    assert account.streams
    found = [stream.name for stream in SourceEvents().discover(LOGGER, account.config).streams]
    assert set(account.streams) <= set(found)


def test_the_connection_is_checked(account: Account) -> None:
    status = SourceEvents().check(LOGGER, account.config)
    assert (status.status, status.message) == (Status.SUCCEEDED, None)


def test_every_event_comes_once_from_the_first_second_to_the_last(account: Account) -> None:
    for stream in account.streams:
        output = account.read(stream)
        assert (stream, output.errors, account.found(output.records())) == (stream, [], account.wanted())
    assert account.fake.turned, "the fake never served a second page: its answers must take their rows from `page`"


def test_days_are_whole_from_the_first_to_the_last(account: Account) -> None:
    for stream in account.streams:
        output = account.read(stream, start_date="2024-01-01", end_date="2024-01-01")
        wanted = account.wanted(last=START + DAY - timedelta(microseconds=1))
        assert (stream, output.errors, account.found(output.records())) == (stream, [], wanted)


def test_the_next_sync_reads_from_its_state_and_misses_nothing(account: Account) -> None:
    for stream in account.streams:
        first = account.read(stream, end_date="2024-01-02T00:00:00Z")
        state = stream_state(stream, first.states[-1])
        second = read(stream, config={**account.config, "lookback_window": "PT1H"}, state=state)
        together = {record["id"]: record for record in [*first.records(), *second.records()]}
        assert (stream, account.found(list(together.values()))) == (stream, account.wanted())
        assert min(record["createdAt"] for record in second.records()) >= "2024-01-01T23:00:00Z"


def test_only_wanted_types_are_read(account: Account) -> None:
    for stream in account.streams:
        output = account.read(stream, event_types=["type-1"])
        wanted = Counter({event: number for event, number in account.wanted().items() if event[3] == "type-1"})
        assert (stream, output.errors, account.found(output.records())) == (stream, [], wanted)


def test_no_field_stands_twice_in_a_line(account: Account) -> None:
    for stream in account.streams:
        output = read_lines(stream, config=account.config)
        assert len(output.records()) == sum(account.wanted().values())
        for line in output.lines:
            json.loads(line, object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert sorted({name for name, _ in pairs}) == sorted(name for name, _ in pairs)
    return dict(pairs)


def test_every_row_of_a_list_comes_once_with_what_says_whose_it_is(account: Account) -> None:
    assert set(account.fake.lists) == set(account.lists), "the fake must say in `lists` what it has of these streams"
    for stream, key in account.lists.items():
        output = account.read(stream)
        found = Counter(record[key] for record in output.records())
        assert (stream, output.errors, found) == (stream, [], Counter(account.fake.lists[stream]))
        assert {record["provider"] for record in output.records()} == {account.name}
        assert "its own" not in {record["organizationId"] for record in output.records()}


def test_no_field_stands_twice_in_a_line_of_a_list(account: Account) -> None:
    for stream in account.lists:
        output = read_lines(stream, config=account.config)
        assert len(output.records()) == len(account.fake.lists[stream])
        for line in output.lines:
            json.loads(line, object_pairs_hook=_each_once)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_list_that_is_refused_is_one_error_that_names_what_to_mend(account: Account, status: int) -> None:
    account.changed = lambda made, answer: Response(b"{}", status)
    for stream in account.lists:
        output = account.read(stream)
        error = output.error()
        assert (stream, error["failure_type"], output.records()) == (stream, "config_error", [])
        assert "`provider." in error["message"]


def refused_once(account: Account) -> set[str]:
    """The requests that have been refused: each is the first time, because there are too many."""
    refused: set[str] = set()

    def once(made: Request, answer: Answer) -> Response:
        if said(made) in refused:
            return answer(made)
        refused.add(said(made))
        return Response(b"{}", 429, {"Retry-After": "1"})

    account.changed = once
    return refused


def test_too_many_requests_for_a_list_are_made_again(account: Account) -> None:
    for stream, key in account.lists.items():
        refused = refused_once(account)
        output = account.read(stream)
        assert output.errors == []
        assert Counter(record[key] for record in output.records()) == Counter(account.fake.lists[stream])
        assert refused


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_is_one_error_that_names_what_to_mend(account: Account, status: int) -> None:
    account.changed = lambda made, answer: Response(b"{}", status)
    for stream in account.streams:
        output = account.read(stream)
        error = output.error()
        assert (stream, error["failure_type"], output.records()) == (stream, "config_error", [])
        assert "`provider." in error["message"]
        assert str(status) in error["message"]
        assert output.status(stream) == "INCOMPLETE"


def test_a_contact_that_is_gone_is_skipped(account: Account) -> None:
    def without(made: Request, answer: Answer) -> Response:
        return Response(b"{}", 404) if GONE in said(made) else answer(made)

    account.changed = without
    for stream in account.streams:
        account.asked.clear()
        output = account.read(stream)
        of_contacts = any(GONE in said(made) for made in account.asked)
        wanted = {each: number for each, number in account.wanted().items() if not of_contacts or each[2] != GONE}
        assert (stream, output.errors, account.found(output.records())) == (stream, [], Counter(wanted))


def test_too_many_requests_are_made_again(account: Account) -> None:
    for stream in account.streams:
        refused = refused_once(account)
        output = account.read(stream)
        assert (stream, output.errors, account.found(output.records())) == (stream, [], account.wanted())
        assert refused


def test_too_many_requests_without_end_are_one_error_that_time_mends(account: Account) -> None:
    account.changed = lambda made, answer: Response(b"{}", 429)
    for stream in account.streams:
        account.asked.clear()
        output = account.read(stream)
        assert (stream, output.error()["failure_type"]) == (stream, "transient_error")
        assert output.records() == []
        assert max(Counter(map(said, account.asked)).values()) > 1


@pytest.mark.parametrize(
    ("written", "instead", "test"),
    [
        ("{{ window.end }}", "{{ window.end_within }}", test_every_event_comes_once_from_the_first_second_to_the_last),
        ("id: id", "id: relationships.profile.data.id", test_every_event_comes_once_from_the_first_second_to_the_last),
        ("> attributes.name", "> id", test_only_wanted_types_are_read),
        (
            "401 403: Papyrus does not accept the key.",
            "400: It does not.",
            test_a_refusal_is_one_error_that_names_what_to_mend,
        ),
        ("gone: true, ", "", test_a_contact_that_is_gone_is_skipped),
    ],
)
def test_a_mistake_in_a_manifest_is_noticed(
    ordinary: Path, network: Transport, written: str, instead: str, test: Callable[..., None]
) -> None:
    manifest = (ordinary / "manifest.yaml").read_text(encoding="utf-8")
    assert written in manifest
    (ordinary / "manifest.yaml").write_text(manifest.replace(written, instead), encoding="utf-8")
    more = {"status": 403} if test is test_a_refusal_is_one_error_that_names_what_to_mend else {}
    with pytest.raises(AssertionError):
        test(Account("papyrus", network), **more)


def test_a_decoder_that_does_not_say_which_fields_a_row_has_itself_is_noticed(
    ordinary: Path, network: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapped.OwnFields, "of", lambda fields, row: ())
    with pytest.raises(AssertionError):
        test_no_field_stands_twice_in_a_line(Account("papyrus", network))


def test_a_provider_without_a_fake_is_told_which_file_is_missing(network: Transport) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"^The provider novel has no fake: write .*/novel/fake\.py, with"):
        Account("novel", network)

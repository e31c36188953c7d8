from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from freezegun import freeze_time

from source_events.settings.configuration import InvalidConfiguration, complete, validate, warn_of_unread_fields
from source_events.source import SourceEvents
from unit_tests.providers.cloud4wi import requests, responses
from unit_tests.reading import LOGGER, cloud4wi, configuration

REMOVED = object()


def changed(field: str, value: Any) -> dict[str, Any]:
    """A valid configuration, but for this field."""
    config = copy.deepcopy(configuration())
    holder = config
    *path, name = field.split(".")
    for part in path:
        holder = holder[part]
    if value is REMOVED:
        del holder[name]
    else:
        holder[name] = value
    return config


def message(config: Any) -> str:
    with pytest.raises(InvalidConfiguration) as caught:
        validate(config)
    assert caught.value.failure_type is FailureType.config_error
    assert "\n" not in caught.value.message
    return str(caught.value.message)


def texts(value: Any) -> Iterator[str]:
    """All values of a configuration that are worth hiding."""
    if isinstance(value, dict):
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)
    elif isinstance(value, str) and len(value) > 3:
        yield value


FORM = "must have the form"
MISTAKES = [
    ("provider", REMOVED, "`provider` is missing"),
    ("provider", None, "`provider` must be of type object"),
    ("provider", "cloud4wi!", "`provider` must be of type object"),
    ("provider", [], "`provider` must be of type object"),
    ("provider", {}, "`provider.provider_type` must be one of cloud4wi"),
    ("provider.provider_type", "Cloud4Wi", "`provider.provider_type` must be one of cloud4wi"),
    ("provider.provider_type", ["cloud4wi!"], "`provider.provider_type` must be one of cloud4wi"),
    ("provider.provider_type", None, "`provider.provider_type` must be one of cloud4wi"),
    ("provider.organization_id", REMOVED, "`provider.organization_id` is missing"),
    ("provider.organization_id", None, "`provider.organization_id` must be of type string"),
    ("provider.organization_id", "", "`provider.organization_id` must not be empty"),
    ("provider.organization_id", "a/../b", f"`provider.organization_id` {FORM}: letters, digits"),
    ("provider.organization_id", "a b c d", f"`provider.organization_id` {FORM}: letters, digits"),
    ("provider.organization_id", 123456, "`provider.organization_id` must be of type string"),
    ("provider.client_key", REMOVED, "`provider.client_key` is missing"),
    ("provider.client_key", "", "`provider.client_key` must not be empty"),
    ("provider.client_key", " ck-with-spaces ", f"`provider.client_key` {FORM}: no spaces"),
    ("provider.client_secret", "", "`provider.client_secret` must not be empty"),
    ("provider.client_secret", REMOVED, "`provider.client_secret` is missing"),
    ("provider.client_secret", "two words", f"`provider.client_secret` {FORM}: no spaces"),
    ("provider.client_secret", 12345678, "`provider.client_secret` must be of type string"),
    ("start_date", REMOVED, "`start_date` is missing"),
    ("start_date", None, "`start_date` must be of type string"),
    ("start_date", 20240101, "`start_date` must be of type string"),
    ("start_date", "", "`start_date` must not be empty"),
    (
        "start_date",
        "last monday",
        "`start_date` must be a day like 2024-01-01 or a time in UTC like 2024-01-01T00:00:00Z",
    ),
    ("start_date", "2024-01-01 00:00:00", "`start_date` does not say that its time is in UTC"),
    ("end_date", "2024-01-01T00:00:00+02:00", "`end_date` must be in UTC, without an offset"),
    ("start_date", "2023-02-29T00:00:00Z", "`start_date` is not a date that exists"),
    ("start_date", "2024-01-01T24:00:00Z", "`start_date` is not a date that exists"),
    ("start_date", "0000-01-01T00:00:00Z", "`start_date` is not a date that exists"),
    ("start_date", "0999-12-31T23:59:59Z", "`start_date` must be in the years 1000 to 9000"),
    ("end_date", "9999-12-31T23:59:59Z", "`end_date` must be in the years 1000 to 9000"),
    ("end_date", "9001-01-01T00:00:00Z", "`end_date` must be in the years 1000 to 9000"),
    ("start_date", "2024-01-02T00:00:00Z", "`start_date` must not be after `end_date`"),
    ("end_date", "2024-13-01T00:00:00Z", "`end_date` is not a date that exists"),
    ("end_date", "2023-12-31T23:59:59Z", "`start_date` must not be after `end_date`"),
    ("contact_ids", "contact-id", "`contact_ids` must be of type array"),
    ("contact_ids", ["a-contact", ""], "`contact_ids[1]` must not be empty"),
    ("contact_ids", [12345], "`contact_ids[0]` must be of type string"),
    ("contact_ids", ["a-contact", "a-contact"], "`contact_ids` must not name anything twice"),
    ("event_types", "visit,login", "`event_types` must be of type array"),
    ("event_types", [None], "`event_types[0]` must be of type string"),
    ("event_types", ["visit", "visit"], "`event_types` must not name anything twice"),
    ("lookback_window", "1 day", f"`lookback_window` {FORM}: an ISO 8601 duration"),
    ("lookback_window", "P", f"`lookback_window` {FORM}: an ISO 8601 duration"),
    ("lookback_window", "P1DT", f"`lookback_window` {FORM}: an ISO 8601 duration"),
    ("lookback_window", "-P1D", f"`lookback_window` {FORM}: an ISO 8601 duration"),
    ("lookback_window", "P1M", f"`lookback_window` {FORM}: an ISO 8601 duration"),
    ("lookback_window", 86400, "`lookback_window` must be of type string"),
    pytest.param(*("window_size", "P1Y", f"`window_size` {FORM}: an ISO 8601 duration")),
    ("window_size", "PT59S", "`window_size` must be at least PT1M"),
    ("window_size", "PT0S", "`window_size` must be at least PT1M"),
    ("num_workers", 0, "`num_workers` must be at least 1"),
    ("num_workers", 41, "`num_workers` must be at most 40"),
    ("num_workers", 2.5, "`num_workers` must be of type integer"),
    ("num_workers", "eight", "`num_workers` must be of type integer"),
    ("num_workers", True, "`num_workers` must be of type integer"),
    ("requests_per_minute", 0, "`requests_per_minute` must be at least 1"),
    ("requests_per_minute", -5, "`requests_per_minute` must be at least 1"),
]


@pytest.mark.parametrize(("field", "value", "problem"), MISTAKES)
def test_a_mistake_is_named_with_what_to_do_and_without_any_value(field, value, problem):
    config = changed(field, value)
    found = message(config)
    assert problem in found
    named = "cloud4wi cloud4wi! start_date end_date"
    assert [text for text in texts(config) if text in found and text not in named] == []


class TestMistakesThatBreakLater:
    """What passes here must not break later."""

    def test_every_missing_field_is_named(self):
        found = message({})
        assert "`provider` is missing" in found
        assert "`start_date` is missing" in found

    def test_every_missing_field_of_the_provider_is_named(self):
        found = message(configuration(provider={"provider_type": "cloud4wi"}))
        assert all(
            f"`provider.{name}` is missing" in found for name in ("organization_id", "client_key", "client_secret")
        )

    @pytest.mark.parametrize("value", [None, [], "text", 5], ids=repr)
    def test_a_configuration_that_is_no_object_is_an_error(self, value):
        assert "must be a JSON object" in message(value)

    def test_a_day_that_does_not_exist_is_none_with_a_fraction_either(self):
        assert "`start_date` is not a date" in message(changed("start_date", "2023-02-29T00:00:00.000Z"))

    @pytest.mark.parametrize(
        "field",
        ["start_date", "end_date", "provider.organization_id", "lookback_window", "window_size"],
    )
    def test_a_line_break_at_the_end_is_not_overlooked(self, field):
        valid = {**complete(configuration()), **complete(configuration())["provider"]}[field.rpartition(".")[2]]
        assert f"`{field}`" in message(changed(field, f"{valid}\n"))

    @pytest.mark.parametrize("field", ["lookback_window", "window_size"])
    def test_a_duration_that_no_calendar_has_is_an_error(self, field):
        assert f"`{field}`" in message(changed(field, "P9999999999D"))

    @pytest.mark.parametrize(
        "address",
        [
            pytest.param("https://host?"),
            pytest.param("https://host#"),
        ],
    )
    def test_an_address_that_takes_no_path_is_an_error(self, address):
        assert "`provider.api_url`" in message(changed("provider.api_url", address))

    def test_the_first_and_the_last_year_may_be_named(self):
        completed = complete(configuration(start_date="1000-01-01T00:00:00Z", end_date="9000-12-31T23:59:59Z"))
        assert (completed["start_date"], completed["end_date"]) == ("1000-01-01T00:00:00Z", "9000-12-31T23:59:59Z")

    def test_a_whole_number_may_be_written_as_a_float(self):
        completed = complete(configuration(num_workers=8.0, requests_per_minute=60.0))
        assert isinstance(completed["num_workers"], int)
        assert isinstance(completed["requests_per_minute"], int)


class TestSuggestions:
    @pytest.mark.parametrize(
        ("config", "problem"),
        [
            pytest.param(
                configuration(lookback_windw="P1D"),
                "`lookback_windw` is not a field; did you mean `lookback_window`?",
                id="a common field",
            ),
            pytest.param(
                configuration(provider=cloud4wi(api_ur="https://host")),
                "`provider.api_ur` is not a field; did you mean `provider.api_url`?",
                id="one of the provider",
            ),
            pytest.param(
                {"provider": cloud4wi(), "startdate": "2024-01-01T00:00:00Z"},
                "`start_date` is missing (is it what you called `startdate`?).",
                id="one that is missing",
            ),
            pytest.param(
                configuration(provider={**cloud4wi(), "provider_type": "Cloud4Wi"}),
                "; did you mean `cloud4wi`?",
                id="a system",
            ),
            pytest.param(
                configuration(provider={**cloud4wi(), "provider_type": "Swipe One"}),
                "; did you mean `swipe_one`?",
                id="a system by its title",
            ),
            pytest.param(
                configuration(client_key="ck"),
                "`client_key` is not a field; did you mean `provider.client_key`?",
                id="one that belongs into the provider",
            ),
            pytest.param(
                configuration(provider=cloud4wi(end_date="2024-01-01T00:00:00Z")),
                "`provider.end_date` is not a field; did you mean `end_date`?",
                id="one that does not belong into the provider",
            ),
            pytest.param(
                configuration(provider={"provider_type": "carecloud", "login": "a"}),
                "`provider.login` is not a field; did you mean `provider.credentials.login`?",
                id="one that belongs into the credentials",
            ),
        ],
    )
    def test_a_name_that_is_almost_right_leads_to_the_right_one(self, config, problem):
        assert problem in message(config)

    def test_a_configuration_without_levels_is_sorted_into_them(self):
        assert message({**cloud4wi(), "start_date": "2024-01-01T00:00:00Z"}).startswith(
            "The configuration is not valid. `provider` is missing. "
            "`provider_type` is not a field; did you mean `provider.provider_type`? "
        )

    def test_a_choice_is_told_as_a_person_would_write_it(self):
        provider = {"provider_type": "app_market", "instance_id": "i", "api_secret": "s", "scope": "all"}
        assert message(configuration(provider=provider)).endswith(" `provider.scope` must be one of app, site.")

    def test_a_field_of_another_system_is_left_alone(self):
        validate(configuration(provider=cloud4wi(workspace_id="a-workspace")))

    @pytest.mark.parametrize("name", ["__injected", "_start_date", "completely_else"])
    def test_other_unknown_names_are_left_alone(self, name):
        validate(configuration(**{name: 1}))


class TestAddresses:
    @pytest.mark.parametrize(
        "address",
        [
            "https://explore.cloud4wi.com",
            "https://explore.cloud4wi.com/",
            "HTTPS://explore.cloud4wi.com",
            "https://host:8443/base/path",
            "https://10.0.0.1",
            "http://localhost:8000",
            "http://LOCALHOST",
            "http://127.0.0.1:8000",
            "http://127.8.9.10",
            "http://[::1]:8000",
            "http://host.docker.internal:8000",
        ],
    )
    def test_https_or_a_host_that_no_network_lies_before(self, address):
        validate(changed("provider.api_url", address))

    @pytest.mark.parametrize(
        "address",
        [
            "http://explore.cloud4wi.com",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::2]",
            "http://128.0.0.1",
            "http://host.docker.internal.example.com",
            "ftp://localhost",
            "file://localhost/etc",
            "//host",
        ],
    )
    def test_credentials_do_not_cross_a_network_in_clear(self, address):
        assert "`provider.api_url` must begin with https://" in message(changed("provider.api_url", address))

    @pytest.mark.parametrize(
        ("address", "problem"),
        [
            ("", "must be an address"),
            ("explore.cloud4wi.com", "must be an address"),
            ("https://", "must be an address"),
            ("https://host name", "must be an address"),
            ("https://host\n", "must be an address"),
            ("https://host:port", "must be an address"),
            ("https://host:99999", "must be an address"),
            ("https://[::1", "must be an address"),
            ("https://user:password@host", "must not hold a user"),
            ("https://user@host", "must not hold a user"),
            ("https://host?token=1", "must not hold a query"),
            ("https://host#part", "must not hold a query"),
            (5, "must be of type string"),
        ],
    )
    def test_other_addresses_are_none(self, address, problem):
        found = message(changed("provider.api_url", address))
        assert f"`provider.api_url` {problem}" in found
        assert "password@" not in found

    def test_a_slash_at_the_end_does_not_become_two(self):
        completed = complete(changed("provider.api_url", "https://host/base//"))
        assert completed["provider"]["api_url"] == "https://host/base"


class TestCompletion:
    def test_what_is_left_out_has_the_documented_default(self):
        completed = complete({"provider": cloud4wi(), "start_date": "2024-01-01T00:00:00Z"})
        assert completed["provider"]["api_url"] == "https://explore.cloud4wi.com"
        fields = ("lookback_window", "window_size", "num_workers", "event_types", "contact_ids")
        assert [completed[field] for field in fields] == ["P1D", "P7D", 8, [], []]

    def test_null_is_the_same_as_left_out(self):
        optional = ("end_date", "contact_ids", "event_types", "lookback_window", "window_size", "num_workers")
        config = configuration(**dict.fromkeys((*optional, "requests_per_minute")), provider=cloud4wi(api_url=None))
        completed = complete(config)
        assert (completed["lookback_window"], completed["num_workers"]) == ("P1D", 8)
        assert completed["provider"]["api_url"] == "https://explore.cloud4wi.com"

    @freeze_time("2024-06-01T12:34:56.789Z")
    def test_without_an_end_date_it_ends_now(self):
        assert complete(changed("end_date", REMOVED))["end_date"] == "2024-06-01T12:34:56Z"

    @freeze_time("2024-06-01T12:00:00Z")
    @pytest.mark.parametrize(("start", "right"), [("2024-06-01T12:00:00Z", True), ("2024-06-01T12:00:01Z", False)])
    def test_a_start_in_the_future_is_a_mistake(self, start, right):
        config = {"provider": cloud4wi(), "start_date": start}
        if right:
            validate(config)
        else:
            assert "`start_date` must not be in the future" in message(config)

    def test_a_day_is_read_from_its_first_second_to_its_last(self):
        completed = complete(configuration(start_date="2024-01-01", end_date="2024-01-01"))
        assert (completed["start_date"], completed["end_date"]) == ("2024-01-01T00:00:00Z", "2024-01-01T23:59:59Z")
        assert completed["end_is_day"] is True
        assert complete(configuration(end_date="2024-01-01T23:59:59Z"))["end_is_day"] is False
        assert complete(configuration(end_date=None))["end_is_day"] is False

    @freeze_time("2024-06-01T12:00:00Z")
    def test_today_is_no_day_of_the_future(self):
        validate({"provider": cloud4wi(), "start_date": "2024-06-01", "end_date": "2024-06-01"})

    @pytest.mark.parametrize("value", ["now", "2024-01-01 00:00:00", "2024-01-01T00:00:00+01:00", "2024-02-30"])
    def test_a_date_of_another_form_is_told_in_one_sentence(self, value):
        told = message(changed("start_date", value)).removeprefix("The configuration is not valid. ")
        assert (told.count("`start_date`"), told.count(". "), told[-1]) == (1, 0, ".")

    def test_start_and_end_may_be_the_same_second(self):
        validate(configuration(end_date="2024-01-01T00:00:00Z"))

    def test_a_fraction_of_zeros_is_no_fraction(self):
        config = configuration(start_date="2024-01-01T00:00:00.000Z", end_date="2024-01-02T00:00:00.0Z")
        completed = complete(config)
        assert (completed["start_date"], completed["end_date"]) == ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00Z")

    @pytest.mark.parametrize("value", ["PT1M", "PT60S", "P1W", "P1DT1H1M1S", "PT36H"])
    def test_durations_of_a_minute_and_more_are_windows(self, value):
        validate(configuration(window_size=value))

    @pytest.mark.parametrize("value", ["PT0S", "P0D", "PT1S", "P2W"])
    def test_a_lookback_may_be_nothing(self, value):
        validate(configuration(lookback_window=value))

    @pytest.mark.parametrize("value", [1, 40])
    def test_workers_have_bounds(self, value):
        validate(configuration(num_workers=value))

    def test_the_given_configuration_is_not_changed(self):
        config = configuration(contact_ids=None)
        before = json.dumps(config)
        complete(config)
        assert json.dumps(config) == before

    def test_a_platforms_own_fields_are_left_out_because_some_are_code_to_run(self):
        injected = {"__injected_declarative_manifest": {}, "__injected_components_py": "raise SystemExit", "_limit": 3}
        assert complete(configuration(**injected)).keys() == complete(configuration()).keys()

    def test_what_is_wrong_is_not_completed(self):
        with pytest.raises(InvalidConfiguration):
            complete(changed("start_date", "yesterday"))


class TestUnreadFields:
    def test_they_are_named_in_one_line(self, log):
        warn_of_unread_fields({**configuration(provider=cloud4wi(foo=1)), "from": "2024-01-01"})
        told = "Fields of the configuration that are not read: `provider.foo`, `from`. "
        assert log.text == f"{told}Correct their names, or delete them."
        assert [record.levelname for record in log.records] == ["WARNING"]

    def test_so_is_a_field_of_another_system_and_one_of_a_choice_within(self, log):
        credentials = {"auth_type": "basic", "login": "l", "password": "p", "external_application_id": "e"}
        warn_of_unread_fields({"provider": {"provider_type": "carecloud", "credentials": credentials, "scope": "app"}})
        assert "are not read: `provider.credentials.external_application_id`, `provider.scope`. " in log.text

    @pytest.mark.parametrize("fields", [{}, {"_limit": 1, "__injected": {}}, {"end_date": None}], ids=repr)
    def test_nothing_is_said_of_others(self, log, fields):
        warn_of_unread_fields(configuration(**fields))
        assert log.text == ""

    def test_a_check_says_so(self, network, log):
        network.expect(requests.login(), responses.error(401))
        SourceEvents().check(LOGGER, {**configuration(), "from": "x"})
        assert log.text.count("are not read: `from`.") == 1

from __future__ import annotations

from typing import Any

import pytest
from airbyte_cdk.models import FailureType

from source_events.components.templates import Bounds, InvalidManifest, Template, check_fields

CONFIG = {"provider": {"key": "a-fake-key", "empty": ""}, "event_types": ["a", "b"], "none": []}


def rendered(value: Any, config: dict[str, Any] | None = None, **names: Any) -> Any:
    return Template(value, CONFIG if config is None else config).render(**names)


def of_provider(value: str) -> dict[str, Any]:
    return {"provider": {"key": value}}


class TestRendering:
    def test_it_speaks_of_the_configuration_the_window_and_the_contact(self):
        value = {
            "key": "{{ config['provider']['key'] }}",
            "range": "{{ window.start }}..{{ window.end }}",
            "contact": "{{contact}} and {{- contact -}}",
            "many": ["{{ contact }}", {"in": "{{ window.start }}"}],
            "n": 5,
            "yes": True,
        }
        assert rendered(value, window=Bounds(start="s", end="e"), contact="c") == {
            "key": "a-fake-key",
            "range": "s..e",
            "contact": "c andc",
            "many": ["c", {"in": "s"}],
            "n": 5,
            "yes": True,
        }

    @pytest.mark.parametrize(
        "text",
        [
            "1e5",
            "007",
            "1",
            "1.5",
            "True",
            "None",
            "{'a': 1}",
            "(1, 2)",
            "0x10",
            "1_000",
            "1+1",
            "{{ 1 + 1 }}",
            "  x ",
        ],
    )
    def test_a_text_stays_the_text_that_it_is(self, text):
        assert rendered("{{ config['provider']['key'] }}", of_provider(text)) == text
        if "{" not in text:
            assert rendered(text) == text
            assert rendered(text + "{{ config['provider']['key'] }}", of_provider("")) == text

    def test_a_list_is_one(self):
        assert rendered("{{ config['event_types'] }}") == ["a", "b"]
        assert rendered({"types[]": "{{ config['event_types'] }}"}) == {"types[]": ["a", "b"]}
        assert rendered("{{ config['event_types'] | join(',') }}") == "a,b"

    def test_fields_without_a_value_are_left_out(self):
        value = {
            "empty": "{{ config['provider']['empty'] }}",
            "none": "{{ config['none'] }}",
            "null": None,
            "nothing": "",
            "zero": 0,
            "no": False,
        }
        assert rendered(value) == {"zero": 0, "no": False}

    def test_the_functions_of_the_cdk_are_there(self):
        assert rendered("{{ format_datetime('2024-01-02T00:00:00Z', '%Y') }}") == "2024"
        assert rendered("{{ 'x' | base64encode }}") == "eA=="


class TestMistakes:
    @pytest.mark.parametrize(
        "name",
        [
            "stream_partition",
            "stream_slice",
            "stream_interval",
            "stream_state",
            "next_page_token",
            "response",
            "record",
            "parameters",
            "contacts",
        ],
    )
    @pytest.mark.parametrize("form", ["{{ %s }}", "{{ %s['x'] }}", "a{{ %s.x or '' }}", "{%% if %s %%}x{%% endif %%}"])
    def test_what_a_request_does_not_know_is_one(self, name, form):
        with pytest.raises(InvalidManifest) as caught:
            Template(form % name, CONFIG)
        assert caught.value.failure_type is FailureType.system_error
        assert caught.value.message == (
            f"The manifest's {form % name!r} speaks of `{name}`, which a request does not know. "
            "It knows `config`, `window.start`, `window.end` and, as {{ contact }}, the contact."
        )

    def test_of_several_the_first_in_the_alphabet_is_named(self):
        with pytest.raises(InvalidManifest, match="speaks of `apple`"):
            Template("{{ zebra }}{{ apple }}{{ moon }}", CONFIG)

    @pytest.mark.parametrize(
        "value",
        [
            {"a": "{{ stream_partition }}"},
            ["{{ stream_partition }}"],
            {"a": [{"b": "{{ stream_partition }}"}]},
        ],
        ids=["in an object", "in a list", "deep"],
    )
    def test_so_it_is_wherever_it_stands(self, value):
        with pytest.raises(InvalidManifest, match="stream_partition"):
            Template(value, CONFIG)

    @pytest.mark.parametrize(
        "text",
        [
            "{{ contact | lower }}",
            "{{ contact | urlencode }}",
            "{{ 'c' ~ contact }}",
            "{{ contact[:3] }}",
            "{% if contact == 'a' %}x{% endif %}",
            "{{ contact }}{{ contact | hash }}",
            "{{ contact or 'none' }}",
        ],
    )
    def test_to_do_anything_with_the_contact_is_one(self, text):
        with pytest.raises(InvalidManifest) as caught:
            Template(text, CONFIG)
        assert caught.value.message == (
            f"The manifest's {text!r} must say {{{{ contact }}}}, and do nothing with the contact."
        )

    @pytest.mark.parametrize("text", ["{{ window.begin }}", "{{ window['begin'] }}", "{{ window.begin or 'x' }}"])
    def test_a_bound_that_the_window_does_not_have_is_one(self, text):
        with pytest.raises(InvalidManifest) as caught:
            rendered(text, window=Bounds(start="s", end="e"))
        assert caught.value.message == "The manifest speaks of `window.begin`; this window has start, end."

    def test_where_there_is_no_contact_it_is_unknown(self):
        with pytest.raises(InvalidManifest, match="speaks of `contact`"):
            Template("{{ contact }}", CONFIG, {"config", "window"})

    @pytest.mark.parametrize("text", ["{{ window.start }", "{% if config %}", "{{ window.start | no_filter }}"])
    def test_what_is_no_template_is_one(self, text):
        with pytest.raises(InvalidManifest) as caught:
            Template(text, CONFIG)
        assert caught.value.message.startswith(f"The manifest's {text!r} is no template: ")


FORM = {
    "properties": {
        "start_date": {"type": "string"},
        "provider": {
            "properties": {
                "api_key": {"type": "string"},
                "credentials": {
                    "oneOf": [{"properties": {"token": {}}}, {"properties": {"login": {}, "password": {}}}],
                },
            }
        },
    }
}


class TestFieldsOfTheConfiguration:
    """What a manifest reads from the configuration is a field of the form, or it would be empty in silence."""

    @pytest.mark.parametrize(
        "text",
        [
            "{{ config['start_date'] }}",
            "{{ config['provider']['api_key'] | base64encode }}",
            "{{ config.provider.credentials.token or config.provider.credentials.password }}",
            "{{ config.get('provider')['credentials'].get('login', '') }}",
            "{{ config['start_date'].removesuffix('Z')[:10] }}",
            "{{ config['provider'].items() | list }}",
            "{{ window.typo }}{{ other['config'] }}",
            "A sentence with {braces} on `config`.",
            "config['provider']['typo']",
        ],
    )
    def test_those_of_the_form_may_be_read(self, text):
        check_fields({"a": [{"b": text}], "c": 5, "d": None}, FORM)

    @pytest.mark.parametrize(
        ("text", "field", "known"),
        [
            ("{{ config['typo'] }}", "typo", "provider, start_date"),
            ("{{ config['provider']['typo'] }}", "provider.typo", "api_key, credentials"),
            ("a{{ config['provider']['api_key'] ~ config.provider.typo }}", "provider.typo", "api_key, credentials"),
            ("{{ config['provider'].get('typo', 'x') }}", "provider.typo", "api_key, credentials"),
            ("{{ config.get('provider').credentials.typo }}", "provider.credentials.typo", "login, password, token"),
            ("{% if config['provider']['typo'] %}a{% endif %}", "provider.typo", "api_key, credentials"),
            ("{{ config['provider']['typo'].lower()[0] }}", "provider.typo", "api_key, credentials"),
        ],
    )
    def test_others_are_a_mistake(self, text, field, known):
        with pytest.raises(InvalidManifest) as caught:
            check_fields({"a": [{"b": text}]}, FORM)
        assert caught.value.message == (
            f"The manifest's {text!r} speaks of `{field}`, which is no field of the form. It has {known}."
        )

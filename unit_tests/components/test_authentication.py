from __future__ import annotations

from collections.abc import Mapping

import pytest

from source_events.components.authentication import Authenticator, HeaderAuthenticator, chosen


class Fixed(Authenticator):
    def __init__(self, name: str) -> None:
        self.name = name

    def headers(self, instead_of: Mapping[str, str] | None = None) -> Mapping[str, str]:
        return {"X-Name": self.name}


class TestHeaders:
    def test_they_have_the_form_that_the_manifest_gives_them(self):
        config = {"provider": {"api_key": "a-fake-key", "user": "me"}}
        headers = {"X-Api-Key": "{{ config['provider']['api_key'] }}", "X-User": "of {{ config['provider']['user'] }}"}
        made = HeaderAuthenticator(config, headers)
        assert made.headers() == {"X-Api-Key": "a-fake-key", "X-User": "of me"}

    @pytest.mark.parametrize("key", ["1e5", "007", "{{ 1 + 1 }}", "None", "{'a': 1}", " x "])
    def test_a_key_is_sent_as_it_is(self, key):
        made = HeaderAuthenticator({"provider": {"api_key": key}}, {"X": "{{ config['provider']['api_key'] }}"})
        assert made.headers() == {"X": key}

    def test_nothing_else_is_tried_when_they_are_refused(self):
        made = HeaderAuthenticator({}, {"X": "x"})
        assert made.refused_with is None
        assert made.headers(instead_of={"X": "x"}) == {"X": "x"}
        assert not made.is_used_elsewhere({"X": "x"})


@pytest.mark.parametrize("kind", ["one", "two"])
def test_the_configuration_chooses(kind):
    config = {"provider": {"credentials": {"auth_type": kind}}}
    choices = {name: Fixed(name) for name in ("one", "two")}
    assert chosen(config, ["provider", "credentials", "auth_type"], choices) is choices[kind]

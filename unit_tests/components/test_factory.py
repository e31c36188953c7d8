from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from airbyte_cdk.models import FailureType
from airbyte_cdk.sources.types import Config

from source_events.components.factory import Factory
from source_events.components.login import Login, LoginAuthenticator
from source_events.components.paging import TokenPaging
from source_events.components.templates import InvalidManifest
from source_events.runtime import Runtime, StreamRun

HERE = f"{__name__}."
AUTHENTICATION = "source_events.components.authentication"
DECODERS, READER = "source_events.components.decoder", "source_events.components.reader"


class Part:
    def __init__(self, stream: StreamRun, size: int = 1) -> None:
        self.stream = stream
        self.size = size


class Whole:
    def __init__(
        self,
        config: Config,
        runtime: Runtime,
        stream: StreamRun,
        known: Collection[str] | None,
        name: str,
        paging: TokenPaging | None = None,
        by_name: Mapping[str, Any] | None = None,
    ) -> None:
        self.shared = (config, runtime, stream, known)
        self.name = name
        self.paging = paging
        self.by_name = by_name


class Uncounted:
    counts_rows = False

    def __init__(self, stream: StreamRun, part: Part) -> None:
        self.stream = stream
        self.part = part


class Without:
    """Takes nothing."""


def named(config: Config, name: str) -> str:
    return f"{config['prefix']}{name}"


@pytest.fixture
def factory() -> Factory:
    runtime = Runtime(1)
    config = {"prefix": "p-", "start_date": "2024-01-01T00:00:00Z", "end_date": "2024-01-02T00:00:00Z"}
    return Factory(config, runtime, runtime.stream("s"), ("a", "b"))


def definition(class_name: str, /, **fields: Any) -> dict[str, Any]:
    return {"class_name": f"{HERE}{class_name}", **fields}


class TestArguments:
    def test_the_shared_ones_are_handed_to_all_who_ask_for_them(self, factory):
        made = factory.make(definition("Whole", name="w"))
        assert made.shared == (factory.config, factory.runtime, factory.stream, ("a", "b"))
        assert (made.name, made.paging, made.by_name) == ("w", None, None)
        assert isinstance(factory.make(definition("Without")), Without)

    def test_a_manifest_may_say_otherwise(self, factory):
        assert factory.make(definition("Whole", name="w", known=None)).shared[3] is None

    @pytest.mark.parametrize(
        ("field", "value", "problem"),
        [
            ("name", 5, "Expected `str`, got `int`"),
            ("name", None, "Expected `str`, got `null`"),
            ("name", {"x": 1}, "Expected `str`, got `object`"),
            ("by_name", "x=1", "Expected `object | null`, got `str`"),
            ("by_name", ["x"], "Expected `object | null`, got `array`"),
        ],
    )
    def test_one_of_another_type_is_a_mistake(self, factory, field, value, problem):
        with pytest.raises(
            InvalidManifest, match=rf"^Whole: `{field}` is not what it must be: {re.escape(problem)}\.$"
        ):
            factory.make(definition("Whole", **{"name": "w", field: value}))

    def test_what_says_what_a_component_is_is_no_argument(self, factory):
        made = factory.make({**definition("Without"), "type": "CustomRetriever", "$parameters": {"x": 1}})
        assert isinstance(made, Without)

    def test_one_that_has_a_class_is_a_component(self, factory):
        made = factory.make(definition("Whole", name="w", paging={"parameter": "t", "total": True}))
        assert isinstance(made.paging, TokenPaging)
        assert made.paging.parameter == "t"

    def test_so_is_one_that_names_its_class_wherever_it_stands(self, factory):
        by_name = {"one": definition("Part", size=2), "two": {"deep": definition("Part")}, "plain": {"x": 1}}
        made = factory.make(definition("Whole", name="w", by_name=by_name))
        assert (made.by_name["one"].size, made.by_name["two"]["deep"].size) == (2, 1)
        assert made.by_name["one"].stream is factory.stream
        assert made.by_name["plain"] == {"x": 1}

    def test_in_a_mapping_of_components_each_names_its_class(self, factory):
        headers = {"class_name": f"{AUTHENTICATION}.HeaderAuthenticator", "headers": {}}
        chosen = {"class_name": f"{AUTHENTICATION}.chosen", "path": ["prefix"], "choices": {"p-": headers}}
        assert factory.make(chosen).headers() == {}

    def test_a_function_makes_components_too(self, factory):
        assert factory.make(definition("named", name="x")) == "p-x"

    def test_a_login_is_made_as_one_because_it_ends_all_streams(self, factory):
        login = {"url": "https://host/login", "decoder": {"class_name": f"{DECODERS}.TokenDecoder", "path": "token"}}
        made = factory.make({"login": login, "refused_with": 401}, LoginAuthenticator)
        assert isinstance(made._login, Login)

    def test_rows_of_one_that_only_tells_what_there_is_are_not_counted(self, factory):
        made = factory.make(definition("Uncounted", part=definition("Part")))
        for stream in (made.stream, made.part.stream):
            assert stream.name == "s"
            assert stream.counts is not factory.stream.counts


class TestMistakes:
    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            pytest.param(
                definition("Part", sise=3), "Part has no field `sise`; it has size.", id="a field that it does not have"
            ),
            pytest.param(
                definition("Whole", name="w", paging={"parametre": "t"}),
                "TokenPaging has no field `parametre`; it has parameter, total, expected_behind.",
                id="one within another",
            ),
            pytest.param(definition("Without", x=1), "Without has no field `x`; it has none.", id="one of none"),
            pytest.param(
                definition("Whole"), "Whole: missing a required argument: 'name'.", id="a field that is missing"
            ),
            pytest.param(definition("Nothing"), f"There is no class `{HERE}Nothing`.", id="a class that is not there"),
            pytest.param({"class_name": "no.such.Module"}, "There is no class `no.such.Module`.", id="no such module"),
            pytest.param({"class_name": "Alone"}, "There is no class `Alone`.", id="no module"),
            pytest.param({"size": 1}, "A component with the fields size has no `class_name`.", id="no class"),
        ],
    )
    def test_they_are_named(self, factory, wrong, message):
        with pytest.raises(InvalidManifest) as caught:
            factory.make(wrong)
        assert caught.value.message == message
        assert caught.value.failure_type is FailureType.system_error

    @pytest.mark.parametrize(
        ("field", "value", "message"),
        [
            pytest.param("paging", {"parameter": "p"}, "PageReader: `paging` needs a `class_name`.", id="abstract"),
            pytest.param(
                "selection",
                "all",
                "PageReader: `selection` must be an object with the fields of a component.",
                id="text",
            ),
        ],
    )
    def test_what_takes_a_component_takes_nothing_else(self, factory, field, value, message):
        requester = {"url": "https://host", "decoder": {"class_name": f"{DECODERS}.TokenDecoder", "path": "x"}}
        paging = {"class_name": "source_events.components.paging.NumberPaging"}
        right = {"class_name": f"{READER}.PageReader", "requester": requester, "paging": paging, "selection": {}}
        assert factory.make(right)
        with pytest.raises(InvalidManifest) as caught:
            factory.make({**right, field: value})
        assert caught.value.message == message

    def test_a_protocol_is_no_class_to_make(self, factory):
        wrong = {"class_name": "source_events.components.contacts.FeedContacts", "feed": {"requester": {}}}
        with pytest.raises(InvalidManifest) as caught:
            factory.make(wrong)
        assert caught.value.message == "FeedContacts: `feed` needs a `class_name`."

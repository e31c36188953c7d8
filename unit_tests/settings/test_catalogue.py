from __future__ import annotations

import json

import pytest
from airbyte_cdk.models import AirbyteMessage, AirbyteMessageSerializer, ConfiguredAirbyteCatalogSerializer, Type

from source_events.settings.catalogue import check_catalog, check_streams, read_catalog
from source_events.settings.documents import InvalidDocument
from source_events.source import SourceEvents
from unit_tests.reading import LOGGER, catalog, configuration, read

NAMES = ["org_events", "contact_events"]
SELECT = (
    "it is what `discover` prints, which says what there is and not what to read; "
    "`source-events catalog --config FILE` prints a catalogue."
)


class TestSelection:
    def test_streams_that_exist_are_fine(self):
        check_catalog(catalog(*NAMES), NAMES)

    def test_no_stream_at_all_is_an_error(self):
        with pytest.raises(InvalidDocument, match="selects no stream"):
            check_catalog(catalog(), NAMES)

    def test_a_stream_that_is_selected_twice_is_named(self):
        with pytest.raises(InvalidDocument, match="selects `org_events` more than once"):
            check_catalog(catalog("org_events", "contact_events", "org_events"), NAMES)

    def test_an_unknown_stream_is_named_beside_those_that_there_are(self):
        with pytest.raises(InvalidDocument) as caught:
            check_catalog(catalog("org_events", "contacts"), NAMES)
        assert caught.value.message == (
            "The catalogue selects `contacts`, but the streams are: contact_events, org_events."
        )

    def test_a_read_of_an_unknown_stream_fails_before_any_request(self, network):
        assert isinstance(read("unheard_of").failure, InvalidDocument)
        assert network.made == []


class TestNames:
    def test_streams_that_there_are_are_fine(self):
        check_streams(["org_events"], NAMES)
        check_streams([], NAMES)

    @pytest.mark.parametrize(
        ("named", "meant"), [("org_event", " (did you mean `org_events`?)"), ("visits", "")], ids=["alike", "another"]
    )
    def test_one_that_there_is_not_is_told_beside_those_that_there_are(self, named, meant):
        with pytest.raises(InvalidDocument) as caught:
            check_streams(["contact_events", named], NAMES)
        assert caught.value.message == (
            f"There is no stream `{named}`{meant}; the streams are: contact_events, org_events."
        )


class TestFile:
    @pytest.mark.parametrize("form", ["lines", "line", "catalog"])
    def test_what_discover_prints_is_told_with_how_to_make_a_catalogue_of_it(self, tmp_path, form):
        found = SourceEvents().discover(LOGGER, configuration())
        message = AirbyteMessageSerializer.dump(AirbyteMessage(type=Type.CATALOG, catalog=found))
        line, discovered = json.dumps(message) + "\n", message["catalog"]
        log = json.dumps({"type": "LOG", "log": {"level": "INFO", "message": "m"}}) + "\n"
        path = tmp_path / "catalog.json"
        path.write_text({"lines": log + line, "line": line, "catalog": json.dumps(discovered, indent=2)}[form])
        with pytest.raises(InvalidDocument) as caught:
            read_catalog(str(path))
        assert caught.value.message == f"The catalogue file {path} is not valid: {SELECT}"

    @pytest.mark.parametrize("content", [{"streams": [{"stream": {}}]}, {"streams": 5}, [], 5], ids=repr)
    def test_json_of_another_form_is_an_error_too(self, tmp_path, content):
        path = tmp_path / "catalog.json"
        path.write_text(json.dumps(content))
        with pytest.raises(InvalidDocument, match=r"catalog\.json is not valid: Schema validation failed: "):
            read_catalog(str(path))

    def test_one_of_the_right_form_is_read(self, tmp_path):
        path = tmp_path / "catalog.json"
        path.write_text(json.dumps(ConfiguredAirbyteCatalogSerializer.dump(catalog(*NAMES))))
        assert read_catalog(str(path)) == catalog(*NAMES)

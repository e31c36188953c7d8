from __future__ import annotations

import json
from argparse import Namespace

import pytest
from airbyte_cdk.models import AirbyteStream, ConfiguredAirbyteCatalogSerializer, SyncMode

from source_events import providers
from source_events.process.catalog import catalogue, configured, run
from source_events.settings.catalogue import check_catalog, read_catalog
from source_events.settings.documents import InvalidDocument
from source_events.source import SourceEvents
from unit_tests.reading import LOGGER, configuration

CARECLOUD = {
    "provider_type": "carecloud",
    "api_url": "https://project.test/v1.0",
    "time_zone": "Europe/Prague",
    "credentials": {"auth_type": "basic", "login": "user", "password": "not-a-password"},
}


def test_it_has_all_streams_with_the_schemas_of_discover_and_no_request_is_made(network):
    config = configuration(provider=CARECLOUD)
    found = SourceEvents().discover(LOGGER, config).streams
    selected = catalogue(config).streams
    assert [entry.stream for entry in selected] == found
    assert {entry.stream.name for entry in selected} == {
        stream["name"] for stream in providers.manifest("carecloud")["streams"]
    }
    assert network.made == []


def test_streams_that_are_named_come_once_and_in_this_order():
    names = ["contact_events", "org_events", "contact_events"]
    assert [entry.stream.name for entry in catalogue(configuration(), names).streams] == names[:2]


def test_a_stream_that_there_is_not_is_an_error():
    with pytest.raises(InvalidDocument, match=r"no stream `org_event` \(did you mean `org_events`\?\)"):
        catalogue(configuration(), ["org_events", "org_event"])


def test_a_stream_with_a_cursor_is_appended_and_deduplicated():
    [entry] = catalogue(configuration(), ["org_events"]).streams
    assert (entry.sync_mode.value, entry.destination_sync_mode.value) == ("incremental", "append_dedup")
    assert (entry.cursor_field, entry.primary_key) == (["createdAt"], [["id"]])


def test_any_other_is_read_and_written_as_a_whole():
    stream = AirbyteStream("s", {}, [SyncMode.full_refresh], source_defined_primary_key=[["key"]])
    entry = configured(stream)
    assert (entry.sync_mode.value, entry.destination_sync_mode.value) == ("full_refresh", "overwrite")
    assert (entry.cursor_field, entry.primary_key) == (None, [["key"]])


def test_what_is_printed_is_a_catalogue_for_read_and_readable(tmp_path, capsys):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(configuration()))
    run(Namespace(config=str(path), stream=["org_events"]))
    text, errors = capsys.readouterr()
    assert errors == ""
    assert text.startswith('{\n  "streams": [\n    {\n      "stream": {\n        "name": "org_events",\n')
    assert "null" not in json.loads(text)["streams"][0].values()
    (tmp_path / "catalog.json").write_text(text)
    read_back = read_catalog(str(tmp_path / "catalog.json"))
    check_catalog(read_back, ["org_events"])
    assert ConfiguredAirbyteCatalogSerializer.dump(read_back) == ConfiguredAirbyteCatalogSerializer.dump(
        catalogue(configuration(), ["org_events"])
    )

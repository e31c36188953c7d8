"""The catalogue: which streams a sync reads, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from airbyte_cdk.models import ConfiguredAirbyteCatalog, ConfiguredAirbyteCatalogSerializer

from source_events.settings.documents import PRINTED_BY_DISCOVER, InvalidDocument, read_document

SELECT = (
    "it is what `discover` prints, which says what there is and not what to read; "
    "`source-events catalog --config FILE` prints a catalogue"
)


def read_catalog(path: str) -> ConfiguredAirbyteCatalog:
    """
    :raises InvalidDocument: if it cannot be read, or is no catalogue
    """
    return read_document("catalogue", path, ConfiguredAirbyteCatalogSerializer.load, {PRINTED_BY_DISCOVER: SELECT})


def catalog_of(stream: str) -> ConfiguredAirbyteCatalog:
    """A catalogue that selects one stream."""
    described = {"name": stream, "json_schema": {}, "supported_sync_modes": ["full_refresh", "incremental"]}
    selected = {"stream": described, "sync_mode": "incremental", "destination_sync_mode": "append_dedup"}
    catalog: ConfiguredAirbyteCatalog = ConfiguredAirbyteCatalogSerializer.load({"streams": [selected]})
    return catalog


def check_streams(named: Iterable[str], names: Collection[str]) -> None:
    """
    :raises InvalidDocument: if a stream is named that the system does not have
    """
    for name in named:
        if name not in names:
            alike = get_close_matches(name, names, n=1)
            meant = f" (did you mean `{alike[0]}`?)" if alike else ""
            raise InvalidDocument(f"There is no stream `{name}`{meant}; the streams are: {', '.join(sorted(names))}.")


def check_catalog(catalog: ConfiguredAirbyteCatalog, names: Collection[str]) -> None:
    """
    :raises InvalidDocument: if the catalogue selects no stream, one that the system does not have, or one twice
    """
    selected = [configured.stream.name for configured in catalog.streams]
    twice = [name for name, number in Counter(selected).items() if number > 1]
    if not selected:
        raise InvalidDocument("The catalogue selects no stream.")
    unknown = [name for name in selected if name not in names]
    if unknown:
        raise InvalidDocument(f"The catalogue selects `{unknown[0]}`, but the streams are: {', '.join(sorted(names))}.")
    if twice:
        raise InvalidDocument(f"The catalogue selects `{twice[0]}` more than once.")

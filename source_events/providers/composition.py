"""How a manifest is put together, and what in it would be ignored in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from source_events.components.templates import InvalidManifest

Definition = Mapping[str, Any]

OF_A_MANIFEST = frozenset(("version", "type", "concurrency_level", "check", "streams", "definitions"))
OF_A_STREAM = frozenset(("type", "name", "primary_key", "schema", "incremental_sync", "retriever"))
NEEDED = ("name", "primary_key", "retriever")
TAKES_THE_PLACE = frozenset(("$ref", "class_name"))
"""An object with one of these says itself what it is made of, and has nothing of the one whose place it takes."""


class References:
    """The definitions that a manifest may refer to, as `#/definitions/NAME` in place of an object, or as its `$ref`.

    What an object has beside its `$ref` is merged into what that refers to, at every depth: an object says only where
    it differs. Null takes a field away.
    """

    def __init__(self, document: Definition) -> None:
        self._document = document

    def resolved(self, value: Any, within: Sequence[str] = ()) -> Any:
        """
        :raises InvalidManifest: if there is no such definition, or it refers to itself
        """
        if isinstance(value, str) and value.startswith("#/"):
            return self._referred(value, within)
        if isinstance(value, list):
            return [self.resolved(entry, within) for entry in value]
        if not isinstance(value, Mapping):
            return value
        base = self._referred(value["$ref"], within) if "$ref" in value else {}
        if not isinstance(base, Mapping):
            raise InvalidManifest(f"`$ref: {value['$ref']}` does not refer to an object.")
        return self._merged(base, {name: entry for name, entry in value.items() if name != "$ref"}, within)

    def _merged(self, base: Definition, own: Definition, within: Sequence[str]) -> Definition:
        merged = dict(base)
        for name, entry in own.items():
            inherited = base.get(name)
            if isinstance(inherited, Mapping) and isinstance(entry, Mapping) and not TAKES_THE_PLACE & entry.keys():
                merged[name] = self._merged(inherited, entry, within)
            else:
                merged[name] = self.resolved(entry, within)
        return merged

    def _referred(self, reference: Any, within: Sequence[str]) -> Any:
        if reference in within:
            raise InvalidManifest(f"The manifest's `{reference}` refers to itself.")
        found: Any = self._document
        for name in str(reference).removeprefix("#/").split("/"):
            if not isinstance(found, Mapping) or name not in found:
                raise InvalidManifest(f"The manifest refers to `{reference}`, which nothing defines.")
            found = found[name]
        return self.resolved(found, (*within, reference))


def composed(own: Definition, shared: Definition, schemas: Path) -> dict[str, Any]:
    """The manifest as the CDK takes it: without references, and with what is the same for all.

    A stream's schema is the file in `schemas` that is called as its `schema`, or else as the stream. What is checked is
    the first stream, unless the manifest says so.

    :raises InvalidManifest: if it has what nothing would look at, or lacks what it needs
    """
    references = References({**own, "definitions": definitions(own, shared)})
    _refuse_unknown("A manifest", own, OF_A_MANIFEST)
    streams = [_stream(references.resolved(stream), shared, schemas) for stream in own.get("streams") or []]
    if not streams:
        raise InvalidManifest("The manifest has no `streams`.")
    twice = [name for name, number in Counter(stream["name"] for stream in streams).items() if number > 1]
    if twice:
        raise InvalidManifest(f"The manifest has more than one stream `{twice[0]}`.")
    manifest: dict[str, Any] = references.resolved(
        {
            **shared["source"],
            "check": {"type": "CheckStream", "stream_names": [streams[0]["name"]]},
            **{name: value for name, value in own.items() if name not in ("streams", "definitions")},
        }
    )
    return {**manifest, "streams": streams}


def definitions(own: Definition, shared: Definition) -> Definition:
    """What a manifest may refer to."""
    return {**shared, **own.get("definitions", {})}


def _stream(stream: Definition, shared: Definition, schemas: Path) -> Definition:
    name = stream.get("name")
    _refuse_unknown(f"The stream `{name}`", stream, OF_A_STREAM)
    lacks = [each for each in NEEDED if not stream.get(each)]
    if lacks:
        raise InvalidManifest(f"The stream `{name}` has no `{lacks[0]}`.")
    if stream.get("incremental_sync") not in (None, shared["event_cursor"]):
        raise InvalidManifest(
            f"The stream `{name}`: `incremental_sync` can be nothing but `#/definitions/event_cursor`."
        )
    key = _key(stream["retriever"])
    if key not in (None, stream["primary_key"]):
        raise InvalidManifest(
            f"The stream `{name}` has the primary key `{stream['primary_key']}`, and its rows `{key}`."
        )
    schema = schemas / f"{stream.get('schema', name)}.json"
    if not schema.is_file():
        raise InvalidManifest(f"The stream `{name}` has no schema: there is no file `schemas/{schema.name}`.")
    loader = {"type": "JsonFileSchemaLoader", "file_path": str(schema)}
    kept = {field: value for field, value in stream.items() if field != "schema" and value is not None}
    retriever = {"type": "CustomRetriever", **stream["retriever"]}
    return {"type": "DeclarativeStream", **kept, "retriever": retriever, "schema_loader": loader}


def _key(retriever: Definition) -> Any:
    """The field that tells rows apart which are no events, if the decoder names one."""
    decoder = (retriever.get("requester") or {}).get("decoder") or {}
    return decoder.get("key")


def _refuse_unknown(whose: str, given: Definition, known: frozenset[str]) -> None:
    unknown = sorted(given.keys() - known, key=str)
    if unknown:
        raise InvalidManifest(f"{whose} has no field `{unknown[0]}`; it has {', '.join(sorted(known))}.")

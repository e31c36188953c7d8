"""Decoders that a manifest describes: it names the paths at which a row has what a record needs."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import compress
from operator import attrgetter, is_not
from typing import Any
from urllib.parse import urlsplit

import msgspec
from airbyte_cdk.sources.types import Config
from msgspec import UNSET, Raw, Struct
from msgspec.structs import fields as struct_fields

from source_events.components.decoder import ListDecoder
from source_events.components.paths import Path, Paths
from source_events.components.templates import InvalidManifest, Template
from source_events.components.zones import zone_named
from source_events.records.page import Answer
from source_events.records.rows import ENVELOPE_FIELDS, Entity, EntityRow, Envelope, Event, Identity, Row, RowFields
from source_events.records.times import UnreadableTime, earlier, from_any, normalize_time

Text = str | int | None
ENTITY_FIELDS = ("id", "provider", "organizationId")
A_DAY = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d))(?:[T ]00:00:00(?:\.0+)?Z?)?", re.ASCII)
"""A day, which may be written as its midnight."""
DAY_EVERYWHERE = timedelta(hours=36)
"""From midnight in UTC to the end of the day in the westernmost zone."""
ZERO_DATE = "0000-00-00"
"""What some databases have for a time that is not set."""
THROUGH = " > "
"""Stands between a path of a row that leads to the id of another resource, and a path of that resource."""


class MappedDecoder(ListDecoder):
    """What the decoders of events and of other rows have in common.

    `organization` is the path of the organisation, or a template of it. Without, and where a row names none, it is the
    API's host. `time_zone` is the zone of times that carry none, and may be a template.
    """

    fields: Collection[str] = ()
    """The fields that are added to a row, and so must give way where it has them itself."""

    def __init__(
        self,
        config: Config,
        known: Collection[str] | None,
        rows: str,
        next: str | None,
        total: str | None,
        included: str | None,
        time_zone: str | None,
        organization: str | None,
        wanted: Mapping[str, tuple[str | None, Any]],
    ) -> None:
        super().__init__(config, known, rows, next, total, included)
        self._provider: str = config["provider"]["provider_type"]
        self._organization = urlsplit(config["provider"].get("api_url", "")).hostname or ""
        if organization and "{" in organization:
            self._organization, organization = str(Template(organization, config, {"config"}).render()), None
        zone = Template(time_zone, config, {"config"}).render()
        self._zone = zone_named(zone) if zone else None
        described = {**wanted, "organization": (organization, Text)}
        self._fields = MappedFields({name: each for name, each in described.items() if each[0]}, self.fields, known)
        if self._fields.looks_up != bool(included):
            raise InvalidManifest(f"A path with `{THROUGH.strip()}` in it and `included` need each other.")

    def index(self, included: Raw) -> Any:
        return self._fields.resources.index(included)

    def rows(self, answer: Answer) -> Iterable[Row[Any]]:
        if not self._fields.looks_up:
            return map(self.row, answer.rows)
        return (self._row_of(raw, answer.included) for raw in answer.rows)

    def row(self, raw: Raw) -> Row[Any]:
        return self._row_of(raw, None)

    @abstractmethod
    def _row_of(self, raw: Raw, included: Any) -> Row[Any]:
        """Decode a row of an answer that has these resources beside its rows."""

    def _utc(self, native: Any) -> str | None:
        """The time with its offset; nothing, where there is none. What cannot be read stays as it is."""
        if isinstance(native, str) and (self._zone is None and native[4:5] == "-"):
            return native
        if native is None or native == "" or isinstance(native, bool):
            return None
        return from_any(str(native), self._zone)


class MappedEventDecoder(MappedDecoder):
    """Decodes events, of which `id`, `type`, `time`, `contact` and `organization` are at these paths.

    :raises InvalidManifest: if something is no path, or the schema does not know it
    """

    fields = ENVELOPE_FIELDS

    def __init__(
        self,
        config: Config,
        known: Collection[str] | None,
        id: str,
        type: str,
        time: str,
        rows: str = "",
        next: str | None = None,
        total: str | None = None,
        contact: str | None = None,
        organization: str | None = None,
        included: str | None = None,
        time_zone: str | None = None,
    ) -> None:
        if str(id).endswith("?") or str(time).endswith("?"):
            raise InvalidManifest("An event must have its `id` and its `time`: no `?` behind their paths.")
        # That the time is missing is said with the id, when that is known.
        wanted = {"id": (id, Text), "time": (f"{time}?", Any), "type": (type, Text), "contact": (contact, Text)}
        super().__init__(config, known, rows, next, total, included, time_zone, organization, wanted)
        self.names_contact = contact is not None
        self._time = time

    def _row_of(self, raw: Raw, included: Any) -> Event:
        row, unknown = self._fields.decode(raw)
        record_id = self._fields.id_of(row)
        native = self._fields.value("time", row)
        created_at = self._utc(native)
        if created_at is None:
            raise UnreadableTime(f"nothing at `{self._time}`" if native in (None, "") else str(native), record_id)
        envelope = Envelope(
            id=record_id,
            provider=self._provider,
            type=self._fields.text("type", row, included),
            createdAt=created_at,
            organizationId=self._fields.text("organization", row, included) or self._organization,
            contactId=self._fields.text("contact", row, included),
            unknownFields=unknown,
        )
        return Row(raw, envelope, self._fields.own(row))


class MappedEntityDecoder(MappedDecoder):
    """Decodes rows that are no events, as contacts.

    `id` is the path of what becomes the record's `id`; or `key` is the row's own field that tells it apart. `created`
    is the path of the time of its creation, where contacts have one, `changed` that of its last change, and `active`
    that of its last activity, which may be a day.
    """

    fields: Collection[str] = ENTITY_FIELDS

    def __init__(
        self,
        config: Config,
        known: Collection[str] | None,
        rows: str = "",
        id: str | None = None,
        key: str | None = None,
        next: str | None = None,
        total: str | None = None,
        created: str | None = None,
        changed: str | None = None,
        active: str | None = None,
        organization: str | None = None,
        included: str | None = None,
        time_zone: str | None = None,
    ) -> None:
        if (id is None) == (key is None):
            raise InvalidManifest("A row that is no event needs either an `id` or a `key`.")
        if key:
            self.fields = ENTITY_FIELDS[1:]
        wanted = {
            "id": (id or key, Text),
            "created": (created, Any),
            "changed": (changed, Any),
            "active": (active, Any),
        }
        super().__init__(config, known, rows, next, total, included, time_zone, organization, wanted)
        self._names_id = id is not None

    def _row_of(self, raw: Raw, included: Any) -> Entity:
        row, unknown = self._fields.decode(raw)
        record_id = self._fields.id_of(row)
        organization = self._fields.text("organization", row, included) or self._organization
        identity = Identity(self._provider, organization, unknownFields=unknown)
        if self._names_id:
            identity.id = record_id
        own, created, changed = self._fields.own(row), self._time("created", row), self._changed_at(row, record_id)
        return EntityRow(raw, identity, own, created, changed, self._active_until(row))

    def _time(self, name: str, row: Any) -> str | None:
        """The time at the path of this name, in UTC; nothing, where none can be read."""
        time = self._utc(self._fields.value(name, row))
        try:
            return normalize_time(time) if time else None
        except UnreadableTime:
            return None

    def _active_until(self, row: Any) -> str | None:
        """The last moment of the activity; of a day its end, in whatever zone it is one."""
        native = self._fields.value("active", row)
        day = A_DAY.fullmatch(native) if isinstance(native, str) else None
        return earlier(f"{day[1]}T00:00:00Z", -DAY_EVERYWHERE) if day else self._time("active", row)

    def _changed_at(self, row: Any, record_id: str) -> str | None:
        """
        :raises UnreadableTime: if it is none; a cursor is made of it
        """
        native = self._fields.value("changed", row)
        if isinstance(native, str) and native.startswith(ZERO_DATE):
            return None
        time = self._utc(native)
        try:
            return normalize_time(time) if time else None
        except UnreadableTime as error:
            raise UnreadableTime(error.time, record_id) from error


class MappedFields:
    """What a decoder reads of a row: `wanted` maps its names to a path and the type of what is there.

    `added` are the fields that the record gets, and `known` those that the schema names.
    """

    def __init__(
        self, wanted: Mapping[str, tuple[Any, Any]], added: Collection[str], known: Collection[str] | None
    ) -> None:
        through = {name: text.split(THROUGH) for name, (text, _) in wanted.items() if THROUGH in text}
        here = {name: Path.of(through.get(name, [text])[0]) for name, (text, _) in wanted.items()}
        self.looks_up = bool(through)
        """Whether something is found in the resources beside the rows."""
        self._beyond = {name: Path.of(beyond) for name, (_, beyond) in through.items()}
        self.resources = Resources(self._beyond.values())
        types = {path: Resource | Text if name in through else wanted[name][1] for name, path in here.items()}
        paths = Paths(types, dict.fromkeys(added, Raw))
        undeclared = [name for name in paths.names if known is not None and name not in (*known, *added)]
        if undeclared:
            raise InvalidManifest(f"The schema does not name `{undeclared[0]}`, where the decoder finds what it needs.")
        self.decode = RowFields(paths.struct, known).decode
        self.own = OwnFields(paths, here.values(), added).of
        self._id = here["id"].text
        self._get = {name: paths.getter(path) for name, path in here.items()}

    def value(self, name: str, row: Any) -> Any:
        """What is at the path of this name, or nothing."""
        get = self._get.get(name)
        return get(row) if get else None

    def text(self, name: str, row: Any, included: Any) -> str | None:
        value = self.value(name, row)
        if name in self._beyond:
            value = self.resources.value(value, self._beyond[name], included)
        return None if value is None or value == "" else str(value)

    def id_of(self, row: Any) -> str:
        """
        :raises msgspec.ValidationError: if it is missing
        """
        value = self._get["id"](row)
        if value is None or value == "":
            raise msgspec.ValidationError(f"Object missing required field `{self._id}`")
        return str(value)


class OwnFields:
    """Which of some fields a row has itself."""

    def __init__(self, paths: Paths, wanted: Iterable[Path], names: Collection[str]) -> None:
        required = {path.names[0] for path in wanted if not path.optional}
        self._always = tuple(name for name in names if name in required)
        self._others = tuple(name for name in names if name not in required)
        attributes = [paths.attribute((name,)) for name in self._others]
        defaults = {field.name: field.default for field in struct_fields(paths.struct)}
        self._missing = tuple(defaults[attribute] for attribute in attributes)
        self._values = _values_of(attributes)
        self._known: dict[tuple[bool, ...], Sequence[str]] = {}

    def of(self, row: Any) -> Sequence[str]:
        values = self._values(row)
        if values == self._missing:
            return self._always
        there = tuple(map(is_not, values, self._missing))
        names = self._known.get(there)
        if names is None:
            names = self._known[there] = (*self._always, *compress(self._others, there))
        return names


def _values_of(attributes: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    if len(attributes) > 1:
        return attrgetter(*attributes)
    return lambda row: tuple(getattr(row, attribute) for attribute in attributes)


Key = tuple[str | None, str]


class Resource(Struct, gc=False):
    """What a row says of another resource, as JSON:API does."""

    id: str | int
    type: Text = None


class Resources:
    """The resources that an answer has beside its rows, of which values at some paths are wanted."""

    def __init__(self, wanted: Iterable[Path]) -> None:
        self._paths = Paths({replace(path, optional=True): Text for path in wanted}, {"id": Text, "type": Text})
        self._decode = msgspec.json.Decoder(list[self._paths.struct]).decode  # type: ignore[name-defined]

    def index(self, included: Raw) -> Mapping[Key, Any]:
        """The resources by type and id, and those that have an id of their own by it alone."""
        found: dict[Key, Any] = {}
        for resource in self._decode(included):
            name = self._said(resource, "id")
            found[self._said(resource, "type"), name] = resource
            found[None, name] = None if (None, name) in found else resource
        return found

    def value(self, resource: Resource | Text, path: Path, included: Mapping[Key, Any]) -> Any:
        """What is at the path of that resource, which a row names by its type and id, or by its id.

        :raises msgspec.ValidationError: if there is no such resource, or nothing at the path
        """
        if resource is None or resource == "":
            return None
        key: Key = (None, str(resource))
        if isinstance(resource, Resource):
            key = str(resource.type), str(resource.id)
        found = (included or {}).get(key)
        value = UNSET if found is None else self._paths.found(found, path)
        if value is UNSET and not path.optional:
            whose = " ".join(filter(None, key))
            raise msgspec.ValidationError(f"nothing is included at `{path.text}` of {whose}")
        return None if value is UNSET else value

    def _said(self, resource: Any, name: str) -> str:
        value = self._paths.found(resource, Path.of(name))
        return str(None if value is UNSET else value)

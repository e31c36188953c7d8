"""The systems that the demo syncs: all of the connection form, in its order."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.provider import descriptions
from source_events import providers


@dataclass(frozen=True)
class Provider:
    """How the demo reads one system.

    name: the provider's folder in the sandbox, and the schema that its tables go to.
    streams: those that hold every event of the sandbox, the first of them for the view of all systems; all other
        streams are synced too.
    columns: what tells an event from all others, as SQL; `told` makes of them the text by which the sandbox tells it.
    type_names: SQL for the types and their names, where the types are not readable themselves.
    """

    name: str
    title: str
    streams: tuple[str, ...]
    columns: str = "id"
    told: Callable[..., str] = str
    type_names: str = ""

    @property
    def main_table(self) -> str:
        """The table with every event, where all systems are looked at together."""
        return f"{self.name}.{self.streams[0]}"

    def connection(self, url: str) -> Mapping[str, Any]:
        """The connector's `provider` block for the sandbox at this address."""
        config: Mapping[str, Any] = descriptions(url)[self.name].config
        block: Mapping[str, Any] = config["provider"]
        return block


def _swipe_one_event(contact: str, kind: str, time: str, properties: str, created_by: str | None) -> str:
    author = json.loads(created_by) if created_by else None
    return json.dumps([contact, kind, time, json.loads(properties), author], sort_keys=True)


PARTICULARS: Mapping[str, Mapping[str, Any]] = {
    # There is no request for all events of a workspace, and events have no ids: they are compared by contents.
    "swipe_one": {
        "columns": "contactid, type, strftime(createdat, '%Y-%m-%dT%H:%M:%S.%gZ'), properties, createdby",
        "told": _swipe_one_event,
    },
    "carecloud": {"type_names": "SELECT event_type_id, name FROM carecloud.event_types"},
}
"""What is not as usual."""


def _provider(name: str) -> Provider:
    title, _, _ = providers.connection_specification(name)["title"].partition(" /")
    known = [stream["name"] for stream in providers.manifest(name)["streams"]]
    streams = tuple(stream for stream in ("org_events", "contact_events") if stream in known)
    return Provider(name, title, streams, **PARTICULARS.get(name, {}))


PROVIDERS = tuple(map(_provider, providers.names()))

"""The systems that the demo syncs. A further one is added by adding an entry to `PROVIDERS`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import app_market, carecloud, cloud4wi, swipe_one


@dataclass(frozen=True)
class Provider:
    """How the demo reads one system.

    name: the provider's folder in the sandbox, and the schema that its tables go to.
    connection: the connector's `provider` block for the sandbox at this address.
    streams: those that hold every event of the sandbox, the first of them for the view of all systems; all other
        streams are synced too.
    columns: what tells an event from all others, as SQL; `told` makes of them the text by which the sandbox tells it.
    type_names: SQL for the types and their names, where the types are not readable themselves.
    """

    name: str
    title: str
    connection: Callable[[str], Mapping[str, Any]]
    streams: tuple[str, ...] = ("org_events", "contact_events")
    columns: str = "id"
    told: Callable[..., str] = str
    type_names: str = ""

    @property
    def main_table(self) -> str:
        """The table with every event, where all systems are looked at together."""
        return f"{self.name}.{self.streams[0]}"


def _cloud4wi(url: str) -> Mapping[str, Any]:
    return {
        "provider_type": "cloud4wi",
        "organization_id": cloud4wi.ORGANIZATION_ID,
        "client_key": cloud4wi.CLIENT_KEY,
        "client_secret": cloud4wi.CLIENT_SECRET,
        "api_url": url,
    }


def _swipe_one(url: str) -> Mapping[str, Any]:
    return {
        "provider_type": "swipe_one",
        "workspace_id": swipe_one.WORKSPACE_ID,
        "api_key": swipe_one.API_KEY,
        "api_url": f"{url}/api",
    }


def _swipe_one_event(contact: str, kind: str, time: str, properties: str, created_by: str | None) -> str:
    author = json.loads(created_by) if created_by else None
    return json.dumps([contact, kind, time, json.loads(properties), author], sort_keys=True)


def _app_market(url: str) -> Mapping[str, Any]:
    return {
        "provider_type": "app_market",
        "instance_id": app_market.INSTANCE_ID,
        "api_secret": app_market.API_SECRET,
        "api_url": f"{url}{app_market.BASE}",
    }


def _carecloud(url: str) -> Mapping[str, Any]:
    return {
        "provider_type": "carecloud",
        "api_url": f"{url}{carecloud.BASE}",
        "time_zone": "Europe/Prague",
        "credentials": {
            "auth_type": "bearer",
            "login": carecloud.LOGIN,
            "password": carecloud.PASSWORD,
            "external_application_id": carecloud.EXTERNAL_APPLICATION_ID,
        },
    }


PROVIDERS = (
    Provider(name="cloud4wi", title="Cloud4Wi", connection=_cloud4wi),
    Provider(
        name="swipe_one",
        title="Swipe One",
        connection=_swipe_one,
        # There is no request for all events of a workspace, and events have no ids: they are compared by contents.
        streams=("contact_events",),
        columns="contactid, type, strftime(createdat, '%Y-%m-%dT%H:%M:%S.%gZ'), properties, createdby",
        told=_swipe_one_event,
    ),
    Provider(name="app_market", title="App Market", connection=_app_market),
    Provider(
        name="carecloud",
        title="CRM CareCloud",
        connection=_carecloud,
        type_names="SELECT event_type_id, name FROM carecloud.event_types",
    ),
)

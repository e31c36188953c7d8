"""The systems that the demo syncs. A further one is added by adding an entry to `PROVIDERS`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox import cloud4wi


@dataclass(frozen=True)
class Provider:
    """How the demo reads one system.

    name: the provider's folder in the sandbox, and the schema that its tables go to.
    connection: the connector's `provider` block for the sandbox at this address.
    streams: those that hold every event of the sandbox; all other streams are synced too.
    query: a question to go on with, which the tables answer.
    """

    name: str
    title: str
    connection: Callable[[str], Mapping[str, Any]]
    streams: tuple[str, ...]
    query: str


def _cloud4wi(url: str) -> Mapping[str, Any]:
    return {
        "provider_type": "cloud4wi",
        "organization_id": cloud4wi.ORGANIZATION_ID,
        "client_key": cloud4wi.CLIENT_KEY,
        "client_secret": cloud4wi.CLIENT_SECRET,
        "api_url": url,
    }


PROVIDERS = (
    Provider(
        name="cloud4wi",
        title="Cloud4Wi",
        connection=_cloud4wi,
        streams=("org_events", "contact_events"),
        query="""\
-- Which places do people come back to, and how long do they stay?
SELECT "where"->>'locationName' AS place,
       count(*) AS visits,
       count(DISTINCT contactid) AS contacts,
       round(count(*) / count(DISTINCT contactid), 1) AS visits_each,
       round(avg((event->'visit'->>'duration')::INT))::INT AS minutes
FROM cloud4wi.org_events
WHERE type = 'visit' AND createdat > now() - INTERVAL 90 DAY
GROUP BY place
ORDER BY visits DESC;
""",
    ),
)

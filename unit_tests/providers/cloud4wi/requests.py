"""The requests that are made to Cloud4Wi, in full."""

from __future__ import annotations

from unit_tests.exchange import Request

API = "https://explore.cloud4wi.com"
ORGANIZATION = "155d60f21dc1938562900a0e201d54f6"
CLIENT_KEY = "ck-an-example-key"
CLIENT_SECRET = "an-example-secret"


def login(client_key: str = CLIENT_KEY, client_secret: str = CLIENT_SECRET, api: str = API) -> Request:
    body = {"clientKey": client_key, "clientSecret": client_secret}
    return Request("POST", f"{api}/v1/sts/login/services", body=body)


def feed(
    start: str,
    end: str,
    *,
    scroll: str | None = None,
    events: str | None = None,
    size: int = 10000,
    token: str | None = None,
    organization: str = ORGANIZATION,
    api: str = API,
) -> Request:
    """A page of the organisation's feed; without `scroll` the first."""
    query = {**_query(start, end, events, size), "enableScroll": "true"}
    if scroll is not None:
        query["scrollId"] = scroll
    return _get(f"{api}/v1/organizations/{organization}/events", query, token)


def contact(
    path: str, start: str, end: str, *, events: str | None = None, size: int = 10000, token: str | None = None
) -> Request:
    """The events of a contact, whose id is given as it stands in the path."""
    return _get(
        f"{API}/v1/organizations/{ORGANIZATION}/customers/{path}/events", _query(start, end, events, size), token
    )


def _query(start: str, end: str, events: str | None, size: int) -> dict[str, str]:
    query = {"dateStart": start, "dateEnd": end, "size": str(size), "sortBy": "utcTime"}
    return query if events is None else {**query, "events": events}


def _get(url: str, query: dict[str, str], token: str | None) -> Request:
    headers = () if token is None else (("Authorization", f"Bearer {token}"),)
    return Request("GET", url, tuple(sorted(query.items())), headers=headers)

"""A tap with the Meltano SDK: `python -m benchmarks.peers.singer_tap --config FILE`."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import requests
from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.helpers.types import Context
from singer_sdk.pagination import JSONPathPaginator


class ScrollPaginator(JSONPathPaginator):
    """The last page of a scroll is empty and still names a next one."""

    def has_more(self, response: requests.Response) -> bool:
        return bool(response.json()["events"])


class OrganizationEvents(RESTStream[str]):
    name = "org_events"
    path = "/v1/organizations/{organization_id}/events"
    primary_keys = ("id",)
    replication_key = "createdAt"
    is_sorted = False
    records_jsonpath = "$.events[*]"
    schema = th.PropertiesList(
        th.Property("id", th.StringType, required=True),
        th.Property("provider", th.StringType),
        th.Property("type", th.StringType),
        th.Property("createdAt", th.DateTimeType),
        th.Property("organizationId", th.StringType),
        th.Property("contactId", th.StringType),
        th.Property("customerId", th.StringType),
        th.Property("event", th.ObjectType(additional_properties=True)),
        th.Property("where", th.ObjectType(additional_properties=True)),
        th.Property("when", th.ObjectType(additional_properties=True)),
    ).to_dict()

    @property
    def url_base(self) -> str:
        return str(self.config["url"])

    @cached_property
    def authenticator(self) -> BearerTokenAuthenticator:
        pair = {"clientKey": self.config["client_key"], "clientSecret": self.config["client_secret"]}
        answer = requests.post(f"{self.url_base}/v1/sts/login/services", json=pair, timeout=60)
        answer.raise_for_status()
        return BearerTokenAuthenticator(token=answer.json()["token"])

    def get_new_paginator(self) -> ScrollPaginator:
        return ScrollPaginator("$.scrollId")

    def get_url_params(self, context: Context | None, next_page_token: str | None) -> dict[str, Any]:
        params = {
            "dateStart": self.config["start_date"],
            "dateEnd": self.config["end_date"],
            "size": "10000",
            "sortBy": "utcTime",
            "enableScroll": "true",
        }
        return {**params, "scrollId": next_page_token} if next_page_token else params

    def post_process(self, row: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
        return {
            **row,
            "id": row["event"]["id"],
            "provider": "cloud4wi",
            "type": row["event"]["type"],
            "createdAt": row["when"]["createdAt"],
            "organizationId": row.get("organizationId") or self.config["organization_id"],
            "contactId": row["customerId"],
        }


class TapCloud4Wi(Tap):
    name = "tap-cloud4wi"
    config_jsonschema = th.PropertiesList(
        th.Property("url", th.StringType, required=True),
        th.Property("organization_id", th.StringType, required=True),
        th.Property("client_key", th.StringType, required=True),
        th.Property("client_secret", th.StringType, required=True, secret=True),
        th.Property("start_date", th.DateTimeType, required=True),
        th.Property("end_date", th.DateTimeType, required=True),
    ).to_dict()

    def discover_streams(self) -> Iterable[OrganizationEvents]:
        return [OrganizationEvents(self)]


if __name__ == "__main__":
    TapCloud4Wi.cli()

"""A prepared request, from which those for each contact and each page are made."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urldefrag, urlencode, urljoin, urlsplit

import requests
from airbyte_cdk.models import FailureType
from requests.utils import requote_uri

from source_events.components.errors import Refused
from source_events.components.paging import Continuation, Link
from source_events.transport.network import stays_with

MARK = "contact-4f1c9be2d07a"
"""Stands in a prepared request where the contact will."""


@dataclass(slots=True)
class Prepared:
    """A request with a mark in the place of the contact and without the parameters of a page; and its settings."""

    request: requests.PreparedRequest
    settings: Mapping[str, Any]

    def request_for(self, contact: str | None, page: Continuation) -> requests.PreparedRequest:
        """
        :raises Refused: if the page is at an address that the credentials must not go to
        """
        request = self.request.copy()
        url = request.url or ""
        if contact is not None:
            url = url.replace(MARK, quote(contact, safe=""))
            if isinstance(request.body, bytes) and MARK.encode() in request.body:
                request.prepare_body(None, None, json.loads(request.body.replace(MARK.encode(), _escaped(contact))))
        if isinstance(page, Link):
            request.url = _followed(url, page)
            return request
        request.url = f"{url}{'&' if '?' in url else '?'}{urlencode(page)}" if page else url
        return request


def _followed(url: str, link: Link) -> str:
    try:
        address = urldefrag(urljoin(url, link.address)).url
        here, there = urlsplit(url), urlsplit(address)
        if stays_with(url, address) and "@" not in there.netloc:
            return requote_uri(address)
        where = _elsewhere(here, there)
    except (ValueError, requests.RequestException):
        where = "to what is no address"
    raise Refused(
        f"The API's link to the next page leads {where}, where the credentials must not go. "
        "Set `provider.api_url` to the address that the API gives for itself.",
        FailureType.config_error,
    )


def _elsewhere(here: SplitResult, there: SplitResult) -> str:
    """What is wrong with an address; its query may hold a secret."""
    if "@" in there.netloc or there.scheme not in ("http", "https"):
        return "to what is no address"
    if here.hostname != there.hostname:
        return f"to another host ({there.hostname})"
    return "to another port of the host" if here.scheme == there.scheme else f"from {here.scheme} to {there.scheme}"


def _escaped(contact: str) -> bytes:
    return json.dumps(contact)[1:-1].encode()

"""What the same answers cost at least, in one thread and over the same HTTP client, without any framework.

`python -m benchmarks.limits download|splice|decode CONFIG` follows one scroll over all events;
`python -m benchmarks.limits contacts CONFIG` asks for each contact, with `num_workers` threads.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import orjson
import requests
from msgspec import Raw, Struct


class _Page(Struct):
    events: list[Raw]


class _When(Struct):
    createdAt: str


class _Event(Struct):
    id: str
    type: str


class _Item(Struct):
    event: _Event
    when: _When
    customerId: str


_decode_page = msgspec.json.Decoder(_Page).decode
_decode_item = msgspec.json.Decoder(_Item).decode


def logged_in(config: dict[str, Any]) -> requests.Session:
    session = requests.Session()
    pair = {"clientKey": config["client_key"], "clientSecret": config["client_secret"]}
    token = session.post(f"{config['url']}/v1/sts/login/services", json=pair, timeout=10).json()["token"]
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def pages(config: dict[str, Any]) -> Iterator[bytes]:
    """The bodies of all pages."""
    session = logged_in(config)
    parameters = {"size": "10000", "sortBy": "utcTime", "enableScroll": "true"}
    parameters |= {"dateStart": config["start_date"], "dateEnd": config["end_date"]}
    while True:
        address = f"{config['url']}/v1/organizations/{config['organization_id']}/events"
        with session.get(address, params=parameters, stream=True, timeout=60) as response:
            body = response.raw.read(decode_content=True)
        if b'"events":[]' in body[:400]:
            return
        yield body
        parameters["scrollId"] = body[-300:].rpartition(b'"scrollId":"')[2].partition(b'"')[0].decode()


def contact_pages(config: dict[str, Any]) -> Iterator[bytes]:
    """The bodies of the contacts' answers; each thread keeps its own connection."""
    own = threading.local()
    token = logged_in(config).headers["Authorization"]

    def body_of(contact: str) -> bytes:
        if not hasattr(own, "session"):
            own.session = requests.Session()
            own.session.headers["Authorization"] = token
        address = f"{config['url']}/v1/organizations/{config['organization_id']}/customers/{contact}/events"
        parameters = {"size": "10000", "sortBy": "utcTime"}
        parameters |= {"dateStart": config["start_date"], "dateEnd": config["end_date"]}
        content: bytes = own.session.get(address, params=parameters, timeout=60).content
        return content

    with ThreadPoolExecutor(config["num_workers"]) as pool:
        yield from pool.map(body_of, config["contact_ids"])


def download(body: bytes) -> None:
    """Nothing but the transfer."""


def splice(body: bytes) -> None:
    """Decode only what the envelope needs, and write the rows as they came, with the envelope behind them."""
    write = sys.stdout.buffer.write
    for raw in _decode_page(body).events:
        item = _decode_item(raw)
        write(
            b'{"type":"RECORD","record":{"stream":"org_events","data":%b,"id":"%b","type":"%b","createdAt":"%b",'
            b'"contactId":"%b"}}}\n'
            % (
                bytes(raw)[:-1],
                item.event.id.encode(),
                item.event.type.encode(),
                item.when.createdAt.encode(),
                item.customerId.encode(),
            )
        )


def decode(body: bytes) -> None:
    """Build every record as a Python object and write it again."""
    for row in orjson.loads(body)["events"]:
        row |= {"id": row["event"]["id"], "type": row["event"]["type"], "createdAt": row["when"]["createdAt"]}
        sys.stdout.buffer.write(
            orjson.dumps({"type": "RECORD", "record": {"stream": "org_events", "data": row}}) + b"\n"
        )


LIMITS: dict[str, Callable[[bytes], None]] = {"download": download, "splice": splice, "decode": decode}


def main(limit: str, config_file: str) -> None:
    config = json.loads(Path(config_file).read_text(encoding="utf-8"))
    bodies, treat = (contact_pages(config), splice) if limit == "contacts" else (pages(config), LIMITS[limit])
    for body in bodies:
        treat(body)


if __name__ == "__main__":
    main(*sys.argv[1:])

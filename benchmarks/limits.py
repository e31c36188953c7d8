"""What the same pages cost at least, in one thread and over the same HTTP client, without any framework.

`python -m benchmarks.limits download|splice|decode URL` follows one scroll over all events of the sandbox.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import msgspec
import orjson
import requests
from msgspec import Raw, Struct

from sandbox.cloud4wi import CLIENT_KEY, CLIENT_SECRET, ORGANIZATION_ID


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


def pages(url: str) -> Iterator[bytes]:
    """The bodies of all pages."""
    session = requests.Session()
    credentials = {"clientKey": CLIENT_KEY, "clientSecret": CLIENT_SECRET}
    token = session.post(f"{url}/v1/sts/login/services", json=credentials, timeout=10).json()["token"]
    session.headers["Authorization"] = f"Bearer {token}"
    parameters = {"size": "10000", "sortBy": "utcTime", "enableScroll": "true"}
    while True:
        address = f"{url}/v1/organizations/{ORGANIZATION_ID}/events"
        with session.get(address, params=parameters, stream=True, timeout=60) as response:
            body = response.raw.read(decode_content=True)
        if b'"events":[]' in body[:400]:
            return
        yield body
        parameters["scrollId"] = body[-300:].rpartition(b'"scrollId":"')[2].partition(b'"')[0].decode()


def download(body: bytes) -> None:
    """Nothing but the transfer."""


def splice(body: bytes) -> None:
    """Decode only what the envelope needs, and write the rows as they came, with the envelope behind them."""
    write = sys.stdout.buffer.write
    for raw in _decode_page(body).events:
        item = _decode_item(raw)
        write(
            b'{"type":"RECORD","record":{"stream":"org_events","data":%b,"id":"%b","type":"%b","createdAt":"%b",'
            b'"contactId":"%b"}}\n'
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


if __name__ == "__main__":
    for page in pages(sys.argv[2]):
        LIMITS[sys.argv[1]](page)

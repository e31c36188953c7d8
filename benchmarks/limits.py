"""What the same answers cost at least, in one thread and over the same HTTP client, without any framework.

`python -m benchmarks.limits download|splice|decode CONFIG` follows one scroll over all events;
`python -m benchmarks.limits contacts|sockets CONFIG` asks for each contact, with `num_workers` threads, the latter
without an HTTP client: what is left is what the server and its latency take.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

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
    token = logged_in(config).headers["Authorization"]

    def connected() -> Callable[[str], bytes]:
        session = requests.Session()
        session.headers["Authorization"] = token
        return lambda path: session.get(config["url"] + path, timeout=60).content

    return _of_each_contact(config, connected)


def contact_pages_of_sockets(config: dict[str, Any]) -> Iterator[bytes]:
    """The same with no more of HTTP than the sandbox's answers need."""
    token = str(logged_in(config).headers["Authorization"])
    address = urlsplit(config["url"])

    def connected() -> Callable[[str], bytes]:
        connection = socket.create_connection((address.hostname, address.port), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answers = connection.makefile("rb")

        def body_of(path: str) -> bytes:
            request = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: {token}\r\n\r\n"
            connection.sendall(request.encode())
            status, size = answers.readline(), 0
            if b" 200 " not in status:
                raise RuntimeError(f"the server answered {status!r}")
            while (header := answers.readline()) != b"\r\n":
                name, _, value = header.partition(b":")
                size = int(value) if name.lower() == b"content-length" else size
            return answers.read(size)

        return body_of

    return _of_each_contact(config, connected)


def _of_each_contact(config: dict[str, Any], connected: Callable[[], Callable[[str], bytes]]) -> Iterator[bytes]:
    """What a thread's own connection gives for the path of each contact."""
    own = threading.local()
    parameters = {
        "size": "10000",
        "sortBy": "utcTime",
        "dateStart": config["start_date"],
        "dateEnd": config["end_date"],
    }
    query = urlencode(parameters)

    def body_of(contact: str) -> bytes:
        if not hasattr(own, "get"):
            own.get = connected()
        body: bytes = own.get(f"/v1/organizations/{config['organization_id']}/customers/{contact}/events?{query}")
        return body

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


LIMITS: dict[str, tuple[Callable[[dict[str, Any]], Iterator[bytes]], Callable[[bytes], None]]] = {
    "download": (pages, download),
    "splice": (pages, splice),
    "decode": (pages, decode),
    "contacts": (contact_pages, splice),
    "sockets": (contact_pages_of_sockets, splice),
}


def main(limit: str, config_file: str) -> None:
    config = json.loads(Path(config_file).read_text(encoding="utf-8"))
    read, treat = LIMITS[limit]
    for body in read(config):
        treat(body)


if __name__ == "__main__":
    main(*sys.argv[1:])

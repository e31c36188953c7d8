"""Has the connector read the account, as a process, and compares what it brings with what was posted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from integration_tests.connector import catalog, run
from integration_tests.seed.account import Account
from integration_tests.seed.plan import SeedEvent

READ_TIMEOUT = 3600


class ReadFailed(Exception):
    """The connector could not read the account; the message is its own."""


def seeded(account: Account) -> dict[str, list[Mapping[str, Any]]]:
    """The records of the planned events that the connector finds, by their keys; a record that comes twice is one.

    :raises ReadFailed: if the connector fails
    """
    config = dict(account.plan.connection)
    contacts = sorted({event.contact for event in account.plan.events if event.contact})
    if contacts and account.stream == "contact_events":
        config["contact_ids"] = contacts
    output = run("read", READ_TIMEOUT, config=config, catalog=catalog(account.stream), state=[])
    if output.status:
        raise ReadFailed("; ".join(error["message"] for error in output.errors) or "The connector failed.")
    records = {record["id"]: record for record in output.records(account.stream)}
    keys = {event.key for event in account.plan.events}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for record in records.values():
        key = account.key_of(record)
        if key in keys and key is not None:
            found.setdefault(key, []).append(record)
    return found


def wait_for(account: Account, patience: float) -> dict[str, list[Mapping[str, Any]]]:
    """What `seeded` finds as soon as nothing is missing, or when `patience` seconds are over."""
    deadline, pause = time.monotonic() + patience, 1.0
    while True:
        found = seeded(account)
        if len(found) == len(account.plan.events) or time.monotonic() + pause > deadline:
            return found
        time.sleep(pause)
        pause = min(pause * 2, 30.0)


def problems(account: Account, found: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """What is wrong with what was read back; empty if every event came once, and as it was posted."""
    return [problem for event in account.plan.events for problem in _of(event, found.get(event.key, []), account)]


def _of(event: SeedEvent, records: Sequence[Mapping[str, Any]], account: Account) -> list[str]:
    if len(records) != 1:
        return [f"{event.key}: {len(records)} records instead of one"]
    [record] = records
    expected = {"contact": event.contact, "type": event.type, "content": event.content}
    read = {"contact": record["contactId"], "type": record["type"], "content": account.content_of(record)}
    return [f"{event.key}: its {name} is another one" for name in expected if read[name] != expected[name]]

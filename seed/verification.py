"""Reads the posted events back with the connector, as a process, the way a platform runs it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from integration_tests.connector import Output, catalog, run
from seed.account import Account, Json
from seed.events import Event, SeedFailed, contacts_of


@dataclass(frozen=True)
class Result:
    """What one read has shown: the streams that were read, and what is wrong with which event, by its key."""

    streams: Sequence[str]
    problems: Mapping[str, Sequence[str]]

    @property
    def waits(self) -> bool:
        """Whether something has not been read that may only be late."""
        return any("not read" in problem for problems in self.problems.values() for problem in problems)


def read_back(account: Account, config: Json, events: Sequence[Event], timeout: float) -> Result:
    """Read all event streams incrementally, once.

    It is the user's configuration that is proven, save for what would keep the events from being read: an end of the
    time range, and a choice of types or of other contacts.

    :raises SeedFailed: in the connector's own words if it fails, or if it takes longer than `timeout` seconds
    """
    settings = {name: value for name, value in config.items() if name not in ("end_date", "event_types")}
    contacts = contacts_of(events)
    if contacts:
        settings["contact_ids"] = contacts
    streams = list(_event_streams(_run("discover", timeout, config=settings)))
    output = _run("read", timeout, config=settings, catalog=catalog(*streams))
    records = {stream: output.records(stream) for stream in streams}
    found = {event.key: account.problems(event, records) for event in events}
    return Result(streams, {key: problems for key, problems in found.items() if problems})


def _event_streams(output: Output) -> Iterator[str]:
    """Those with the events' cursor: everything else is a list of what events refer to."""
    for message in output.messages:
        for stream in message.get("catalog", {}).get("streams", ()):
            if stream.get("default_cursor_field") == ["createdAt"]:
                yield stream["name"]


def _run(command: str, timeout: float, **files: Json) -> Output:
    try:
        output = run(command, timeout, **files)
    except subprocess.TimeoutExpired:
        raise SeedFailed(
            f"The connector's {command} took longer than {timeout:.0f} seconds. Set a later `start_date`, or a longer "
            "--timeout."
        ) from None
    if output.status != 0:
        said = " ".join(error["message"] for error in output.errors) or "it gave no reason"
        raise SeedFailed(f"The connector's {command} failed: {said}")
    return output

"""The command line: look what is there, post what is missing, read it back."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from integration_tests.seed.account import Account, Json
from integration_tests.seed.errors import SeedFailed
from integration_tests.seed.events import DEFAULT_FILE, Event, parse, read_events
from integration_tests.seed.providers import account_class
from integration_tests.seed.verification import read_back
from source_events import providers
from source_events.configuration import complete, validate
from source_events.entrypoint import PageEntrypoint
from source_events.specification import specification

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


def main(arguments: Sequence[str] | None = None) -> int:
    """
    :returns: 0 if all events are there and, where that was asked for, have been read back; else 1
    """
    given = _parser().parse_args(arguments)
    try:
        return _run(given)
    except SeedFailed as error:
        say(str(error))
    except AirbyteTracedException as error:
        say(error.message or str(error))
    except KeyboardInterrupt:
        say("Interrupted. What was posted last may take a while to be visible: wait before you run again.")
    return 1


def _run(given: argparse.Namespace) -> int:
    config, block = _read_config(given.config)
    provider = config.get("provider")
    provider_type = provider.get("provider_type") if isinstance(provider, dict) else None
    if provider_type not in providers.names():
        validate(config)
    kind = account_class(str(provider_type))
    # Two attempts for the login, as in a check: somebody is waiting.
    completed = complete(config, check=True)
    PageEntrypoint.set_up_secret_filter(config, specification()["connectionSpecification"])
    try:
        settings = msgspec.convert(block, kind.settings)
    except msgspec.ValidationError as error:
        raise SeedFailed(f"The block `seed` cannot be used: {error}.".replace("`$.", "`seed.")) from None
    account = kind(completed, settings)
    events = read_events(given.events, settings)
    for event in events:
        account.check_event(event)
    say(f"{provider_type}: {len(events)} events")
    patience = _Patience(given.patience)
    _post_missing(account, events, patience)
    return _verify(account, config, events, patience, given.timeout) if given.verify else 0


def _post_missing(account: Account, events: Sequence[Event], patience: _Patience) -> None:
    there = account.find(events) if account.looks_first else {}
    posted: list[Event] = []
    try:
        for event in events:
            if event.key not in there and _post(account, event):
                posted.append(event)
                say(f"  posted            {_line(event)}")
            else:
                say(f"  is there already  {_line(event)}")
    except SeedFailed as error:
        say(str(error))
        _wait_until_found(account, posted, patience)
        raise SeedFailed(f"{len(posted)} were posted before that.") from None
    if posted:
        say(f"{len(posted)} posted, {len(events) - len(posted)} were there already.")
    else:
        say(f"Nothing posted: all {len(events)} events are there already.")
    _wait_until_found(account, posted, patience)


def _post(account: Account, event: Event) -> bool:
    try:
        return account.post(event)
    except SeedFailed as error:
        raise SeedFailed(f"{event.key}: {error}") from None


def _wait_until_found(account: Account, posted: Sequence[Event], patience: _Patience) -> None:
    """Wait until the API shows what it has accepted: before that, another run would post it again."""
    if not posted or not account.looks_first:
        return
    for _ in patience.attempts():
        found = account.find(posted)
        late = [event.key for event in posted if event.key not in found]
        if not late:
            return
    raise SeedFailed(
        f"The API accepted, but does not show yet: {', '.join(late)}. Do not run again before it does, or they are "
        "posted twice. If it never does, it may have dropped the content's `seed_key`: add that field to the "
        "definition of the type."
    )


def _verify(account: Account, config: Json, events: Sequence[Event], patience: _Patience, timeout: float) -> int:
    say("Reading back with the connector ...")
    for _ in patience.attempts():
        result = read_back(account, config, events, timeout)
        if not result.waits:
            break
    say(f"  incremental: {', '.join(result.streams)}")
    for event in events:
        problems = result.problems.get(event.key, ())
        say(f"  {'WRONG' if problems else 'ok   '}  {event.key}{': ' if problems else ''}{'; '.join(problems)}")
    if result.problems:
        say(f"{len(result.problems)} of {len(events)} events were not read back as they were posted.")
        if result.waits:
            say("What was not read may have been created before `start_date`, or is not visible yet.")
        return 1
    say(f"All {len(events)} events were read back exactly once, with their contact, type and content.")
    return 0


class _Patience:
    """Attempts with growing pauses between them, until the time is up; there is always a first one."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def attempts(self) -> Iterator[None]:
        end, pause = time.monotonic() + self._seconds, FIRST_PAUSE
        yield
        while time.monotonic() + pause <= end:
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            yield


def _read_config(path: Path) -> tuple[Json, Any]:
    """The connector's configuration, and the `seed` block beside it, which the connector does not know."""
    config = parse(path, dict[str, Any], "configuration file")
    block = config.pop("seed", {})
    return config, block


def _line(event: Event) -> str:
    return f"{event.key}  {event.type}{f'  contact {event.contact_id}' if event.contact_id else ''}"


def say(text: str) -> None:
    print(filter_secrets(text), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m integration_tests.seed",
        description="Post events to an account, and prove with the connector that they are read back.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        help="the connector's configuration, with a block `seed` beside `provider`",
    )
    parser.add_argument("--events", type=Path, default=DEFAULT_FILE, help="the events to post (%(default)s)")
    parser.add_argument("--verify", action="store_true", help="read the events back with the connector")
    parser.add_argument(
        "--patience", type=float, default=300, help="seconds to wait for events to show up (%(default)s)"
    )
    parser.add_argument("--timeout", type=float, default=3600, help="seconds that one read may take (%(default)s)")
    return parser

"""The command line: look what is there, post what is missing, read it back."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from airbyte_cdk.utils.airbyte_secrets_utils import filter_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from seed.account import Account, Json
from seed.events import DEFAULT_FILE, Event, SeedFailed, parse, read_events
from seed.pending import Pending
from seed.providers import account_class
from seed.verification import read_back
from source_events import providers
from source_events.process.entrypoint import PageEntrypoint
from source_events.settings.configuration import complete, validate
from source_events.settings.specification import specification

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
POSTED, THERE, ACCEPTED = "posted", "is there already", "was accepted before"


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
        say("Interrupted. Run again to go on: what was posted is not posted again.")
    return 1


def _run(given: argparse.Namespace) -> int:
    config = parse(given.config, dict[str, Any], "configuration file")
    # The connector does not know the block.
    block = config.pop("seed", {})
    account = _account(config, block)
    events = read_events(given.events, account.settings)
    for event in events:
        account.check_event(event)
    pending = Pending(given.config)
    say(f"{account.provider['provider_type']}: {len(events)} events")
    _post_missing(account, events, pending)
    _wait_until_found(account, events, pending, given.patience)
    return _verify(account, config, events, given) if given.verify else 0


def _account(config: Json, block: Any) -> Account:
    provider = config.get("provider")
    provider_type = provider.get("provider_type") if isinstance(provider, dict) else None
    if provider_type not in providers.names():
        validate(config)
    kind = account_class(str(provider_type))
    completed = complete(config)
    PageEntrypoint.set_up_secret_filter(config, specification()["connectionSpecification"])
    try:
        return kind(completed, msgspec.convert(block, kind.settings_form))
    except msgspec.ValidationError as error:
        raise SeedFailed(f"The block `seed` cannot be used: {error}.".replace("`$.", "`seed.")) from None


def _post_missing(account: Account, events: Sequence[Event], pending: Pending) -> None:
    found = account.find(events)
    pending.discard(found)
    outcomes = dict.fromkeys(found, THERE) | dict.fromkeys(pending.keys, ACCEPTED)
    for event in events:
        if event.key not in outcomes:
            outcomes[event.key] = POSTED if _post(account, event, pending) else THERE
        contact = f"  contact {event.contact_id}" if event.contact_id else ""
        say(f"  {outcomes[event.key]:19}  {event.key}  {event.type}{contact}")
    counts = Counter(outcomes[event.key] for event in events)
    waited = f", {counts[ACCEPTED]} were accepted before" if counts[ACCEPTED] else ""
    say(f"{counts[POSTED]} posted, {counts[THERE]} were there already{waited}.")


def _post(account: Account, event: Event, pending: Pending) -> bool:
    """Whether the event was created now. From before it is sent, until it is refused or found, it is pending."""
    if account.looks_first:
        pending.add(event.key)
    try:
        return account.post(event)
    except SeedFailed as error:
        pending.discard({event.key})
        raise SeedFailed(f"{event.key}: {error}") from None


def _wait_until_found(account: Account, events: Sequence[Event], pending: Pending, patience: float) -> None:
    """Wait until the API shows what it has accepted, in this run or an earlier one."""
    late = [event for event in events if event.key in pending.keys]
    if late:
        say("Waiting until the API shows what it has accepted ...")
    for _ in attempts(patience):
        pending.discard(account.find(late))
        late = [event for event in late if event.key in pending.keys]
        if not late:
            return
    raise SeedFailed(
        f"The API accepted, but does not show yet: {', '.join(event.key for event in late)}. Run again later: they are "
        "not posted again. If it never shows them, it may have dropped the content's `seed_key`: add that field to the "
        f"definition of the type. To have them posted again, delete {pending.path}."
    )


def _verify(account: Account, config: Json, events: Sequence[Event], given: argparse.Namespace) -> int:
    say("Reading back with the connector ...")
    for _ in attempts(given.patience):
        result = read_back(account, config, events, given.timeout)
        if not result.waits:
            break
    say(f"  incremental: {', '.join(result.streams)}")
    for event in events:
        problems = result.problems.get(event.key)
        say(f"  WRONG  {event.key}: {'; '.join(problems)}" if problems else f"  ok     {event.key}")
    if not result.problems:
        say(f"All {len(events)} events were read back exactly once, with their contact, type and content.")
        return 0
    say(f"{len(result.problems)} of {len(events)} events were not read back as they were posted.")
    if result.waits:
        say("What was not read may have been created before `start_date`, or is not visible yet.")
    return 1


def attempts(seconds: float) -> Iterator[None]:
    """Attempts with growing pauses between them, until the time is up; there is always a first one."""
    end, pause = time.monotonic() + seconds, FIRST_PAUSE
    yield
    while time.monotonic() + pause <= end:
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
        yield


def say(text: str) -> None:
    print(filter_secrets(text), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m seed",
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

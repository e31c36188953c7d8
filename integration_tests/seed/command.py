"""The command line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from airbyte_cdk.utils.airbyte_secrets_utils import add_to_secrets, filter_secrets

from integration_tests.seed.account import Account, Refused, account_of
from integration_tests.seed.plan import InvalidPlan, Plan, load
from integration_tests.seed.verification import ReadFailed, problems, seeded, wait_for
from source_events.configuration import InvalidConfiguration
from source_events.entrypoint import PageEntrypoint
from source_events.specification import specification


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 if every event is in the account (and was read back), 1 if not, 2 if the file is wrong."""
    options = _parser().parse_args(arguments)
    try:
        plan = load(options.file)
        _hide_secrets(plan)
        account = account_of(plan)
        _post_missing(account)
        return _verify(account, options.wait) if options.verify else 0
    except (InvalidPlan, InvalidConfiguration) as error:
        return _say(str(error), 2)
    except (Refused, ReadFailed) as error:
        return _say(str(error), 1)


def _post_missing(account: Account) -> None:
    found = seeded(account)
    missing = [event for event in account.plan.events if event.key not in found]
    posted = sum(account.post(event) for event in missing)
    print(f"{posted} events posted, {len(account.plan.events) - posted} were there already", flush=True)


def _verify(account: Account, patience: float) -> int:
    wrong = problems(account, wait_for(account, patience))
    for problem in wrong:
        print(filter_secrets(problem), file=sys.stderr)
    right = len(account.plan.events) - len({problem.partition(":")[0] for problem in wrong})
    print(f"{right} of {len(account.plan.events)} events were read back from `{account.stream}`, once and as posted")
    return 1 if wrong else 0


def _hide_secrets(plan: Plan) -> None:
    PageEntrypoint.set_up_secret_filter(plan.connection, specification()["connectionSpecification"])
    if plan.write_key:
        add_to_secrets(plan.write_key)


def _say(message: str, status: int) -> int:
    print(filter_secrets(message), file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m integration_tests.seed",
        description="Post events to an account, each once however often this runs, and have the connector read them.",
    )
    parser.add_argument("--file", type=Path, required=True, help="the connection and the events (docs/seeding.md)")
    parser.add_argument("--verify", action="store_true", help="read the events back with the connector, and compare")
    parser.add_argument("--wait", type=float, default=120, help="seconds until they must be readable (%(default)s)")
    return parser

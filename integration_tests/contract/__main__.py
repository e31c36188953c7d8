"""`CARECLOUD_OPENAPI=openapi.yaml python -m integration_tests.contract`

Ends with 1 if a request is not as the definition says, or if the check is not complete; with 2 if it was not run.
"""

from __future__ import annotations

import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from integration_tests.contract.calls import Call, all_calls, endpoints
from integration_tests.contract.definition import Definition

VARIABLE = "CARECLOUD_OPENAPI"


def main() -> int:
    given = os.environ.get(VARIABLE)
    if not given or not Path(given).is_file():
        reason = f"there is no file {given}" if given else "the provider's definition is not part of this project"
        print(
            f"Not run: {reason}. Set {VARIABLE} to the path of a copy: {VARIABLE}=openapi.yaml make contract",
            file=sys.stderr,
        )
        return 2
    path = Path(given)
    definition = Definition.of_file(path)
    logging.getLogger("airbyte").setLevel(logging.ERROR)
    calls = all_calls()
    for line in made(definition, calls):
        print(line)
    problems = found(definition, calls)
    print("\n".join(problems) or f"All {len(calls):,} requests are as {path.name} says.")
    return 1 if problems else 0


def made(definition: Definition, calls: Iterable[Call]) -> list[str]:
    """What was asked for: how often, and with which parameters."""
    numbers: Counter[str] = Counter()
    parameters: dict[str, set[str]] = {}
    for call in calls:
        name = f"{call.method} {definition.endpoint(call) or call.path}"
        numbers[name] += 1
        parameters.setdefault(name, set()).update(key for key, _ in call.query)
    return [
        f"{name}: {number:,} requests, {', '.join(sorted(parameters[name])) or 'no parameters'}"
        for name, number in sorted(numbers.items())
    ]


def found(definition: Definition, calls: Iterable[Call]) -> list[str]:
    """What is wrong, once for each endpoint and reason; and the endpoints that no request was made of."""
    reached = {definition.endpoint(call) for call in calls}
    missing = [f"{path}: the connector knows it, and made no request" for path in sorted(endpoints() - reached)]
    numbers = Counter(
        f"{call.method} {definition.endpoint(call) or call.path}: {problem}"
        for call in calls
        for problem in definition.problems(call)
    )
    return [*missing, *(f"{problem} ({number:,} requests)" for problem, number in sorted(numbers.items()))]


if __name__ == "__main__":
    sys.exit(main())

"""The options of a read, checked."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from isodate import parse_duration

from source_events.settings.configuration import InvalidConfiguration, read_configuration, validate
from source_events.settings.documents import InvalidDocument

DEFAULT_PARTITIONS = 8
NAMES = ("config", "config_path", "stream", "partitions", "tasks", "step", "pushdown")
INTERNAL = ("_", "spark.")
"""What the names of options begin with that are a platform's own."""
LEAST_STEP = timedelta(seconds=1)


@dataclass(frozen=True)
class Options:
    """`tasks` is how many partitions are read at the same time, at most; nothing given, all of them.

    `step` is the grid of the times that a streaming query stops at. Without `pushdown` filters are Spark's own affair.
    """

    config: Mapping[str, Any]
    stream: str
    partitions: int
    tasks: int | None
    step: timedelta
    pushdown: bool

    @property
    def together(self) -> int:
        """How many partitions are read at the same time, at most."""
        return min(self.partitions, self.tasks or self.partitions)


def read_options(given: Mapping[str, str]) -> Options:
    """
    :raises InvalidDocument: if an option is wrong, or the configuration cannot be read
    :raises InvalidConfiguration: if the configuration is wrong
    """
    named = {name.lower(): value for name, value in given.items()}
    for name in named:
        if name not in NAMES and not name.startswith(INTERNAL):
            meant = difflib.get_close_matches(name, NAMES, n=1) or (["config_path"] if name == "path" else [])
            if meant:
                raise InvalidDocument(f"`{name}` is not an option; did you mean `{meant[0]}`?")
            raise InvalidDocument(f"`{name}` is not an option; the options are: {', '.join(NAMES)}.")
    if not named.get("stream"):
        raise InvalidDocument("The option `stream` is missing: the name of the stream to read, as `org_events`.")
    config = _config(named)
    validate(config)
    options = Options(
        config=config,
        stream=named["stream"],
        partitions=_number("partitions", named.get("partitions", str(DEFAULT_PARTITIONS))),
        tasks=_number("tasks", named["tasks"]) if "tasks" in named else None,
        step=_step(named.get("step", "PT1M")),
        pushdown=_flag("pushdown", named.get("pushdown", "true")),
    )
    return _within_limits(options)


def _config(named: Mapping[str, str]) -> Mapping[str, Any]:
    if ("config" in named) == ("config_path" in named):
        raise InvalidDocument(
            "Give one of the options `config`, the configuration as JSON, and `config_path`, its file."
        )
    if "config_path" in named:
        return read_configuration(named["config_path"])
    try:
        config = json.loads(named["config"])
    except ValueError:
        # Its own words would quote what may be a secret.
        raise InvalidDocument("The option `config` is not JSON.") from None
    if not isinstance(config, dict):
        raise InvalidDocument("The option `config` must be a JSON object.")
    return config


def _number(name: str, value: str) -> int:
    if not value.isdecimal() or int(value) < 1:
        raise InvalidDocument(f"The option `{name}` must be a number, at least 1.")
    return int(value)


def _flag(name: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise InvalidDocument(f"The option `{name}` must be true or false.")
    return value.lower() == "true"


def _step(value: str) -> timedelta:
    try:
        step = parse_duration(value)
    except (ValueError, OverflowError):
        step = None
    if not isinstance(step, timedelta) or step < LEAST_STEP:
        raise InvalidDocument(
            "The option `step` must be an ISO 8601 duration of at least a second, as PT1M for a minute."
        )
    return step


def _within_limits(options: Options) -> Options:
    """With no more partitions at the same time than the configuration allows requests: each makes one at least.

    :raises InvalidConfiguration: if more were asked for
    """
    for name, default in LIMITS.items():
        limit = int(options.config.get(name) or default or options.together)
        if options.tasks is None:
            options = replace(options, partitions=min(options.partitions, limit))
        elif options.together > limit:
            problem = f"`{name}` is {limit}, which {options.together} tasks cannot share: set `tasks` to {limit}."
            raise InvalidConfiguration([problem])
    return options


def shares(config: Mapping[str, Any], tasks: int) -> dict[str, int]:
    """What each of so many tasks may use of what all may use together."""
    given = {name: config.get(name) or default for name, default in LIMITS.items()}
    return {name: int(limit) // max(tasks, 1) for name, limit in given.items() if limit}


LIMITS: Mapping[str, int | None] = {"num_workers": 8, "requests_per_minute": None}
"""What limits all tasks together, and what it is unless it is configured."""

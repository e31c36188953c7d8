"""Restrictions that nothing matches: what can be known of them when a configuration is checked, and behind a read."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Protocol

import msgspec
from airbyte_cdk.models import AirbyteMessage, AirbyteStateMessage, Type
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_events import providers
from source_events.components.partition import page_of
from source_events.components.selection import OTHER_TYPES, OUTSIDE
from source_events.components.windows import Slice
from source_events.runtime import Runtime

logger = logging.getLogger("airbyte")

MOST_NAMES = 20
"""The most names that a sentence lists."""


class BoundSource(Protocol):
    """What is asked of a source: its completed configuration, and the streams that it can read."""

    @property
    def completed(self) -> Mapping[str, Any]: ...

    def definition(self, name: str) -> Mapping[str, Any] | None: ...

    def reader(self, definition: Mapping[str, Any]) -> Any: ...


def tell_unmatched(source: BoundSource) -> None:
    """Log what is known of restrictions that nothing will match, at the cost of one request at most.

    It asks for the events of the first contact; else, where the account has a list of its event types, for that.
    """
    types, contacts = source.completed["event_types"], source.completed["contact_ids"]
    documented = providers.documented_types(source.completed["provider"]["provider_type"]) if types else []
    _tell_of_types(types, documented, "but documented are")
    try:
        if contacts:
            _tell_of_contact(source, contacts[0])
        elif types and not documented:
            _tell_of_types(types, _types_of_account(source), "but the account has")
    except AirbyteTracedException as error:
        logger.info(f"Whether `event_types` and `contact_ids` match anything cannot be told: {error.message}")


def _tell_of_types(types: Sequence[str], known: Collection[str], whose: str) -> None:
    unknown = [name for name in types if name not in known] if known else []
    if unknown:
        meant = get_close_matches(unknown[0], known, n=1)
        hint = f" Did you mean {meant[0]}?" if meant else ""
        logger.info(
            f"`event_types` names {_enumerated(unknown)}, {whose} {_enumerated(sorted(known))}. "
            f"Nothing is read of a type that no event has.{hint}"
        )


def _tell_of_contact(source: BoundSource, contact: str) -> None:
    config = source.completed
    definition = source.definition("contact_events")
    start, end = config["start_date"], config["end_date"]
    answer = source.reader(definition).first_answer(contact, start, end) if definition else None
    # That the system does not know a contact is logged with its answer.
    if answer is not None and not answer.rows:
        kind = "events of the `event_types`" if config["event_types"] else "events"
        logger.info(f"`contact_ids` names {contact}, which has no {kind} from {start} to {end}.")


def _types_of_account(source: BoundSource) -> list[str]:
    """The account's event types; none, where there is no list of them, or its first page may not be all of it."""
    definition = source.definition("event_types")
    if definition is None:
        return []
    start, end = source.completed["start_date"], source.completed["end_date"]
    answer = source.reader(definition).first_answer(Slice(start, end))
    if answer is None or answer.announced is None or answer.announced > len(answer.rows):
        return []
    return [str(msgspec.json.decode(row)[definition["primary_key"]]) for row in answer.rows]


def _enumerated(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def told_of_nothing(
    messages: Iterable[AirbyteMessage],
    config: Mapping[str, Any],
    runtime: Runtime,
    state: Sequence[AirbyteStateMessage],
) -> Iterator[AirbyteMessage]:
    """The messages of a read; behind a whole one without any record, the log says why that may be."""
    records = 0
    for message in messages:
        if message.type is Type.RECORD:
            page = page_of(message)
            records += page.count if page else 1
        yield message
    if not records:
        logger.info(f"Nothing was read: {_reason(config, runtime, went_on=bool(state))}.")


def _reason(config: Mapping[str, Any], runtime: Runtime, *, went_on: bool) -> str:
    counted = [run.counts.now for run in runtime.streams]
    others, outside = (sum(each.left_out[reason] for each in counted) for reason in (OTHER_TYPES, OUTSIDE))
    gone = sum(each.gone for each in counted)
    span = f"from {config['start_date']} to {config['end_date']}"
    if others:
        return f"all {others} events {span} are of other types than `event_types`"
    if gone and config["contact_ids"]:
        rest = "" if gone >= len(config["contact_ids"]) else f", and the others have no events {span}"
        return f"{gone} of the {len(config['contact_ids'])} contacts in `contact_ids` are not known{rest}"
    restrictions = [f"`{name}`" for name in ("event_types", "contact_ids") if config[name]]
    if restrictions:
        return f"no event {span} matches {' and '.join(restrictions)}"
    if outside:
        return f"all {outside} events that came lie outside the time {span}"
    if went_on:
        return f"there is nothing new since the last sync, up to {config['end_date']}"
    return f"there is nothing {span}"
